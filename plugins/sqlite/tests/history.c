/* plugins/sqlite/tests/history.c - see history.h. */
#include "history.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORED_BIT = 1, RUN_BIT = 2, SETTLED_BIT = 4 };

struct key {
    unsigned char *is;      /* by number */
    uint32_t n, room, next; /* next: the lowest that was not run */
};

void history_write(int fd, enum what what, uint32_t key, uint32_t number) {
    struct line line = { key, number, getpid(), what };

    if (write(fd, &line, sizeof line) != sizeof line)
        _exit(3);
}

static unsigned char *bits(struct key *key, uint32_t number) {
    while (number >= key->room) {
        uint32_t room = key->room ? 2 * key->room : 64;
        key->is = realloc(key->is, room);
        if (!key->is)
            abort();
        memset(key->is + key->room, 0, room - key->room);
        key->room = room;
    }
    if (number >= key->n)
        key->n = number + 1;
    return &key->is[number];
}

static void complain(struct verdict *v, const char *what, const struct line *line) {
    if (v->first[0] == '\0')
        snprintf(v->first, sizeof v->first, "%s: key %u number %u, by process %d, line %ld", what, line->key, line->number,
                 line->pid, v->lines);
}

static void judge_run(struct verdict *v, struct key *key, const struct line *line, unsigned char *is) {
    if (*is & RUN_BIT) {
        v->repeats++;
        if (*is & SETTLED_BIT) {
            v->wrong_repeats++;
            complain(v, "run again after its acknowledgement was kept", line);
        }
        return;
    }
    for (uint32_t i = key->next; i < line->number; i++)
        if (!(*bits(key, i) & RUN_BIT)) {
            v->out_of_order++;
            complain(v, "run before an earlier one of its key", line);
            break;
        }
    *is |= RUN_BIT;
    while (key->next < key->n && key->is[key->next] & RUN_BIT)
        key->next++;
}

struct verdict history_judge(const char *path) {
    struct key *keys = calloc(HISTORY_KEYS, sizeof *keys);
    struct verdict v = { 0 };
    FILE *file = fopen(path, "r");
    struct line line;

    if (!keys || !file)
        abort();
    for (; fread(&line, sizeof line, 1, file) == 1; v.lines++) {
        struct key *key = &keys[line.key % HISTORY_KEYS];
        unsigned char *is = bits(key, line.number);
        if (line.what == STORED)
            *is |= STORED_BIT;
        else if (line.what == SETTLED)
            *is |= SETTLED_BIT;
        else if (line.what == RUN)
            judge_run(&v, key, &line, is);
    }
    fclose(file);
    for (uint32_t k = 0; k < HISTORY_KEYS; k++)
        for (uint32_t i = 0; i < keys[k].n; i++) {
            v.stored += (keys[k].is[i] & STORED_BIT) != 0;
            if ((keys[k].is[i] & (STORED_BIT | RUN_BIT)) == STORED_BIT) {
                v.lost++;
                complain(&v, "stored and never run", &(struct line){ .key = k, .number = i });
            }
        }
    for (uint32_t k = 0; k < HISTORY_KEYS; k++)
        free(keys[k].is);
    free(keys);
    return v;
}
