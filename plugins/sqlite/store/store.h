/* plugins/sqlite/store/store.h - one instance's connection to the database: connecting (store.c, connect.c),
 * statements (statement.c), transactions (transaction.c), errors (error.c). */
#ifndef SQ_STORE_H
#define SQ_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help/link.h>

#include "store/extender.h"
#include "store/file.h"
#include "store/shm.h"
#include "format/slots.h"
#include "store/sql.h"

enum { SQ_TOPIC_MAX = (1 << 23) - 1, SQ_NAME_MAX = 1000 };

/* The largest time that a row may hold, in ms. */
static const int64_t SQ_TIME_MAX = (int64_t)1 << 60;

/* The id of a message, and back. */
static inline int64_t sq_id(int64_t topic, int64_t seq) {
    return topic << SQ_SEQ_BITS | seq;
}

static inline int64_t sq_seq(int64_t id) {
    return id & SQ_SEQ_MAX;
}

enum { SQ_BUSY_REPORT_MS = 1000 }; /* a file that is locked for so long is worth a line */

enum sq_need { SQ_LOOK, SQ_WRITE }; /* SQ_LOOK: creates no file, and may open one that can only be read */

/* What is known of the room in the file while nobody else commits: see disk_space.c. */
struct sq_room {
    int64_t used_pages; /* when they were last counted; 0: never */
    size_t bytes;       /* of rows that this instance has added since */
    uint32_t version;   /* SQLite's number of the contents after this instance's last commit of rows */
};

/* Belongs to the thread that calls the instance's ops. */
struct sq_store {
    const struct eb_host *host;
    const char *path;      /* as messages name it */
    char *absolute;        /* the same, whatever the working directory is later */
    char *real, *shm_path; /* where the path led to at the last connection; NULL: never connected */
    enum sq_need need;
    int cache_pages;              /* 0: SQLite's default */
    bool power;                   /* a commit survives a power cut */
    sqlite3 *db;                  /* NULL: not connected */
    bool counted;                 /* by fork.h */
    bool immutable;               /* read as it is, without a log: it is opened again for each look */
    uint64_t connections;         /* counts connections: what an instance remembers of a file belongs to one */
    bool boot_rebased;            /* the times in the file are of this run of the machine: see boot.h */
    uint64_t contents;            /* counts the connections that led to another file, or to other contents of it */
    struct sq_file_identity file; /* the file that is open */
    struct sq_extender *extender; /* its descriptor of our own; NULL: not connected */
    int64_t looked_ms;            /* when the file was last seen to be the one at the path */
    int looks;                    /* progress checks during this statement: see tables.c */
    int64_t schema_version;       /* SQLite's version of the tables at the connection */
    bool preparing;               /* a statement is being prepared for the first time */
    bool prepared_again;          /* SQLite prepared one again: are the tables still the same? */
    bool changed;                 /* they are not: nothing that is known of them holds */
    sqlite3_stmt *statements[SQ_STATEMENTS];
    struct sq_shm shm;
    bool busy;                /* the host was told that others wait for this instance */
    bool at_turn;             /* this instance has the turn */
    bool staying;             /* and keeps it beyond the transaction */
    int64_t unfair_until_ms;  /* until then it does not wait for its turn */
    int64_t no_turn_since_ms; /* it has written without a turn since then; 0: the last time with one */
    struct sq_room room;
    int wal_pages; /* length of the log after the last commit */
    int wal_tried; /* and at the last checkpoint that could not move all of it */
    struct ebp_link link;
    int64_t busy_since_ms, retry_ms, backoff_ms; /* retry_ms: the time of the next try to connect */
};

/* Initializes the store; does not connect. host and path are borrowed. */
void sq_store_init(struct sq_store *, const struct eb_host *, const char *path, enum sq_need, bool power);
void sq_store_close(struct sq_store *);

/* Connects if the store is not connected, and creates the file where there is none. EB_EMPTY: need is SQ_LOOK and there is
 * no file. EB_RETRIABLE: another try may work. EB_PERMANENT: somebody has to do something about it first. Waits up to
 * wait_ms while another process has the file locked. */
int32_t sq_store_connect(struct sq_store *, int64_t wait_ms, struct eb_error *);

/* One try of sq_store_connect, its only caller. Sets store->db, store->extender and what is known of the path, and opens the
 * side file. On failure the caller closes store->db and store->extender where they are set. */
int32_t sq_connect(struct sq_store *, int64_t wait_ms, struct eb_error *);

/* EB_OK: the connection still leads to the file at the path; looks once a second. Otherwise disconnects: EB_RETRIABLE. */
int32_t sq_store_check_file(struct sq_store *, struct eb_error *);

/* Whether the path leads to the file that is open, so that what was just committed will be found there. */
bool sq_store_is_in_place(struct sq_store *);

/* Notes SQLite's version of the tables, which were checked. EB_OK or negative. */
int32_t sq_store_note_tables(struct sq_store *, struct eb_error *);

/* EB_RETRIABLE, filled: the path leads to another file, or to none. */
int32_t sq_store_replaced(const struct sq_store *, struct eb_error *);

/* Reports the link to the host, where it changed, after a function of the store returned status. EB_OK: up. Negative: err
 * is why it is down, and retry_ms becomes the time of the next try. A locked file is reported only after
 * SQ_BUSY_REPORT_MS. */
void sq_store_link(struct sq_store *, int32_t status, const struct eb_error *err);

/* On a new connection: notices when SQLite prepares a statement again, because other tables took the place of those that were
 * checked. */
void sq_watch_statements(struct sq_store *);
void sq_finalize_statements(struct sq_store *);

/* Returns a prepared statement, reset and without values. NULL: sq_step will return why. */
sqlite3_stmt *sq_sql(struct sq_store *, enum sq_sql);

/* 1: a row; 0: done, and reset; negative: failed, reset, err filled. */
int32_t sq_step(struct sq_store *, sqlite3_stmt *, struct eb_error *);

/* Like sq_step, and checks the values of a row against what the file may hold, by a letter for each column. i: an integer;
 * s: a position, or 0; m: a message's id, M: or NULL; t: a topic's id; g: a group's or a schema's id; o: a member's id, or
 * 0; O: any integer, or NULL; T: a time; n: a name; x: a text, X: or NULL; b: bytes, B: or NULL. EB_FATAL: the file, which
 * the error names, is damaged. */
int32_t sq_row(struct sq_store *, sqlite3_stmt *, const char *shape, struct eb_error *);

/* EB_FATAL, filled: the file holds a value that it cannot hold. The format describes it. */
int32_t sq_damaged(const struct sq_store *, struct eb_error *, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Runs a statement without rows. EB_OK or negative. */
int32_t sq_run(struct sq_store *, sqlite3_stmt *, struct eb_error *);

/* Binds n integers to a statement without rows, and runs it: SQ_RUN(store, SQ_MEMBER_DELETE, err, member). */
int32_t sq_run_with(struct sq_store *, enum sq_sql, struct eb_error *, int n, const int64_t *values);

#define SQ_RUN(store, name, err, ...)                                                                                          \
    sq_run_with((store), (name), (err), (int)(sizeof(const int64_t[]){ __VA_ARGS__ } / sizeof(int64_t)),                       \
                (const int64_t[]){ __VA_ARGS__ })

/* Runs a statement whose row is one number. EB_OK or negative. */
int32_t sq_number(struct sq_store *, enum sq_sql, int64_t *, struct eb_error *);

/* Opens a write transaction at this instance's turn. Waits for others until that time (ebp_monotonic_ms). EB_OK or
 * negative. */
int32_t sq_begin(struct sq_store *, int64_t until_ms, struct eb_error *);

/* Begins a read of one moment, which ends with sq_end_reading. Takes no lock that writers wait for. */
int32_t sq_begin_reading(struct sq_store *, struct eb_error *);
void sq_end_reading(struct sq_store *);

/* Either ends the write transaction. After a failed commit nothing of it is stored. */
int32_t sq_commit(struct sq_store *, struct eb_error *);
void sq_rollback(struct sq_store *);

static inline bool sq_in_transaction(const struct sq_store *store) {
    return !sqlite3_get_autocommit(store->db);
}

/* Commits if status is EB_OK, and returns how that went; otherwise rolls back and returns status. */
int32_t sq_end(struct sq_store *, int32_t status, struct eb_error *);

/* Keeps the turn beyond each transaction until sq_pass_turn. */
void sq_keep_turn(struct sq_store *);
void sq_pass_turn(struct sq_store *);

/* On a new connection: notices how long SQLite's log is. */
void sq_watch_log(struct sq_store *);

/* Outside of a transaction: moves the log into the file, so that it begins again, if that is possible at once. */
void sq_store_checkpoint(struct sq_store *, int64_t until_ms);

/* EB_RETRIABLE, filled: the disk is full. */
int32_t sq_store_full(const struct sq_store *, struct eb_error *);

/* Returns, and fills in, the error that SQLite just reported. */
int32_t sq_store_error(struct sq_store *, struct eb_error *);

/* The bytes of a column; data is NULL for NULL only. Borrowed until the next step. */
struct eb_text sq_bytes(sqlite3_stmt *, int column);

/* Binds bytes that outlive the step; data NULL binds NULL. */
void sq_bind(sqlite3_stmt *, int index, struct eb_text);

#endif
