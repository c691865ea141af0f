/* plugins/sqlite/store/shm.h - the side file next to the database (bus.db-side): shared memory of all processes that use
 * the database, for what needs no transaction. (SQLite's own bus.db-shm is called the index of the log here.) It has a
 * queue of writers, futexes that wake sleepers, and a lock for each member, which the kernel releases when the member's
 * process is gone. Nothing in it matters for correctness, which rests on the database's own locks. The file is mapped for
 * the addresses of its futexes alone; it is read and written by system calls, so that a truncated file is noticed and
 * mended, where a load or store would be SIGBUS. */
#ifndef SQ_SHM_H
#define SQ_SHM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

#include "store/file.h"

enum { SQ_TOPIC_FUTEXES = 64, SQ_GROUP_FUTEXES = 16, SQ_SHM_FUTEXES = SQ_TOPIC_FUTEXES + SQ_GROUP_FUTEXES };

/* Ids of members; each is also the offset of the member's lock byte. */
static const int64_t SQ_MEMBER_MAX = (int64_t)1 << 60;

struct sq_shm_map;

/* One for each instance; belongs to the thread that calls the ops. */
struct sq_shm {
    int fd;                   /* -1: not open */
    bool single_futex;        /* this kernel waits for one futex only */
    bool others_single_futex; /* or the kernel of some other process does, which runs under other rules */
    struct sq_shm_map *map;
};

/* The database, and its log, that were last opened at this path. */
struct sq_shm_record {
    struct sq_file_identity shm; /* the side file with this record: a copy of it says nothing */
    struct sq_file_identity db, log;
};

/* The values of all futexes at one moment. */
struct sq_shm_values {
    uint32_t any, futex[SQ_SHM_FUTEXES];
};

/* EB_RETRIABLE: no room on the disk, or another process is creating the file right now. */
int32_t sq_shm_open(struct sq_shm *, const char *path, struct eb_error *);
void sq_shm_close(struct sq_shm *);

/* Reads the record. False: there is none, or it was written in another file. */
bool sq_shm_record(struct sq_shm *, struct sq_shm_record *);
void sq_shm_set_record(struct sq_shm *, const struct sq_file_identity *db, const struct sq_file_identity *log);

/* Gives the blocks that the side file holds in reserve to a full disk, so that SQLite can open what it needs. False: none
 * are left. */
bool sq_shm_release_reserve(struct sq_shm *);

/* Returns whether this instance may change what lies beside the database: one instance may, until it closes the side file. */
bool sq_shm_try_clearing(struct sq_shm *);

/* Whether the open side file is still the one at that path. */
bool sq_shm_in_place(const struct sq_shm *, const char *path);

/* Waits for this instance's turn in the queue of writers. False: it did not come in time, or the queue does not work.
 * Writing without a turn is allowed, but not fair. */
bool sq_shm_enqueue(struct sq_shm *, int64_t until_ms);
void sq_shm_dequeue(struct sq_shm *);

/* The number of the futex that changes when something is stored in a topic of this name, or when members of a group of
 * this name join, leave or want slots. Other names may share it. */
unsigned sq_shm_topic_index(const char *name, size_t len);
unsigned sq_shm_group_index(const char *group);

/* The address to wait at; the value is never read there. */
_Atomic uint32_t *sq_shm_futex(const struct sq_shm *, unsigned index);

/* The one futex to wait for where single_futex is set; NULL otherwise. */
_Atomic uint32_t *sq_shm_any(const struct sq_shm *);

/* Reads all values; mends the file if it was damaged. */
void sq_shm_read(struct sq_shm *, struct sq_shm_values *);

/* Changes the futex, and the one for all if some process waits for that. */
void sq_shm_notify(struct sq_shm *, unsigned index);

/* Wakes everybody that waits for anything. */
void sq_shm_notify_all(struct sq_shm *);

/* A member holds the lock of its id as long as its instance is open; member > 0. */
bool sq_shm_lock_member(struct sq_shm *, int64_t member);
void sq_shm_unlock_member(struct sq_shm *, int64_t member);
bool sq_shm_member_is_locked(const struct sq_shm *, int64_t member); /* by another instance */

/* Returns whether this instance is to do the chore that one process does every `every_ms`; it has the chore until
 * sq_shm_end_chore. */
bool sq_shm_try_chore(struct sq_shm *, int64_t every_ms);
void sq_shm_end_chore(struct sq_shm *);

#endif
