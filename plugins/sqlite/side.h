/* plugins/sqlite/side.h - the side file next to the database (bus.db-side): what the processes on one file tell each other
 * without a transaction. A queue for writers, words to wake sleepers, and a lock for each member that the kernel takes away
 * when its process is gone. Nothing in it matters for correctness: that rests on the database's own locks. */
#ifndef SQ_SIDE_H
#define SQ_SIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

enum { SQ_TOPIC_WORDS = 64, SQ_GROUP_WORDS = 16 };

struct sq_side_map;

/* One for each instance: used by the thread at work. */
struct sq_side {
    int fd;                             /* -1: not open */
    bool one_word;                      /* this kernel waits for one word only */
    struct sq_side_map *map;
};

/* EB_RETRIABLE: full disk, or just being made by another process. */
int32_t sq_side_open(struct sq_side *, const char *db_path, struct eb_error *);
void sq_side_close(struct sq_side *);

/* Whether the file is still the one at its place. */
bool sq_side_in_place(const struct sq_side *);

/* The queue of writers: false when it did not come to our turn in time, or the queue is out of order. Going on without is
 * allowed, just not fair. */
bool sq_side_enqueue(struct sq_side *, int64_t until_ms);
void sq_side_dequeue(struct sq_side *);

/* The word that changes when something is stored in a topic of this name, or when members of a group of this name come, go
 * or want slots. Other names may share it. */
_Atomic uint32_t *sq_side_topic_word(const struct sq_side *, unsigned index);
_Atomic uint32_t *sq_side_group_word(const struct sq_side *, const char *group);
unsigned sq_side_topic_index(const char *name, size_t len);

/* The word to wait for where one_word is set; NULL otherwise. */
_Atomic uint32_t *sq_side_any(const struct sq_side *);

/* Changes the word, and the one for all where somebody needs that. */
void sq_side_tell(struct sq_side *, _Atomic uint32_t *word);

/* Tells all that wait for anything. */
void sq_side_tell_all(struct sq_side *);

/* A member holds the lock of its number as long as its instance is open; member > 0. */
bool sq_side_hold(struct sq_side *, int64_t member);
void sq_side_drop(struct sq_side *, int64_t member);
bool sq_side_held(const struct sq_side *, int64_t member);      /* by anybody else */

/* Whether it is our turn to do what only one process needs to do every `every_ms`. */
bool sq_side_turn(struct sq_side *, int64_t every_ms);

#endif
