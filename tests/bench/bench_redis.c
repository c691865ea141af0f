/* tests/bench/bench_redis.c - all of the bus on Redis against raw hiredis: sending, receiving, the way of one event. */
#include "redis_sides.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM_UP = 50, LATENCY_ROUNDS = 7, SAMPLES_MAX = 2000 };

static void our_produce(void *arg, struct bench_figure *figure) {
    redis_flush();
    bus_produce(arg, figure);
}

static void compare(const char *what, void (*raw)(void *, struct bench_figure *), void (*ours)(void *, struct bench_figure *),
                    struct bus_work *work) {
    const struct bench_side sides[] = {
        { .name = "raw hiredis, batches of 100", .run = raw, .arg = work },
        { .name = "the bus", .run = ours, .arg = work, .bound = 0.9 },
    };

    bench_run(what, BENCH_RATE, sides, 2);
}

/* ---- The way of one event to a receiver in another process ---- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values, size_t n) {
    qsort(values, n, sizeof *values, by_size);
    return values[n / 2];
}

static void await(int told, const char *what) {
    char byte;

    if (read(told, &byte, 1) != 1)
        bench_die("%s: the receiving process ended", what);
}

/* The median, in microseconds, of the time from before the sending until the other process's word is here. */
static double latency(const struct bus_pair *pair, const struct bus_work *work, const char *what, int samples) {
    static double times[SAMPLES_MAX];
    int ends[2];
    void *sender;
    pid_t child;

    redis_flush();
    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_die("cannot start a process");
    if (child == 0)
        pair->receive(work, ends[1]);
    close(ends[1]);
    await(ends[0], what);
    sender = pair->open(work);
    for (int i = -WARM_UP; i < samples; i++) {
        double begin = bench_clock();

        pair->send(sender);
        await(ends[0], what);
        if (i >= 0)
            times[i] = (bench_clock() - begin) * 1e6;
    }
    pair->close(sender);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    return median(times, (size_t)samples);
}

static void compare_latency(const struct bus_work *work) {
    double raw[LATENCY_ROUNDS], ours[LATENCY_ROUNDS], ratio[LATENCY_ROUNDS];
    int samples = (int)bench_size(500);

    if (!bench_wants("latency"))
        return;
    samples = samples < 20 ? 20 : samples > SAMPLES_MAX ? SAMPLES_MAX : samples;
    for (int round = 0; round < LATENCY_ROUNDS; round++) {
        if (round % 2)
            ours[round] = latency(&bus_pair, work, "ours", samples);
        raw[round] = latency(&raw_pair, work, "raw", samples);
        if (round % 2 == 0)
            ours[round] = latency(&bus_pair, work, "ours", samples);
        ratio[round] = ours[round] / raw[round];
    }
    bench_value("latency, raw XADD to XREADGROUP", "us, median", median(raw, LATENCY_ROUNDS), -1);
    bench_value("latency, eb_send to receiver", "us, median", median(ours, LATENCY_ROUNDS), -1);
    bench_value("latency, the bus to raw", "times", median(ratio, LATENCY_ROUNDS), 2);
}

/* ---- Python's packages, for comparison ---- */

/* One figure of peer.py's line, {"produce_per_s": N, "consume_per_s": N}; 0: it is not there. */
static double figure_of(const char *line, const char *name) {
    const char *at = strstr(line, name);

    return at ? strtod(at + strlen(name) + 2, NULL) : 0;
}

/* Only where the tests have made their Python environment. */
static void show_python(void) {
    const char *top = getenv("top_srcdir");
    char command[1500], line[300] = "";

    if (!bench_wants("python"))
        return;
    snprintf(command, sizeof command,
             "cd '%s/tests/interop' && python=$(./venv.sh --show) && "
             "EVENT_BUS_REDIS_CONNECTION_URL='%s' PYTHONDONTWRITEBYTECODE=1 "
             "\"$python\" peer.py bench --bus redis --count %ld 2>/dev/null",
             top ? top : ".", redis_url(), bench_size(3000));
    FILE *out = popen(command, "r");
    if (!out || !fgets(line, sizeof line, out))
        fprintf(stderr, "bench_redis: the Python packages are not here (tests/interop/venv.sh makes them)\n");
    if (out)
        pclose(out);
    if (!line[0])
        return;
    bench_value("python, produce", "/s", figure_of(line, "\"produce_per_s\""), -1);
    bench_value("python, consume", "/s", figure_of(line, "\"consume_per_s\""), -1);
}

int main(int argc, char **argv) {
    struct bus_work work = { .plugin = "redis" };
    char settings[200];

    bench_init("redis", argc, argv);
    work.count = (bench_size(100000) + REDIS_BATCH - 1) / REDIS_BATCH * REDIS_BATCH;
    redis_begin();
    bench_pin(0, 0);
    snprintf(settings, sizeof settings, "url = %s\n", redis_url());
    work.settings = settings;
    compare("produce", raw_produce, our_produce, &work);
    if (bench_wants("consume"))
        redis_fill(work.count);
    compare("consume and acknowledge", raw_consume, bus_consume, &work);
    redis_flush();
    compare_latency(&work);
    show_python();
    redis_end();
    return bench_end();
}
