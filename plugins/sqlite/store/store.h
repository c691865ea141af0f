/* plugins/sqlite/store/store.h - one instance's way to the file: connecting to it, transactions at its turn, what went wrong. */
#ifndef SQ_STORE_H
#define SQ_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

#include "store/extender.h"
#include "store/file.h"
#include "store/shm.h"
#include "format/slots.h"
#include "store/sql.h"

enum { SQ_TOPIC_MAX = (1 << 23) - 1, SQ_NAME_MAX = 1000 };

/* No clock says more, in ms. */
static const int64_t SQ_TIME_MAX = (int64_t)1 << 60;

/* The id of a message, and back. */
static inline int64_t sq_id(int64_t topic, int64_t seq) {
    return topic << SQ_SEQ_BITS | seq;
}

static inline int64_t sq_seq(int64_t id) {
    return id & SQ_SEQ_MAX;
}

enum { SQ_BUSY_REPORT_MS = 1000 };      /* a file that is locked for so long is worth a line */

enum sq_need { SQ_LOOK, SQ_WRITE };     /* SQ_LOOK: makes no file, and a read-only one will do */

/* Belongs to the instance's thread at work. */
struct sq_store {
    const struct eb_host *host;
    const char *path;                   /* as it is told of */
    char *absolute;                     /* the same, whatever the working directory is by now */
    char *real, *shm_path;             /* where it led to when it was connected; NULL: never yet */
    enum sq_need need;
    int cache_pages;                    /* 0: as many as sqlite thinks fit */
    bool power;                         /* a commit survives a power cut */
    sqlite3 *db;                        /* NULL: not connected */
    bool immutable;                         /* it is read as it lies there, without a log: each look opens it anew */
    uint64_t connections;               /* how often it was connected: what is remembered of a file goes with it */
    bool boot_rebased;                  /* the times in it are of this run of the machine: see boot.h */
    uint64_t contents;                  /* how often that led to another file, or what stands in it became another */
    struct sq_file_identity file;       /* that it was connected to */
    struct sq_extender *extender;                 /* the file as the kernel knows it; NULL: not connected */
    int64_t looked_ms;                  /* when it was last seen to be the file at that path */
    int looks;                          /* at the statement at work: see tables.c */
    int64_t schema_version;             /* of the tables, when it was connected */
    bool preparing;                     /* a statement, for the first time */
    bool prepared_again;                /* sqlite did that with one: are they still the same tables? */
    bool changed;                       /* they were made anew under it: nothing known of them holds */
    sqlite3_stmt *statements[SQ_STATEMENTS];
    struct sq_shm shm;
    bool busy;                          /* the host was told that others wait for us */
    bool at_turn;                       /* we hold the queue */
    bool staying;                       /* and keep it beyond the transaction */
    int64_t unfair_until_ms;            /* until then the queue is not waited for */
    int64_t no_turn_since_ms;           /* all that was written since then was so without a turn; 0: the last was not */
    int wal_pages;                      /* as the last commit left it */
    int wal_tried;                      /* and at the last checkpoint that could not do all */
    /* the way to the broker, as the host was told, and the next try */
    enum { SQ_UNREPORTED, SQ_UP, SQ_DOWN } link;
    int64_t busy_since_ms, retry_ms, backoff_ms;
};

/* Fills all; connects to nothing. host and path are borrowed. */
void sq_store_init(struct sq_store *, const struct eb_host *, const char *path, enum sq_need, bool power);
void sq_store_close(struct sq_store *);

/* Connects if it is not: makes the file where there is none. EB_EMPTY: need is SQ_LOOK and there is no file. EB_RETRIABLE:
 * another try may work. EB_PERMANENT: what can never work until somebody does something about it. Waits up to wait_ms for
 * another process that has it locked. */
int32_t sq_store_connect(struct sq_store *, int64_t wait_ms, struct eb_error *);

/* EB_OK: the connection still leads to the file at the path; looks once a second. Otherwise disconnects: EB_RETRIABLE. */
int32_t sq_store_check_file(struct sq_store *, struct eb_error *);

/* Whether what was just committed is in the file that the path leads to. */
bool sq_store_is_in_place(struct sq_store *);

/* Takes note of which tables there are: those that we know. EB_OK or negative. */
int32_t sq_store_note_tables(struct sq_store *, struct eb_error *);

/* The error when it is not. */
int32_t sq_store_replaced(const struct sq_store *, struct eb_error *);

/* Tells the host how the way is after an answer of this file's functions: nothing changes, nothing is told. EB_OK: works;
 * anything else: err is why, and retry_ms is set to the time of the next try. Being locked is told only after a second. */
void sq_store_link(struct sq_store *, int32_t status, const struct eb_error *err);

/* On a new connection: notices when SQLite prepares a statement again, because other tables took the place of those that were
 * checked. */
void sq_watch_statements(struct sq_store *);
void sq_finalize_statements(struct sq_store *);

/* A prepared statement, reset and without values; NULL: sq_step says why. */
sqlite3_stmt *sq_sql(struct sq_store *, enum sq_sql);

/* 1: a row; 0: done, and reset; negative: failed, reset, err filled. */
int32_t sq_step(struct sq_store *, sqlite3_stmt *, struct eb_error *);

/* The same of a row whose values are compared with what the file may hold: a letter for each column. i: an integer; s: a
 * position, or 0; m: a message's id, M: or none; t: a topic's id; g: a group's, or a schema's; o: a member's, or 0; O: any
 * integer, or none; T: a time; n: a name; x: a text, X: or none; b: bytes, B: or none. EB_FATAL, naming the file: damaged. */
int32_t sq_row(struct sq_store *, sqlite3_stmt *, const char *shape, struct eb_error *);

/* The error of a file that says what cannot be, which may name a thing in it. */
int32_t sq_damaged(const struct sq_store *, struct eb_error *, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Runs a statement that has no rows. EB_OK or negative. */
int32_t sq_run(struct sq_store *, sqlite3_stmt *, struct eb_error *);

/* The one number that a statement answers. EB_OK or negative. */
int32_t sq_number(struct sq_store *, enum sq_sql, int64_t *, struct eb_error *);

/* EB_OK: a write transaction is open. Waits for the others until then (ebp_monotonic_ms). */
int32_t sq_begin(struct sq_store *, int64_t until_ms, struct eb_error *);

/* What is read until sq_end_reading is of one moment. Takes no lock that writers wait for. */
int32_t sq_begin_reading(struct sq_store *, struct eb_error *);
void sq_end_reading(struct sq_store *);

/* Either ends it. After a failed commit nothing of it is stored. */
int32_t sq_commit(struct sq_store *, struct eb_error *);
void sq_rollback(struct sq_store *);

/* Keeps the turn from the next transaction on until sq_pass_turn, for several in a row. */
void sq_keep_turn(struct sq_store *);
void sq_pass_turn(struct sq_store *);

/* On a new connection: notices how long SQLite's log is. */
void sq_watch_log(struct sq_store *);

/* Outside of a transaction: moves the log into the file, so that it begins again, where that is possible at once. */
void sq_store_checkpoint(struct sq_store *, int64_t until_ms);

/* The error of a full disk. */
int32_t sq_store_full(const struct sq_store *, struct eb_error *);

/* What sqlite just said, as an error of this broker. */
int32_t sq_store_error(struct sq_store *, struct eb_error *);

/* A whole column as bytes: data NULL for NULL, but not for an empty one. Borrowed until the next step. */
struct eb_text sq_bytes(sqlite3_stmt *, int column);

/* Binds bytes that outlive the step; data NULL as NULL. */
void sq_bind(sqlite3_stmt *, int index, struct eb_text);

#endif
