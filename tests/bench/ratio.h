/* tests/bench/ratio.h - ours against theirs in one run: pinned alike, turn by turn, the median of seven, as ratios with
 * the bound that each should keep beside.
 *
 *     static void our_produce(void *arg, struct bench_figure *figure) {
 *         ... open, warm up ...
 *         bench_start(figure);
 *         ... COUNT events ...
 *         bench_stop(figure, COUNT);
 *         ... close ...
 *     }
 *
 *     int main(int argc, char **argv) {
 *         bench_init("redis", argc, argv);
 *         bench_pin(0, 0);                            // this process, and the threads and children it starts from here on
 *         bench_pin(server_pid, 1);                   // the broker beside it
 *         const struct bench_side sides[] = {
 *             { .name = "raw hiredis", .run = raw_produce },
 *             { .name = "ours", .run = our_produce, .arg = &batch_of_100, .bound = 0.9 },     // against sides[0]
 *         };
 *         bench_run("produce, batches of 100", BENCH_RATE, sides, 2);
 *         return bench_end();
 *     }
 *
 * Each round runs every side once, from the first to the last and in the next round from the last to the first, so that
 * neither profits from what the other left warm. What is printed of a side is the median over the rounds; its ratio is
 * the median of the ratios of each round, since the two of one round met the same noise.
 *
 * Every bench program so takes the same options: --rounds=N (7), --scale=X (sizes times X, for a quick look),
 * --only=TEXT (what holds TEXT), --side=TEXT (such sides alone, without ratios: for a profiler), --json (one object a
 * line instead of the table), --cpu (rates by CPU time and not by the clock, for a machine that has other work).
 * EB_BENCH_JSON=FILE appends the JSON lines to a file besides. */
#ifndef RATIO_H
#define RATIO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What one side did in one round. CPU time is of this process, all its threads, and of the children it waited for. */
struct bench_figure {
    double events, seconds, cpu_seconds;
};

enum bench_unit {
    BENCH_RATE = 1, /* events a second: a ratio should be at least its bound */
    BENCH_COST = 2  /* ns an event, by CPU time: a ratio should be at most its bound */
};

struct bench_side {
    const char *name;
    void (*run)(void *arg, struct bench_figure *);
    void *arg;
    size_t against; /* which of the sides it is compared with: an index below its own. The first one is with none */
    double bound;   /* of the ratio to it; 0: none, it is only shown */
    double most_ns; /* of CPU an event; 0: no bound */
};

/* Reads the options; a wrong one ends the program. `name` is the bench's. */
void bench_init(const char *name, int argc, char **argv);

/* 1 when some bound was not kept, else 0: the program's exit status. */
int bench_end(void);

/* A process, all its threads of now (pid 0: this thread), to one CPU; threads and children made later inherit it. CPUs
 * beyond those of the machine are counted from the first again. */
void bench_pin(pid_t pid, int cpu);

/* Between the two is what is measured. */
void bench_start(struct bench_figure *);
void bench_stop(struct bench_figure *, double events);

/* A number of events as --scale wants it; never 0. */
long bench_size(long count);

/* Is this one wanted, by --only? bench_run asks by itself. */
bool bench_wants(const char *what);

void bench_run(const char *what, enum bench_unit, const struct bench_side *sides, size_t n);

/* One value that stands alone, as "WAL at most, MB"; `most` is its bound, negative: none. */
void bench_value(const char *what, const char *unit, double value, double most);

/* The same with a bound below. */
void bench_value_least(const char *what, const char *unit, double value, double least);

/* A line above such values. */
void bench_title(const char *what);

/* Of what getrusage tells: seconds of CPU. */
struct rusage;
double bench_cpu(const struct rusage *);

/* Ends the program: it could not measure. */
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Seconds of a clock that is never set back. */
double bench_clock(void);

#endif
