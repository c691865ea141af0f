/* tests/bench/redis_sides.h - the raw side of bench_redis: a server, and hiredis at the entries that the bus writes. */
#ifndef REDIS_SIDES_H
#define REDIS_SIDES_H

#include "bus.h"

enum { REDIS_BATCH = 100 }; /* in a pipeline */

/* Starts a redis-server of its own, beside this process's CPU; it ends with this process. Where there is
 * none, that is said and this process ends well. */
void redis_begin(void);
void redis_end(void);
const char *redis_url(void);

/* An empty server, or one with `count` login events in the stream BUS_TOPIC. */
void redis_flush(void);
void redis_fill(long count);

/* arg: a bus_work, of which only the count is used. Both with the stream BUS_TOPIC, which the first makes anew. */
void raw_produce(void *arg, struct bench_figure *);
void raw_consume(void *arg, struct bench_figure *);

extern const struct bus_pair raw_pair;

#endif
