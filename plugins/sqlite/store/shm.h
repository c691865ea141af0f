/* plugins/sqlite/store/shm.h - the side file next to the database (bus.db-side): what the processes on one file tell each other
 * without a transaction. A queue for writers, words to wake sleepers, and a lock for each member that the kernel takes away
 * when its process is gone. Nothing in it matters for correctness: that rests on the database's own locks. It is mapped for
 * its addresses alone, which the kernel wakes sleepers by: it is read and written by system calls, so that a file that was
 * truncated is noticed, and mended, where touching it would be SIGBUS. */
#ifndef SQ_SHM_H
#define SQ_SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

#include "store/file.h"

enum { SQ_TOPIC_WORDS = 64, SQ_GROUP_WORDS = 16, SQ_SIDE_WORDS = SQ_TOPIC_WORDS + SQ_GROUP_WORDS };

/* Numbers of members, whose lock bytes these are. */
static const int64_t SQ_MEMBER_MAX = (int64_t)1 << 60;

struct sq_side_map;

/* One for each instance: used by the thread at work. */
struct sq_side {
    int fd;                             /* -1: not open */
    bool one_word;                      /* this kernel waits for one word only, */
    bool others_one_word;               /* or that of some other process, which runs under other rules */
    struct sq_side_map *map;
};

/* The database, and the log of it, that were last opened at this place. */
struct sq_side_record {
    struct sq_file_identity side;       /* the file that this stands in: a copy of it says nothing */
    struct sq_file_identity db, log;
};

/* What the words are at one moment. */
struct sq_side_words {
    uint32_t any, word[SQ_SIDE_WORDS];
};

/* EB_RETRIABLE: no room for it, or just being made by another process. */
int32_t sq_side_open(struct sq_side *, const char *path, struct eb_error *);
void sq_side_close(struct sq_side *);

/* False: nothing is recorded, or in another file. */
bool sq_side_record(struct sq_side *, struct sq_side_record *);
void sq_side_note(struct sq_side *, const struct sq_file_identity *db, const struct sq_file_identity *log);

/* Gives its reserve to a disk that is full, so that SQLite can open what it needs. False: there is none left. */
bool sq_side_release(struct sq_side *);

/* One of all that have it open keeps the others from changing what lies beside it; until it is closed. */
bool sq_side_seize(struct sq_side *);

/* Whether the file is still the one at its place. */
bool sq_side_in_place(const struct sq_side *, const char *path);

/* The queue of writers: false when it did not come to our turn in time, or the queue is out of order. Going on without is
 * allowed, just not fair. */
bool sq_side_enqueue(struct sq_side *, int64_t until_ms);
void sq_side_dequeue(struct sq_side *);

/* The number of the word that changes when something is stored in a topic of this name, or when members of a group of this
 * name come, go or want slots. Other names may share it. */
unsigned sq_side_topic_index(const char *name, size_t len);
unsigned sq_side_group_index(const char *group);

/* Where it can be waited for. Never read there. */
_Atomic uint32_t *sq_side_word(const struct sq_side *, unsigned index);

/* The word to wait for where one_word is set; NULL otherwise. */
_Atomic uint32_t *sq_side_any(const struct sq_side *);

/* What they are now; mends the file where that is needed. */
void sq_side_read(struct sq_side *, struct sq_side_words *);

/* Changes the word, and the one for all where somebody needs that. */
void sq_side_tell(struct sq_side *, unsigned index);

/* Tells all that wait for anything. */
void sq_side_tell_all(struct sq_side *);

/* A member holds the lock of its number as long as its instance is open; member > 0. */
bool sq_side_hold(struct sq_side *, int64_t member);
void sq_side_drop(struct sq_side *, int64_t member);
bool sq_side_held(const struct sq_side *, int64_t member);      /* by anybody else */

/* Whether it is our turn to do what only one process needs to do every `every_ms`: then it is ours until sq_side_turn_end. */
bool sq_side_turn(struct sq_side *, int64_t every_ms);
void sq_side_turn_end(struct sq_side *);

#endif
