/* tests/bench/bench_sqlite.c - the plugin sqlite against the raw library: the same rows, in the same batches, pinned alike,
 * one after the other by turns; the median of the rounds, as ratios. With --json one object a line. */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <eventbus/plugin.h>

#include "settings.h"

enum { ROUNDS_MAX = 31, WORKERS_MAX = 4, BATCH_MAX = 1000 };

static char folder[] = "/tmp/bench_sqlite.XXXXXX";
static const struct eb_producer_ops *producer;
static const struct eb_consumer_ops *consumer;
static int rounds = 7;
static long scale = 1;
static bool json;
static const char *only = "";
static char padding[4096];

/* ---- small things ---- */

static double now_s(void) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void die(const char *what) {
    fprintf(stderr, "bench_sqlite: %s\n", what);
    exit(1);
}

static void pin(int cpu) {
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu % (size_t)sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof set, &set);
}

static const char *path_of(const char *name) {
    static char path[200];

    snprintf(path, sizeof path, "%s/%s.db", folder, name);
    return path;
}

static void remove_files(const char *name) {
    static const char *const ends[] = { "", "-wal", "-shm", "-side" };
    char path[240];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(path, sizeof path, "%s/%s.db%s", folder, name, ends[i]);
        unlink(path);
    }
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *list, int n) {
    qsort(list, (size_t)n, sizeof *list, by_size);
    return list[n / 2];
}

/* ---- the event: as a login is on the wire ---- */

static const struct eb_header attrs[] = {
    { { "type", 4 }, { "org.openedx.learning.auth.session.login.completed.v1", 52 } },
    { { "id", 2 }, { "0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36 } },
    { { "source", 6 }, { "openedx/lms/web", 15 } },
    { { "time", 4 }, { "2026-11-23T20:00:00.123456+00:00", 32 } },
    { { "minorversion", 12 }, { "0", 1 } },
    { { "sourcehost", 10 }, { "web-1", 5 } },
    { { "sourcelib", 9 }, { "11.2.0", 6 } },
};

static void make_message(struct eb_message *m, char *key, uint64_t i, size_t body) {
    *m = (struct eb_message){ .size = sizeof *m, .token = i, .topic = { "user-login", 10 },
                              .id = { "0d6a1c0e-6f0b-11ef-9f2d-0242ac120002", 36 }, .payload = { padding, body },
                              .attrs = attrs, .n_attrs = sizeof attrs / sizeof *attrs };
    m->key.len = (size_t)snprintf(key, 24, "user-%" PRIu64, i % 10007);
    m->key.data = key;
}

/* ---- raw ---- */

static sqlite3 *raw_open(const char *name, bool power) {
    sqlite3 *db;
    char pragma[80];

    if (sqlite3_open_v2(path_of(name), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL))
        die("cannot open the raw file");
    snprintf(pragma, sizeof pragma, "PRAGMA page_size=8192;PRAGMA journal_mode=WAL;PRAGMA synchronous=%s", power ? "FULL" : "NORMAL");
    sqlite3_exec(db, pragma, NULL, NULL, NULL);
    sqlite3_busy_timeout(db, 10000);
    return db;
}

static sqlite3_stmt *raw_prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL))
        die(sqlite3_errmsg(db));
    return statement;
}

static void raw_run(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE)
        die(sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_reset(statement);
}

/* The bytes that the plugin writes for such an event, so that the rows are the same. */
static char head[256];
static int head_len;

static double raw_produce(const char *name, bool power, size_t body, long count, long batch) {
    sqlite3 *db = raw_open(name, power);
    sqlite3_stmt *begin, *commit, *add;
    double from;

    sqlite3_exec(db, "CREATE TABLE msg(id INTEGER PRIMARY KEY, slot INT NOT NULL, time INT NOT NULL, key BLOB,"
                 " head BLOB NOT NULL, body BLOB) STRICT", NULL, NULL, NULL);
    begin = raw_prepare(db, "BEGIN IMMEDIATE");
    commit = raw_prepare(db, "COMMIT");
    add = raw_prepare(db, "INSERT INTO msg VALUES(?1,?2,?3,?4,?5,?6)");
    from = now_s();
    for (long i = 0; i < count;) {
        raw_run(begin);
        for (long k = 0; k < batch && i < count; k++, i++) {
            char key[24];
            int len = snprintf(key, sizeof key, "user-%ld", i % 10007);
            sqlite3_bind_int64(add, 1, (1LL << 40) + i + 1);
            sqlite3_bind_int(add, 2, (int)(i % 64));
            sqlite3_bind_int64(add, 3, 1790000000000 + i / 100);
            sqlite3_bind_blob(add, 4, key, len, SQLITE_STATIC);
            sqlite3_bind_blob(add, 5, head, head_len, SQLITE_STATIC);
            sqlite3_bind_blob(add, 6, padding, (int)body, SQLITE_STATIC);
            raw_run(add);
        }
        raw_run(commit);
    }
    from = now_s() - from;
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(add);
    sqlite3_close(db);
    return (double)count / from;
}

static double raw_consume(const char *name, long count, long batch) {
    sqlite3 *db = raw_open(name, false);
    sqlite3_stmt *begin, *commit, *read, *set;
    long n = 0;
    int64_t at = 0;
    size_t sum = 0;
    double from;

    sqlite3_exec(db, "CREATE TABLE cursor(id INTEGER PRIMARY KEY, at INT); INSERT OR REPLACE INTO cursor VALUES(1,0)", NULL,
                 NULL, NULL);
    begin = raw_prepare(db, "BEGIN IMMEDIATE");
    commit = raw_prepare(db, "COMMIT");
    read = raw_prepare(db, "SELECT id,slot,time,key,head,body FROM msg WHERE id>?1 ORDER BY id LIMIT ?2");
    set = raw_prepare(db, "UPDATE cursor SET at=?1 WHERE id=1");
    from = now_s();
    while (n < count) {
        sqlite3_bind_int64(read, 1, at);
        sqlite3_bind_int64(read, 2, batch);
        while (sqlite3_step(read) == SQLITE_ROW) {
            at = sqlite3_column_int64(read, 0);
            sum += (size_t)sqlite3_column_int(read, 1) + (size_t)sqlite3_column_int64(read, 2);
            for (int column = 3; column < 6; column++) {
                const char *bytes = sqlite3_column_blob(read, column);
                sum += (size_t)sqlite3_column_bytes(read, column) + (size_t)(bytes ? bytes[0] : 0);
            }
            n++;
        }
        sqlite3_reset(read);
        raw_run(begin);
        sqlite3_bind_int64(set, 1, at);
        raw_run(set);
        raw_run(commit);
    }
    from = now_s() - from;
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    sqlite3_finalize(read);
    sqlite3_finalize(set);
    sqlite3_close(db);
    return sum ? (double)count / from : 0;
}

/* ---- ours ---- */

struct counters {
    uint64_t tokens[BATCH_MAX];
    size_t n_tokens;
    long received, settled, delivered;
};

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    if (level <= 4)
        fprintf(stderr, "bench_sqlite: %s\n", text);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)host;
    (void)name;
    (void)value;
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host;
    if (!up)
        fprintf(stderr, "bench_sqlite: %s\n", why->text);
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    struct counters *is = host->core;

    if (report->status != EB_OK)
        die(report->error->text);
    is->delivered++;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    struct counters *is = host->core;

    is->tokens[is->n_tokens++] = message->token;
    is->received++;
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    struct counters *is = host->core;

    (void)tokens;
    if (status == EB_OK)
        is->settled += (long)n;
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host;
    (void)tokens;
    (void)n;
    (void)grace_ms;
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    (void)host;
    (void)topic;
    return 1;
}

static struct eb_host host_for(struct counters *is) {
    return (struct eb_host){ .size = sizeof(struct eb_host), .core = is, .instance = "bench", .service = "bench",
                             .log = on_log, .metric = on_metric, .link = on_link, .delivered = on_delivered,
                             .received = on_received, .settled = on_settled, .revoke = on_revoke, .matches = on_matches };
}

static double our_produce(const char *name, bool power, size_t body, long count, long batch) {
    struct counters is = {0};
    struct eb_host host = host_for(&is);
    struct sq_settings set = { .path = path_of(name), .durability = power, .lease = 30000 };
    static struct eb_message messages[BATCH_MAX];
    const struct eb_message *list[BATCH_MAX];
    static char keys[BATCH_MAX][24];
    struct eb_error err;
    double from;
    void *self;

    if (producer->open(&host, &set, &self, &err))
        die(err.text);
    producer->poll(self, 0, &err);
    from = now_s();
    for (long i = 0; i < count; i += batch) {
        for (long k = 0; k < batch; k++) {
            make_message(&messages[k], keys[k], (uint64_t)(i + k), body);
            list[k] = &messages[k];
        }
        producer->submit(self, list, (size_t)batch, &err);
        while (is.delivered < i + batch)
            if (producer->poll(self, 1000, &err) < 0)
                die(err.text);
    }
    from = now_s() - from;
    producer->close(self, 1000);
    return (double)count / from;
}

/* Until this many were received by all together. */
static void consume_until(const char *name, const char *group, const char *member, long batch, _Atomic long *all, long count) {
    struct counters is = {0};
    struct eb_host host = host_for(&is);
    struct sq_settings set = { .path = path_of(name), .lease = 30000 };
    struct eb_point start = { .size = sizeof start, .kind = EB_EARLIEST };
    const char *topics[] = { "user-login" };
    struct eb_subscription sub = { .size = sizeof sub, .topics = topics, .n_topics = 1, .group = group, .consumer = member,
                                   .start = &start, .order = EB_ORDER_KEY, .max_messages = 1000, .max_bytes = 64 << 20 };
    struct eb_verdict verdicts[BATCH_MAX];
    struct eb_error err;
    void *self;

    if (consumer->open(&host, &set, &sub, &self, &err))
        die(err.text);
    while (*all < count) {
        long before = is.settled;
        is.n_tokens = 0;
        if (consumer->receive(self, (uint32_t)batch, 20, &err) < 0)
            die(err.text);
        *all += is.settled - before;
        for (size_t i = 0; i < is.n_tokens; i++)
            verdicts[i] = (struct eb_verdict){ .token = is.tokens[i], .what = EB_ACK };
        consumer->settle(self, verdicts, is.n_tokens, &err);
    }
    consumer->close(self, 1000);
}

static double our_consume(const char *name, const char *group, long count, long batch, int workers) {
    _Atomic long *all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double from = now_s();
    pid_t child[WORKERS_MAX];
    char member[] = "m0";

    *all = 0;
    if (workers == 1) {
        consume_until(name, group, member, batch, all, count);
    } else {
        for (int i = 0; i < workers; i++) {
            member[1] = (char)('0' + i);
            if ((child[i] = fork()) == 0) {
                pin(i);
                consume_until(name, group, member, batch, all, count);
                _exit(0);
            }
        }
        for (int i = 0; i < workers; i++)
            waitpid(child[i], NULL, 0);
    }
    from = now_s() - from;
    munmap(all, sizeof *all);
    return (double)count / from;
}

/* ---- what is compared ---- */

static void print(const char *what, double ours, double raw, const char *raw_name) {
    if (json)
        printf("{\"step\":\"%s\",\"events_per_second\":%.0f,\"against\":\"%s\",\"against_per_second\":%.0f,\"ratio\":%.3f}\n",
               what, ours, raw_name, raw, ours / raw);
    else
        printf("%-42s %9.0f /s   %s %9.0f /s   %.2f\n", what, ours, raw_name, raw, ours / raw);
    fflush(stdout);
}

static void compare_produce(const char *what, bool power, size_t body, long count, long batch) {
    double ours[ROUNDS_MAX], raw[ROUNDS_MAX];

    if (!strstr(what, only))
        return;
    for (int round = 0; round < rounds; round++) {
        remove_files("raw");
        remove_files("ours");
        raw[round] = raw_produce("raw", power, body, count, batch);
        ours[round] = our_produce("ours", power, body, count, batch);
    }
    print(what, median(ours, rounds), median(raw, rounds), "raw");
}

static void compare_consume(size_t body, long count, long batch) {
    double ours[ROUNDS_MAX], raw[ROUNDS_MAX], two[ROUNDS_MAX], four[ROUNDS_MAX];
    const char *what = body > 1000 ? "consume, 2 KB, batches of 100" : "consume, batches of 100";
    char group[24];

    if (!strstr(what, only))
        return;
    remove_files("raw");
    remove_files("ours");
    raw_produce("raw", false, body, count, 1000);
    our_produce("ours", false, body, count, 1000);
    for (int round = 0; round < rounds; round++) {
        raw[round] = raw_consume("raw", count, batch);
        snprintf(group, sizeof group, "one-%d", round);
        ours[round] = our_consume("ours", group, count, batch, 1);
        snprintf(group, sizeof group, "two-%d", round);
        two[round] = our_consume("ours", group, count, batch, 2);
        snprintf(group, sizeof group, "four-%d", round);
        four[round] = our_consume("ours", group, count, batch, 4);
    }
    median(ours, rounds);
    print(what, ours[rounds / 2], median(raw, rounds), "raw");
    print("  2 workers in sum", median(two, rounds), ours[rounds / 2], "one");
    print("  4 workers in sum", median(four, rounds), ours[rounds / 2], "one");
}

static void load(const char *file) {
    void *so = dlopen(file, RTLD_NOW | RTLD_LOCAL);

    if (!so)
        die(dlerror());
    producer = dlsym(so, "eventbus_producer");
    consumer = dlsym(so, "eventbus_consumer");
    if (!producer || !consumer)
        die("the plugin lacks a role");
}

int main(int argc, char **argv) {
    char file[500];

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strncmp(argv[i], "--rounds=", 9) == 0)
            rounds = atoi(argv[i] + 9);
        else if (strncmp(argv[i], "--scale=", 8) == 0)
            scale = atol(argv[i] + 8);
        else if (strncmp(argv[i], "--only=", 7) == 0)
            only = argv[i] + 7;
        else
            die("usage: bench_sqlite [--json] [--rounds=N] [--scale=N] [--only=TEXT]");
    if (rounds < 1 || rounds > ROUNDS_MAX || scale < 1)
        die("rounds: 1 to 31; scale: from 1");
    snprintf(file, sizeof file, "%s/.libs/sqlite.so", getenv("top_builddir") ? getenv("top_builddir") : ".");
    load(file);
    if (!mkdtemp(folder))
        die("cannot make a folder in /tmp");
    head_len = 222;                     /* of such an event, see head.c */
    memset(head, 'h', sizeof head);
    memset(padding, 'p', sizeof padding);
    pin(0);
    compare_produce("produce, process, batches of 100", false, 34, 200000 * scale, 100);
    compare_produce("produce, process, one a batch", false, 34, 20000 * scale, 1);
    compare_produce("produce, process, 2 KB, batches of 100", false, 2176, 20000 * scale, 100);
    compare_produce("produce, power, batches of 100", true, 34, 50000 * scale, 100);
    compare_produce("produce, power, one a batch", true, 34, 2000 * scale, 1);
    compare_consume(34, 200000 * scale, 100);
    compare_consume(2176, 20000 * scale, 100);
    remove_files("raw");
    remove_files("ours");
    rmdir(folder);
    return 0;
}
