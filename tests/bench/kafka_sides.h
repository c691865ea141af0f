/* tests/bench/kafka_sides.h - what bench_kafka compares the bus with: raw librdkafka, at the same events. */
#ifndef KAFKA_SIDES_H
#define KAFKA_SIDES_H

#include "ratio.h"

struct kafka_raw {
    const char *bootstrap, *topic;
    long count;
};

/* Produces `count` logins with the headers, keys, values and settings that the bus has, until all are confirmed. */
void raw_produce(void *raw, struct bench_figure *);

/* Reads `count` of the topic from its beginning, as a group of its own: walks each one's headers, stores its offset;
 * from the first message to the commit of the last. */
void raw_consume(void *raw, struct bench_figure *);

#endif
