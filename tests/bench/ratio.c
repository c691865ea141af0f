/* tests/bench/ratio.c - see ratio.h. */
#include "ratio.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 7, ROUNDS_MAX = 101, SIDES_MAX = 8 };

static struct {
    const char *name, *only, *side, *title;
    int rounds, missed;
    double scale;
    bool json, cpu;
    FILE *file; /* EB_BENCH_JSON; NULL: none */
} bench = { .only = "", .side = "", .title = "", .rounds = ROUNDS, .scale = 1 };

void bench_die(const char *format, ...) {
    va_list args;

    va_start(args, format);
    fprintf(stderr, "bench_%s: ", bench.name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

/* ---- Options ---- */

static double number_of(const char *option, const char *text, double least, double most) {
    char *end;
    double number = strtod(text, &end);

    if (*end || end == text || number < least || number > most)
        bench_die("%s: expected a number from %g to %g", option, least, most);
    return number;
}

static void take_option(const char *option) {
    if (strcmp(option, "--json") == 0)
        bench.json = true;
    else if (strcmp(option, "--cpu") == 0)
        bench.cpu = true;
    else if (strncmp(option, "--rounds=", 9) == 0)
        bench.rounds = (int)number_of(option, option + 9, 1, ROUNDS_MAX);
    else if (strncmp(option, "--scale=", 8) == 0)
        bench.scale = number_of(option, option + 8, 1e-6, 1e6);
    else if (strncmp(option, "--only=", 7) == 0)
        bench.only = option + 7;
    else if (strncmp(option, "--side=", 7) == 0)
        bench.side = option + 7;
    else
        bench_die("%s: expected --rounds=N, --scale=X, --only=TEXT, --side=TEXT, --cpu or --json", option);
}

void bench_init(const char *name, int argc, char **argv) {
    const char *file = getenv("EB_BENCH_JSON");

    bench.name = name;
    for (int i = 1; i < argc; i++)
        take_option(argv[i]);
    if (file && *file && !(bench.file = fopen(file, "ae")))
        bench_die("%s: %s", file, strerror(errno));
    if (!bench.json)
        printf("%s: the median of %d rounds%s\n", name, bench.rounds, bench.cpu ? ", by CPU time" : "");
}

int bench_end(void) {
    if (bench.missed && !bench.json)
        printf("%s: %d bound%s not kept\n", bench.name, bench.missed, bench.missed > 1 ? "s were" : " was");
    if (bench.file && fclose(bench.file) != 0)
        bench_die("EB_BENCH_JSON: %s", strerror(errno));
    return bench.missed > 0;
}

long bench_size(long count) {
    double size = (double)count * bench.scale;

    return size < 1 ? 1 : (long)size;
}

bool bench_wants(const char *what) {
    return strstr(what, bench.only) != NULL;
}

/* ---- Measuring ---- */

double bench_clock(void) {
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double bench_cpu(const struct rusage *used) {
    return seconds_of(used->ru_utime) + seconds_of(used->ru_stime);
}

static double cpu_clock(void) {
    struct timespec own;
    struct rusage children;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return (double)own.tv_sec + (double)own.tv_nsec / 1e9 + bench_cpu(&children);
}

void bench_start(struct bench_figure *figure) {
    figure->cpu_seconds = cpu_clock();
    figure->seconds = bench_clock();
}

void bench_stop(struct bench_figure *figure, double events) {
    figure->seconds = bench_clock() - figure->seconds;
    figure->cpu_seconds = cpu_clock() - figure->cpu_seconds;
    figure->events = events;
}

static void pin_thread(pid_t thread, int cpu) {
    long cpus = sysconf(_SC_NPROCESSORS_CONF);
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)(cpus > 0 ? cpu % cpus : 0), &set);
    if (sched_setaffinity(thread, sizeof set, &set) != 0 && errno != ESRCH)
        bench_die("cannot pin %d to CPU %d: %s", (int)thread, cpu, strerror(errno));
}

void bench_pin(pid_t pid, int cpu) {
    char path[40];
    struct dirent *entry;

    if (pid == 0) {
        pin_thread(0, cpu);
        return;
    }
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    if (!tasks)
        bench_die("%s: %s", path, strerror(errno));
    while ((entry = readdir(tasks)))
        if (entry->d_name[0] != '.')
            pin_thread((pid_t)strtol(entry->d_name, NULL, 10), cpu);
    closedir(tasks);
}

/* ---- Judging ---- */

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *figures) {
    double sorted[ROUNDS_MAX];

    memcpy(sorted, figures, (size_t)bench.rounds * sizeof *sorted);
    qsort(sorted, (size_t)bench.rounds, sizeof *sorted, by_size);
    return sorted[bench.rounds / 2];
}

static double value_of(const struct bench_figure *figure, enum bench_unit unit) {
    double seconds = bench.cpu ? figure->cpu_seconds : figure->seconds;

    return unit == BENCH_COST ? figure->cpu_seconds * 1e9 / figure->events : figure->events / seconds;
}

/* What became of one side. */
struct result {
    const char *what, *side, *against; /* against NULL: none */
    enum bench_unit unit;
    double value, cpu_ns, ratio, bound, most_ns;
    bool good, cpu_good;
};

static void print_json(FILE *out, const struct result *result) {
    fprintf(out, "{\"bench\":\"%s\",\"what\":\"%s\",\"side\":\"%s\",\"%s\":%.6g,\"cpu_ns_per_event\":%.6g", bench.name,
            result->what, result->side, result->unit == BENCH_COST ? "ns_per_event" : "events_per_second", result->value,
            result->cpu_ns);
    if (result->against)
        fprintf(out, ",\"against\":\"%s\",\"ratio\":%.4g", result->against, result->ratio);
    if (result->bound > 0)
        fprintf(out, ",\"bound\":%g,\"bound_is\":\"%s\",\"good\":%s", result->bound,
                result->unit == BENCH_COST ? "at most" : "at least", result->good ? "true" : "false");
    if (result->most_ns > 0)
        fprintf(out, ",\"cpu_bound\":%g,\"cpu_good\":%s", result->most_ns, result->cpu_good ? "true" : "false");
    fprintf(out, ",\"rounds\":%d,\"by\":\"%s\"}\n", bench.rounds, bench.cpu || result->unit == BENCH_COST ? "cpu" : "clock");
}

static void print_line(const struct result *result) {
    char ratio[16] = "", bound[24] = "";

    if (result->against)
        snprintf(ratio, sizeof ratio, "%.3f", result->ratio);
    if (result->bound > 0)
        snprintf(bound, sizeof bound, "%s %g", result->unit == BENCH_COST ? "<=" : ">=", result->bound);
    printf("  %-34s %11.0f %-10s %7.0f ns CPU  %7s %-8s %s\n", result->side, result->value,
           result->unit == BENCH_COST ? "ns" : "/s", result->cpu_ns, ratio, bound,
           result->bound > 0 ? result->good ? "PASS" : "FAIL" : "");
    if (result->most_ns > 0)
        printf("  %58s <= %g ns of CPU %21s\n", "", result->most_ns, result->cpu_good ? "PASS" : "FAIL");
}

static void tell(const struct result *result) {
    bench.missed += !result->good + !result->cpu_good;
    if (bench.file)
        print_json(bench.file, result);
    if (bench.json)
        print_json(stdout, result);
    else
        print_line(result);
    fflush(stdout);
}

static struct result judge(const char *what, enum bench_unit unit, const struct bench_side *sides, size_t i,
                           double (*values)[ROUNDS_MAX], const double *cpu_ns) {
    struct result result = { .what = what,
                             .side = sides[i].name,
                             .unit = unit,
                             .value = median(values[i]),
                             .cpu_ns = median(cpu_ns),
                             .most_ns = sides[i].most_ns,
                             .good = true,
                             .cpu_good = true };
    double ratios[ROUNDS_MAX];

    if (result.most_ns > 0)
        result.cpu_good = result.cpu_ns <= result.most_ns;
    if (i == 0)
        return result;
    for (int round = 0; round < bench.rounds; round++)
        ratios[round] = values[i][round] / values[sides[i].against][round];
    result.against = sides[sides[i].against].name;
    result.ratio = median(ratios);
    result.bound = sides[i].bound;
    if (result.bound > 0)
        result.good = unit == BENCH_COST ? result.ratio <= result.bound : result.ratio >= result.bound;
    return result;
}

/* For a profiler: some sides again and again, with nothing between. */
static void run_wanted(const char *what, const struct bench_side *sides, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (int round = 0; strstr(sides[i].name, bench.side) && round < bench.rounds; round++) {
            struct bench_figure figure = { 0 };

            sides[i].run(sides[i].arg, &figure);
            printf("%s, %s: %.0f /s, %.0f ns of CPU\n", what, sides[i].name, figure.events / figure.seconds,
                   figure.cpu_seconds * 1e9 / figure.events);
        }
}

void bench_run(const char *what, enum bench_unit unit, const struct bench_side *sides, size_t n) {
    static double values[SIDES_MAX][ROUNDS_MAX], cpu_ns[SIDES_MAX][ROUNDS_MAX];

    if (!bench_wants(what))
        return;
    if (n > SIDES_MAX)
        bench_die("%s: more than %d sides", what, SIDES_MAX);
    if (*bench.side) {
        run_wanted(what, sides, n);
        return;
    }
    if (!bench.json)
        printf("%s\n", what);
    for (int round = 0; round < bench.rounds; round++)
        for (size_t turn = 0; turn < n; turn++) {
            size_t i = round % 2 ? n - 1 - turn : turn;
            struct bench_figure figure = { 0 };

            sides[i].run(sides[i].arg, &figure);
            if (figure.events <= 0 || figure.seconds <= 0)
                bench_die("%s, %s: nothing was measured", what, sides[i].name);
            values[i][round] = value_of(&figure, unit);
            cpu_ns[i][round] = figure.cpu_seconds * 1e9 / figure.events;
        }
    for (size_t i = 0; i < n; i++) {
        struct result result = judge(what, unit, sides, i, values, cpu_ns[i]);

        tell(&result);
    }
}

/* A value that stands alone. */
struct value {
    const char *what, *unit;
    double value, bound;
    bool bounded, least, good;
};

static void print_value_json(FILE *out, const struct value *is) {
    fprintf(out, "{\"bench\":\"%s\",\"what\":\"%s\",\"side\":\"%s\",\"unit\":\"%s\",\"value\":%.6g", bench.name,
            *bench.title ? bench.title : is->what, *bench.title ? is->what : "", is->unit, is->value);
    if (is->bounded)
        fprintf(out, ",\"bound\":%g,\"bound_is\":\"%s\",\"good\":%s", is->bound, is->least ? "at least" : "at most",
                is->good ? "true" : "false");
    fprintf(out, "}\n");
}

static void tell_value(const struct value *is) {
    char bound[24] = "";

    bench.missed += !is->good;
    if (bench.file)
        print_value_json(bench.file, is);
    if (is->bounded)
        snprintf(bound, sizeof bound, "%s %g", is->least ? ">=" : "<=", is->bound);
    if (bench.json)
        print_value_json(stdout, is);
    else
        printf("  %-34s %11.4g %-28s %-10s %s\n", is->what, is->value, is->unit, bound,
               !is->bounded ? ""
               : is->good   ? "PASS"
                            : "FAIL");
    fflush(stdout);
}

void bench_value(const char *what, const char *unit, double value, double most) {
    const struct value is = { what, unit, value, most, .bounded = most >= 0, .good = most < 0 || value <= most };

    tell_value(&is);
}

void bench_value_least(const char *what, const char *unit, double value, double least) {
    const struct value is = { what, unit, value, least, .bounded = true, .least = true, .good = value >= least };

    tell_value(&is);
}

void bench_title(const char *what) {
    bench.title = what;
    if (!bench.json)
        printf("%s\n", what);
}
