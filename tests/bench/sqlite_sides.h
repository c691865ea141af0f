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
    int workers;                        /* consume: processes, each on a CPU by turns; 0: this one */
};

/* Each makes its own file anew and fills it. `arg` is a struct sqlite_work. */
void raw_produce(void *arg, struct bench_figure *);
void our_produce(void *arg, struct bench_figure *);

/* Each reads the file that its own produce left, from the beginning. */
void raw_consume(void *arg, struct bench_figure *);
void our_consume(void *arg, struct bench_figure *);

/* Processes of the plugin that others measure: a producer that sends until told, a member of a group that reads. */
void our_open(const char *plugin_file);
const char *sqlite_path(const char *name);              /* "ours", "raw", ...; in a folder that is removed at the end */
void sqlite_remove(const char *name);
void sqlite_begin(void);
void sqlite_end(void);

extern char sqlite_body[4096];

#endif
