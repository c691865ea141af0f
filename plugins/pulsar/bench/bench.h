/* bench/bench.h - the event bus over this plugin, measured against a program that uses libpulsar directly.
 *
 * Both sides have the same broker, settings, keys, properties and payloads, and one CPU; the broker has another one. */
#ifndef PL_BENCH_H
#define PL_BENCH_H

/* What both sides do, in one run. */
struct bench_work {
    const char *url, *admin_url; /* the broker's */
    const char *batching;        /* as in the configuration: key, mixed */
    const char *topic;
    long count; /* of events; that many are in the topic that is read */
};

/* What one side did. CPU time is that of this process, with all its threads. */
struct bench_figure {
    double events, seconds, cpu_seconds;
};

/* Between the two is what is measured. */
void bench_start(struct bench_figure *);
void bench_stop(struct bench_figure *, long events);

/* Ends the program: it could not measure. */
void bench_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The key of the event of this number. It stays valid. */
const char *bench_key(long number);

/* What a service does (ours.c): sets the fields of `count` events and sends them, until the last is confirmed; receives `count`
 * events as a new group, with one receiver that counts, until the last acknowledgement is confirmed. */
void ours_produce(const struct bench_work *, struct bench_figure *);
void ours_consume(const struct bench_work *, struct bench_figure *);

/* As little around libpulsar as does the same (raw.c). The properties and the payload are those of an event that
 * ours_produce has put into work->topic before. */
void raw_produce(const struct bench_work *, struct bench_figure *);
void raw_consume(const struct bench_work *, struct bench_figure *);

#endif
