/* tests/bench/bus.h - the whole way of an event through the library, as a side of a bench: what a service's program does.
 *
 * Producing: eb_event_reset, five fields set, eb_send; a route, encoding, the queue, its thread, the plugin; until the
 * last one is confirmed. Consuming: eb_consumer_run with one receiver, in C, that counts; from the first event that it
 * gets to the last one settled. Events are logins of 1,000 keys; audit lines are off unless asked for.
 *
 *     static struct bus_work work = { .plugin = "redis", .settings = "url = redis://127.0.0.1:7777/0\n", .count = 200000 };
 *     { .name = "library", .run = bus_produce, .arg = &work, .bound = 0.9 },
 *     { .name = "library", .run = bus_consume, .arg = &work, .bound = 0.9 },      // reads what a bus_produce left
 *
 * Threads are pinned as the thread is that calls: by bench_pin. Raw sides should do their work for the same events:
 * bus_login has one as it is on the wire. */
#ifndef BENCH_BUS_H
#define BENCH_BUS_H

#include <eventbus/plugin.h>
#include "ratio.h"

#define BUS_TOPIC "bench-login" /* what events go to, and come from */

struct bus_work {
    const char *plugin;   /* a name, or the absolute path of a .so */
    const char *settings; /* lines of its [broker bench]; NULL: none */
    const char *more;     /* sections, or lines of [consume bench], that stand behind all others */
    const char *topic;    /* NULL: BUS_TOPIC */
    long count;
    bool audit;       /* a log line for each event and step, made and thrown away */
    int receivers;    /* bus_send: so many that do nothing */
    double caller_ns; /* answer: CPU time an event of the sending thread alone */
};

void bus_produce(void *work, struct bench_figure *);

/* eb_send of one ready event, over and over; plugin NULL: with no route and no broker. */
void bus_send(void *work, struct bench_figure *);

/* Each run is a group of its own and begins at the beginning: the topic must hold `count` events at least. */
void bus_consume(void *work, struct bench_figure *);

/* One event at a time, from this process to another; the raw side offers the same four.
 * receive: in a child, which writes a byte to `told` once it is at work and one for each event, until it is killed. The
 * first event may be sent as soon as the first byte is there. */
struct bus_pair {
    void (*receive)(const struct bus_work *, int told);
    void *(*open)(const struct bus_work *);
    void (*send)(void *sender);
    void (*close)(void *sender);
};

extern const struct bus_pair bus_pair;

/* What one login is at a plugin: attributes, key, payload. i: which one; borrowed until the next call. */
const struct eb_message *bus_login(long i);

#endif
