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

enum { SQ_TOPIC_FUTEXES = 64, SQ_GROUP_FUTEXES = 16, SQ_SHM_FUTEXES = SQ_TOPIC_FUTEXES + SQ_GROUP_FUTEXES };

/* Numbers of members, whose lock bytes these are. */
static const int64_t SQ_MEMBER_MAX = (int64_t)1 << 60;

struct sq_shm_map;

/* One for each instance: used by the thread at work. */
struct sq_shm {
    int fd;                             /* -1: not open */
    bool single_futex;                      /* this kernel waits for one word only, */
    bool others_single_futex;               /* or that of some other process, which runs under other rules */
    struct sq_shm_map *map;
};

/* The database, and the log of it, that were last opened at this place. */
struct sq_shm_record {
    struct sq_file_identity shm;        /* the file that this stands in: a copy of it says nothing */
    struct sq_file_identity db, log;
};

/* What the words are at one moment. */
struct sq_shm_values {
    uint32_t any, futex[SQ_SHM_FUTEXES];
};

/* EB_RETRIABLE: no room for it, or just being made by another process. */
int32_t sq_shm_open(struct sq_shm *, const char *path, struct eb_error *);
void sq_shm_close(struct sq_shm *);

/* False: nothing is recorded, or in another file. */
bool sq_shm_record(struct sq_shm *, struct sq_shm_record *);
void sq_shm_set_record(struct sq_shm *, const struct sq_file_identity *db, const struct sq_file_identity *log);

/* Gives its reserve to a disk that is full, so that SQLite can open what it needs. False: there is none left. */
bool sq_shm_release_reserve(struct sq_shm *);

/* One of all that have it open keeps the others from changing what lies beside it; until it is closed. */
bool sq_shm_try_clearing(struct sq_shm *);

/* Whether the file is still the one at its place. */
bool sq_shm_in_place(const struct sq_shm *, const char *path);

/* The queue of writers: false when it did not come to our turn in time, or the queue is out of order. Going on without is
 * allowed, just not fair. */
bool sq_shm_enqueue(struct sq_shm *, int64_t until_ms);
void sq_shm_dequeue(struct sq_shm *);

/* The number of the word that changes when something is stored in a topic of this name, or when members of a group of this
 * name come, go or want slots. Other names may share it. */
unsigned sq_shm_topic_index(const char *name, size_t len);
unsigned sq_shm_group_index(const char *group);

/* Where it can be waited for. Never read there. */
_Atomic uint32_t *sq_shm_futex(const struct sq_shm *, unsigned index);

/* The word to wait for where one_word is set; NULL otherwise. */
_Atomic uint32_t *sq_shm_any(const struct sq_shm *);

/* What they are now; mends the file where that is needed. */
void sq_shm_read(struct sq_shm *, struct sq_shm_values *);

/* Changes the word, and the one for all where somebody needs that. */
void sq_shm_notify(struct sq_shm *, unsigned index);

/* Tells all that wait for anything. */
void sq_shm_notify_all(struct sq_shm *);

/* A member holds the lock of its number as long as its instance is open; member > 0. */
bool sq_shm_lock_member(struct sq_shm *, int64_t member);
void sq_shm_unlock_member(struct sq_shm *, int64_t member);
bool sq_shm_member_is_locked(const struct sq_shm *, int64_t member);      /* by anybody else */

/* Whether it is our turn to do what only one process needs to do every `every_ms`: then it is ours until sq_shm_end_chore. */
bool sq_shm_try_chore(struct sq_shm *, int64_t every_ms);
void sq_shm_end_chore(struct sq_shm *);

#endif
