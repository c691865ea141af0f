/* tests/bench/sqlite_sides.h - what bench_sqlite compares: the raw library and the plugin, at the same rows. */
#ifndef SQLITE_SIDES_H
#define SQLITE_SIDES_H

#include <stdbool.h>
#include <stdint.h>
#include "ratio.h"

enum { BATCH_MAX = 1000, SQLITE_WORKERS_MAX = 4 };

/* So many events with a body of so many bytes, in batches; power: safe from a power cut. */
struct sqlite_work {
    long count, batch;
    size_t body;
    bool power;
    int workers; /* consume: processes, each on a CPU by turns; 0: this one */
};

/* Each makes its own file anew and fills it. `arg` is a struct sqlite_work. */
void raw_produce(void *arg, struct bench_figure *);
void our_produce(void *arg, struct bench_figure *);

/* Each reads the file that its own produce left, from the beginning. */
void raw_consume(void *arg, struct bench_figure *);
void our_consume(void *arg, struct bench_figure *);

void our_open(const char *plugin_file);

/* A producer: its settled events beyond `retain` are removed, unless that is 0. */
struct our_sender *our_sender_open(const char *path, long retain);
void our_send(struct our_sender *, long n, size_t body);    /* returns when all are stored */
void our_send_time(struct our_sender *, const char *topic); /* one, whose body is bench_clock() */
void our_sender_close(struct our_sender *);

/* A member of a group on the topic user-login. */
struct our_worker *our_worker_open(const char *path, const char *group);
long our_receive(struct our_worker *, long most, int timeout_ms); /* and acknowledges them; how many came */
const char *our_body(const struct our_worker *);                  /* of the last one: its first bytes */
void our_worker_close(struct our_worker *);

const char *sqlite_path(const char *name); /* "ours", "raw", ...; in a folder that is removed at the end */
void sqlite_remove(const char *name);
void sqlite_begin(void);
void sqlite_end(void);

extern char sqlite_body[4096];

#endif
