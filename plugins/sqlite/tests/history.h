/* plugins/sqlite/tests/history.h - what happened, in the order in which it did, as many processes wrote it into one file;
 * and the verdict on it. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdint.h>

enum what {
    STORED = 's',  /* the producer was told so */
    RUN = 'r',     /* a worker did the work of it: the first such line is its completion */
    SETTLED = 'd', /* a worker was told that its acknowledgement is kept */
    HELD = 'h'     /* a worker got it */
};

struct line {
    uint32_t key, number; /* number: of its key, from 0, as it was sent */
    int32_t pid;
    uint32_t what;
};

/* Appends one line, whole, whoever else does. */
void history_write(int fd, enum what, uint32_t key, uint32_t number);

struct verdict {
    long lines, stored, lost, out_of_order, repeats, wrong_repeats;
    char first[300]; /* what is wrong, the first thing */
};

enum { HISTORY_KEYS = 4096 };

/* lost: stored and never run. Out of order: first run before an earlier one of its key. A repeat: run again; wrong when its
 * acknowledgement was kept before. */
struct verdict history_judge(const char *path);

#endif
