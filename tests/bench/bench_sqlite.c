/* tests/bench/bench_sqlite.c - the plugin sqlite against the raw library: the same rows, in the same batches. */
#include "sqlite_crowd.h"
#include "sqlite_sides.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char sqlite_body[4096];
static char folder[] = "/tmp/bench_sqlite.XXXXXX";

/* ---- Files ---- */

const char *sqlite_path(const char *name) {
    static char path[200];

    snprintf(path, sizeof path, "%s/%s.db", folder, name);
    return path;
}

void sqlite_remove(const char *name) {
    static const char *const ends[] = { "", "-wal", "-shm", "-side" };
    char path[240];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s/%s.db%s", folder, name, ends[i]);
        unlink(path);
    }
}

void sqlite_begin(void) {
    const char *build = getenv("top_builddir");
    char file[500];

    snprintf(file, sizeof file, "%s/.libs/sqlite.so", build ? build : ".");
    our_open(file);
    if (!mkdtemp(folder))
        bench_die("cannot make a folder in /tmp");
    memset(sqlite_body, 'b', sizeof sqlite_body);
}

void sqlite_end(void) {
    sqlite_remove("raw");
    sqlite_remove("ours");
    rmdir(folder);
}

/* ---- What is compared ---- */

static void produce(const char *what, struct sqlite_work work, double bound) {
    const struct bench_side sides[] = {
        { .name = "raw sqlite", .run = raw_produce, .arg = &work },
        { .name = "plugin", .run = our_produce, .arg = &work, .bound = bound },
    };

    bench_run(what, BENCH_RATE, sides, 2);
}

static void consume(const char *what, struct sqlite_work work, double bound) {
    struct sqlite_work two = work, four = work;
    struct bench_figure filling;
    const struct bench_side sides[] = {
        { .name = "raw sqlite", .run = raw_consume, .arg = &work },
        { .name = "plugin", .run = our_consume, .arg = &work, .bound = bound },
        { .name = "plugin, 2 workers in sum", .run = our_consume, .arg = &two, .against = 1 },
        { .name = "plugin, 4 workers in sum", .run = our_consume, .arg = &four, .against = 1, .bound = 0.8 },
    };

    two.workers = 2;
    four.workers = 4;
    if (!bench_wants(what))
        return;
    raw_produce(&work, &filling);
    our_produce(&work, &filling);
    bench_run(what, BENCH_RATE, sides, 4);
}

static struct sqlite_work work_of(long count, long batch, size_t body, bool power) {
    long batches = (bench_size(count) + batch - 1) / batch;

    return (struct sqlite_work){ .count = batches * batch, .batch = batch, .body = body, .power = power };
}

int main(int argc, char **argv) {
    bench_init("sqlite", argc, argv);
    sqlite_begin();
    bench_pin(0, 0);
    produce("produce, process, batches of 100", work_of(200000, 100, 34, false), 0.75);
    produce("produce, power, batches of 100", work_of(50000, 100, 34, true), 0.75);
    produce("produce, process, one a batch", work_of(20000, 1, 34, false), 0.7);
    produce("produce, power, one a batch", work_of(2000, 1, 34, true), 0);
    produce("produce, process, 2 KB, batches of 100", work_of(20000, 100, 2176, false), 0);
    consume("consume, batches of 100", work_of(400000, 100, 34, false), 0.4);
    consume("consume, 2 KB, batches of 100", work_of(100000, 100, 2176, false), 0);
    sqlite_remove("raw");
    sqlite_remove("ours");
    sqlite_crowd();
    sqlite_sleeper();
    sqlite_end();
    return bench_end();
}
