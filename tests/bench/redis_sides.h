/* tests/bench/redis_sides.h - what bench_redis compares: raw hiredis and all of the bus, at the same entries. */
#ifndef REDIS_SIDES_H
#define REDIS_SIDES_H

#include <stdint.h>
#include "ratio.h"

enum { REDIS_BATCH = 100 };

/* So many events, in pipelines of REDIS_BATCH where it is raw. */
struct redis_work {
    long count;
};

/* ---- redis_raw.c ---- */

/* Starts a redis-server of its own, beside this process's CPU; it ends with this process. */
void redis_begin(void);
void redis_end(void);
const char *redis_url(void);

/* An empty server, or one with `count` login events in the stream "filled". */
void redis_flush(void);
void redis_fill(long count);

void raw_produce(void *arg, struct bench_figure *);
void raw_consume(void *arg, struct bench_figure *);     /* of "filled", with a group of its own */

/* ---- redis_ours.c ---- */

void our_produce(void *arg, struct bench_figure *);
void our_consume(void *arg, struct bench_figure *);

/* ---- Latency: one event at a time from this process to another ---- */

/* Makes the receiving process, which writes a byte to `told` for each event, and then a sender in this one. */
struct redis_pair {
    void (*receive)(const char *topic, int told);       /* in a child; until it is killed */
    void *(*open)(const char *topic);
    void (*send)(void *sender);
    void (*close)(void *sender);
};

extern const struct redis_pair raw_pair, our_pair;

#endif
