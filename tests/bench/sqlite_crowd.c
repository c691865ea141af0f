/* tests/bench/sqlite_crowd.c - many processes of the plugin on one file, and one that sleeps: what each of them gets, how
 * long the log becomes, how long one waits, how soon a sleeper wakes, what its sleep costs. */
#include "sqlite_crowd.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ratio.h"
#include "sqlite_sides.h"

enum { EACH = 4, BATCH = 100, BODY = 34, MESSAGES = 1200, MISSED_MS = 3000 };

/* What the processes tell: each writes its own. */
struct told {
    _Atomic long events;
    _Atomic double longest_ms; /* between two signs of progress */
};

static struct told *shared(size_t n) {
    void *told = mmap(NULL, n * sizeof(struct told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (told == MAP_FAILED)
        bench_die("no memory");
    return told;
}

static void pause_ms(long ms) {
    const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

static void progress(struct told *told, long n, double *last) {
    double now = bench_clock(), ms = (now - *last) * 1e3;

    told->events += n;
    if (ms > told->longest_ms)
        told->longest_ms = ms;
    *last = now;
}

static void await(pid_t child) {
    int status;

    if (waitpid(child, &status, 0) < 0 || status != 0)
        bench_die("a process of the crowd ended badly");
}

/* ---- 4 producers and 4 workers ---- */

static void send_for(struct told *told, double seconds, long retain) {
    struct our_sender *sender = our_sender_open(sqlite_path("crowd"), retain);
    double last, end;

    our_send(sender, BATCH, BODY);
    last = bench_clock();
    for (end = last + seconds; last < end; progress(told, BATCH, &last))
        our_send(sender, BATCH, BODY);
    our_sender_close(sender);
}

static void work_for(struct told *told, double seconds) {
    struct our_worker *worker = our_worker_open(sqlite_path("crowd"), "crowd");
    double last = 0, end = bench_clock() + seconds;

    while (bench_clock() < end) {
        long n = our_receive(worker, BATCH, 100);

        if (n > 0 && last == 0)
            last = bench_clock(); /* what went before was how it came by its part */
        if (n > 0)
            progress(told, n, &last);
    }
    our_worker_close(worker);
}

static pid_t start(int i, struct told *told, double seconds, long retain) {
    pid_t child = fork();

    if (child < 0)
        bench_die("cannot fork");
    if (child > 0)
        return child;
    bench_pin(0, i / 2); /* a producer and a worker to each CPU, by turns */
    if (i % 2)
        send_for(&told[i], seconds, retain);
    else
        work_for(&told[i], seconds);
    _exit(0);
}

static double log_mb(void) {
    struct stat about;
    char path[240];

    snprintf(path, sizeof path, "%s-wal", sqlite_path("crowd"));
    return stat(path, &about) == 0 ? (double)about.st_size / (1 << 20) : 0;
}

/* The least part of one of a kind in the sum of its kind, in percent. */
static double least_part(const struct told *told, int kind) {
    long sum = 0, least = -1;

    for (int i = kind; i < 2 * EACH; i += 2) {
        long events = told[i].events;

        sum += events;
        least = least < 0 || events < least ? events : least;
    }
    return sum > 0 ? 100.0 * (double)least / (double)sum : 0;
}

struct crowd {
    double sent, worked, least_sent, least_worked, log_mb, longest_ms;
};

static struct crowd run_crowd(double seconds, long retain) {
    struct told *told = shared(2 * EACH);
    struct our_sender *first;
    struct crowd crowd = { 0 };
    pid_t children[2 * EACH];
    double end = bench_clock() + seconds;

    sqlite_remove("crowd");
    first = our_sender_open(sqlite_path("crowd"), 0); /* the log stays until it was looked at */
    our_send(first, BATCH, BODY);
    for (int i = 0; i < 2 * EACH; i++)
        children[i] = start(i, told, seconds, retain);
    for (; bench_clock() < end; pause_ms(20))
        crowd.log_mb = log_mb() > crowd.log_mb ? log_mb() : crowd.log_mb;
    for (int i = 0; i < 2 * EACH; i++) {
        await(children[i]);
        crowd.longest_ms = told[i].longest_ms > crowd.longest_ms ? told[i].longest_ms : crowd.longest_ms;
        *(i % 2 ? &crowd.sent : &crowd.worked) += (double)told[i].events / seconds;
    }
    crowd.least_worked = least_part(told, 0);
    crowd.least_sent = least_part(told, 1);
    our_sender_close(first);
    sqlite_remove("crowd");
    munmap(told, 2 * EACH * sizeof *told);
    return crowd;
}

/* What the machine does to eight processes is in the waits with retention and in those without. */
void sqlite_crowd(void) {
    double seconds = (double)bench_size(8000) / 1e3;
    struct crowd without, with;

    if (!bench_wants("4 producers and 4 workers"))
        return;
    bench_title("4 producers and 4 workers, settled events being removed");
    without = run_crowd(seconds, 0);
    with = run_crowd(seconds, 1000);
    bench_value("sent in sum", "/s", with.sent, -1);
    bench_value("worked in sum", "/s", with.worked, -1);
    bench_value_least("least part of a producer", "% of the sum", with.least_sent, 15);
    bench_value_least("least part of a worker", "% of the sum", with.least_worked, 15);
    bench_value("log at most", "MB", with.log_mb, 16);
    bench_value("longest wait without retention", "ms", without.longest_ms, -1);
    bench_value("longest wait beyond that", "ms", with.longest_ms - without.longest_ms, 50);
}

/* ---- A sleeper ---- */

/* Says for each message how many seconds after it was sent it is here: its body is when. */
static void echo_delays(int to) {
    struct our_worker *worker = our_worker_open(sqlite_path("sleep"), "sleep");
    double ready = 0;

    our_receive(worker, 1, 0);
    for (bool said = write(to, &ready, sizeof ready) == sizeof ready; said;) {
        double sent, delay;

        if (our_receive(worker, 1, 1000) <= 0)
            continue;
        memcpy(&sent, our_body(worker), sizeof sent);
        delay = bench_clock() - sent;
        said = write(to, &delay, sizeof delay) == sizeof delay;
    }
    _exit(1);
}

static bool hear(int from, double *delay) {
    struct pollfd ready = { .fd = from, .events = POLLIN };

    return poll(&ready, 1, MISSED_MS) > 0 && read(from, delay, sizeof *delay) == sizeof *delay;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sends now and then to one that is asleep, going to sleep, or awake; the delays by size; answers how many never came. */
static int measure_delays(double *delays, int n) {
    struct our_sender *sender;
    double ready;
    int ends[2], heard = 0;
    pid_t child;

    sqlite_remove("sleep");
    sender = our_sender_open(sqlite_path("sleep"), 0);
    our_send_time(sender, "other");
    if (pipe(ends) != 0 || (child = fork()) < 0)
        bench_die("cannot fork");
    if (child == 0) {
        bench_pin(0, 1);
        echo_delays(ends[1]);
    }
    if (!hear(ends[0], &ready))
        bench_die("the sleeper does not start");
    for (int i = 0; i < n; i++) {
        pause_ms(i % 7);
        our_send_time(sender, "user-login");
        heard += hear(ends[0], &delays[heard]);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
    our_sender_close(sender);
    qsort(delays, (size_t)heard, sizeof *delays, by_size);
    return n - heard;
}

/* The share of a CPU, in percent, that a member of a group needs to wait. */
static double idle_percent(double seconds) {
    struct our_worker *worker = our_worker_open(sqlite_path("sleep"), "idle");
    struct rusage before, after;
    double from;

    while (our_receive(worker, BATCH, 300) > 0)
        continue;
    getrusage(RUSAGE_THREAD, &before);
    for (from = bench_clock(); bench_clock() - from < seconds;)
        our_receive(worker, BATCH, 1000);
    seconds = bench_clock() - from;
    getrusage(RUSAGE_THREAD, &after);
    our_worker_close(worker);
    return 100 * (bench_cpu(&after) - bench_cpu(&before)) / seconds;
}

void sqlite_sleeper(void) {
    static double delays[MESSAGES];
    int n = (int)bench_size(MESSAGES), missed;

    if (!bench_wants("waking up") || n > MESSAGES)
        return;
    bench_title("waking up, from the send in one process to the receive in another");
    missed = measure_delays(delays, n);
    n -= missed;
    bench_value("messages missed", "", missed, 0);
    bench_value("median", "us", n ? delays[n / 2] * 1e6 : 0, -1);
    bench_value("99 of 100 within", "us", n ? delays[n * 99 / 100] * 1e6 : 0, 1000);
    bench_value("at worst", "us", n ? delays[n - 1] * 1e6 : 0, -1);
    bench_value("idle", "% of a CPU", idle_percent((double)bench_size(10000) / 1e3), 0.1);
    sqlite_remove("sleep");
}
