/* bench/bench.c - turn by turn, the median of seven; see bench.h.
 *
 *   bench_pulsar [--rounds=N] [--scale=X] [--only=TEXT]      make bench BENCH_FLAGS='--scale=0.1 --rounds=3': a quick look
 *
 * The broker is its own, by tests/pulsar_server.py. Exit status: 0, the bounds are kept, or there is no Pulsar here; 1, one is not
 * kept; 2, it could not measure. */
#include "bench/bench.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 101, KEYS = 1000, COUNT = 200000, SKIPPED = 77 };

static const double least_ratio = 0.9;

static struct {
    int rounds;
    double scale;
    const char *only;
} asked = { 7, 1, "" };

static struct {
    pid_t pid; /* of the script that holds the broker */
    FILE *told;
    char url[200], admin_url[200];
    int broker; /* its process */
} server;

void bench_die(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fputs("bench_pulsar: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

const char *bench_key(long number) {
    static char keys[KEYS][16];
    char *key = keys[number % KEYS];

    if (!*key)
        snprintf(key, sizeof keys[0], "user-%ld", number % KEYS);
    return key;
}

/* ---- Measuring ---- */

static double seconds_of(clockid_t clock) {
    struct timespec at;

    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

void bench_start(struct bench_figure *figure) {
    figure->cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    figure->seconds = seconds_of(CLOCK_MONOTONIC);
}

void bench_stop(struct bench_figure *figure, long events) {
    figure->seconds = seconds_of(CLOCK_MONOTONIC) - figure->seconds;
    figure->cpu_seconds = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - figure->cpu_seconds;
    figure->events = (double)events;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *values) {
    double sorted[ROUNDS_MAX];

    memcpy(sorted, values, (size_t)asked.rounds * sizeof *sorted);
    qsort(sorted, (size_t)asked.rounds, sizeof *sorted, by_size);
    return sorted[asked.rounds / 2];
}

struct side {
    const char *name;
    void (*run)(const struct bench_work *, struct bench_figure *);
};

/* Runs both sides in each round, in the other order in each second one, so that neither profits from what the other left warm.
 * The ratio is the median of those of the rounds. Returns whether the bound is kept. */
static bool compare(const char *what, const struct bench_work *work, const struct side *sides) {
    double rates[2][ROUNDS_MAX], cpu_ns[2][ROUNDS_MAX], ratios[ROUNDS_MAX];

    if (!strstr(what, asked.only))
        return true;
    for (int round = 0; round < asked.rounds; round++) {
        for (int turn = 0; turn < 2; turn++) {
            int i = round % 2 ? 1 - turn : turn;
            struct bench_figure figure = { 0 };

            sides[i].run(work, &figure);
            rates[i][round] = figure.events / figure.seconds;
            cpu_ns[i][round] = figure.cpu_seconds * 1e9 / figure.events;
        }
        ratios[round] = rates[1][round] / rates[0][round];
    }
    bool kept = median(ratios) >= least_ratio;
    printf("%s\n", what);
    for (int i = 0; i < 2; i++)
        printf("  %-14s %9.0f /s %7.0f ns CPU", sides[i].name, median(rates[i]), median(cpu_ns[i])),
            fputs(i ? "" : "\n", stdout);
    printf("   %.3f  >= %g  %s\n", median(ratios), least_ratio, kept ? "PASS" : "FAIL");
    fflush(stdout);
    return kept;
}

/* ---- The broker, and the CPUs ---- */

static void pin(pid_t thread, int cpu) {
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(cpu % (int)sysconf(_SC_NPROCESSORS_ONLN)), &set);
    sched_setaffinity(thread, sizeof set, &set); /* a thread that has ended meanwhile needs no CPU */
}

static void pin_all(int pid, int cpu) {
    char path[40];
    struct dirent *entry;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        bench_die("cannot read %s", path);
    while ((entry = readdir(tasks)))
        if (entry->d_name[0] != '.')
            pin((pid_t)strtol(entry->d_name, NULL, 10), cpu);
    closedir(tasks);
}

/* It ends with the bench, whichever way that ends. */
static void run_server(int out, pid_t bench_pid) {
    const char *script = getenv("PULSAR_SERVER");

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (!script || getppid() != bench_pid)
        _exit(1);
    dup2(out, STDOUT_FILENO);
    execlp("python3", "python3", script, "--optimize", "--heap", "1g", (char *)NULL);
    _exit(127);
}

/* Returns false where there is no Pulsar: the script has told why. */
static bool start_server(void) {
    pid_t own = getpid();
    int ends[2], status = 0;

    if (pipe(ends) != 0 || (server.pid = fork()) < 0)
        bench_die("cannot start a process");
    if (server.pid == 0)
        run_server(ends[1], own);
    close(ends[1]);
    server.told = fdopen(ends[0], "r");
    if (server.told && fscanf(server.told, "%199s %199s %d", server.url, server.admin_url, &server.broker) == 3) {
        pin_all(server.broker, 1);
        return true;
    }
    waitpid(server.pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != SKIPPED)
        bench_die("Pulsar did not start");
    return false;
}

static void stop_server(void) {
    kill(server.pid, SIGTERM);
    waitpid(server.pid, NULL, 0);
    fclose(server.told);
}

/* ---- The whole ---- */

static void take_option(const char *option) {
    char *end = NULL;

    if (strncmp(option, "--rounds=", 9) == 0)
        asked.rounds = (int)strtol(option + 9, &end, 10);
    else if (strncmp(option, "--scale=", 8) == 0)
        asked.scale = strtod(option + 8, &end);
    else if (strncmp(option, "--only=", 7) == 0)
        asked.only = option + 7;
    else
        bench_die("%s: expected --rounds=N, --scale=X or --only=TEXT", option);
    if ((end && *end) || asked.rounds < 1 || asked.rounds > ROUNDS_MAX || !(asked.scale > 0))
        bench_die("%s: out of range", option);
}

/* The topic that is read is filled before, by ours_produce, and has one event more, the one that connects. */
static bool measure(const char *batching, long count) {
    static const struct side produce[] = { { "raw libpulsar", raw_produce }, { "the event bus", ours_produce } };
    static const struct side consume[] = { { "raw libpulsar", raw_consume }, { "the event bus", ours_consume } };
    char sent[60], read[60], what[2][80];
    struct bench_figure ignored;
    struct bench_work work = {
        .url = server.url, .admin_url = server.admin_url, .batching = batching, .topic = sent, .count = count
    };

    snprintf(sent, sizeof sent, "sent-%s", batching);
    snprintf(read, sizeof read, "read-%s", batching);
    snprintf(what[0], sizeof what[0], "produce, batching = %s", batching);
    snprintf(what[1], sizeof what[1], "consume and acknowledge, batching = %s", batching);
    if (!strstr(what[0], asked.only) && !strstr(what[1], asked.only))
        return true;
    ours_produce(&work, &ignored); /* warms the broker up, and has the event that raw.c copies */
    bool kept = compare(what[0], &work, produce);
    work.topic = read;
    ours_produce(&work, &ignored);
    return compare(what[1], &work, consume) && kept;
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        take_option(argv[i]);
    if (!start_server())
        return 0;
    pin(0, 0); /* and with it all threads that are started from here on */
    long count = (long)(COUNT * asked.scale);
    printf("pulsar: %ld events, the median of %d rounds\n", count > 0 ? count : 1, asked.rounds);
    bool kept = measure("key", count > 0 ? count : 1);
    kept = measure("mixed", count > 0 ? count : 1) && kept;
    stop_server();
    return kept ? 0 : 1;
}
