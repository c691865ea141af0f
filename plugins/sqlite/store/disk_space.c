/* plugins/sqlite/store/disk_space.c - see disk_space.h. The log has room, and the file has room for the whole log: so a
 * checkpoint always works, the log begins again, and has room for removing messages. */
#include "store/disk_space.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>
#include <eventbus/plugin-help/error.h>

enum {
    PAGE = 8192,         /* of a new file; near enough for another one */
    LOG_BYTES = 4 << 20, /* half of what it grows to before it is moved */
    CHUNK = 1 << 20,     /* the file grows by so much at once */
    SPARE_PAGES = 32,    /* the tree above the rows, and other tables */
    FREE_PAGES = 1024,   /* so many may stay free, for what comes next */
    FREE_PART = 4,       /* or this part of all */
    PAGES_AT_ONCE = 64
};

/* Only the kernel extends the log. SQLite's own way (SQLITE_FCNTL_SIZE_HINT) writes a byte into each block behind the end
 * as it was when it looked: it would damage what others have written there since. The log holds no locks that a close
 * could drop. */
static void grow_log(sqlite3 *db) {
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
    sqlite3_file *log = NULL;
    int chunk = LOG_BYTES, fd;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK && log && log->pMethods)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_CHUNK_SIZE, &chunk); /* the length that SQLite cuts it to later */
    fd = path && *path ? open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0)
        return;
    /* It may fail on a full disk or on a filesystem without such a call: the log then grows as it is written. */
    bool grown = fallocate(fd, 0, 0, LOG_BYTES) == 0;
    (void)grown;
    close(fd);
}

void sq_disk_space_prepare(struct sq_store *store) {
    int chunk = CHUNK;

    store->room = (struct sq_room){ 0 };
    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk);
    grow_log(store->db);
}

/* The kernel does it at once where the filesystem supports that; otherwise SQLite does, block by block. */
static int32_t extend(const struct sq_store *store, int64_t size) {
    sqlite3_int64 hint = size;
    int32_t status;

    status = sq_extender_extend(store->extender, size, CHUNK);
    if (status == EB_EMPTY)
        status = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_SIZE_HINT, &hint) == SQLITE_OK ? EB_OK : EB_RETRIABLE;
    return status;
}

/* Rows do not fill their pages: a page holds one row that is just larger than half of it. */
static int64_t pages_for(size_t bytes) {
    return (int64_t)(bytes / (PAGE / 2)) + SPARE_PAGES;
}

/* Changes with each commit of any connection, this one's too. */
static uint32_t contents_version(const struct sq_store *store) {
    uint32_t version = 0;

    sqlite3_file_control(store->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
    return version;
}

/* Only this instance has committed since the pages in use were counted. The length of the file is looked at each time, since
 * SQLite cuts the file when the log has been moved into it. */
static bool still_has_room(struct sq_store *store, size_t bytes) {
    struct sq_room *room = &store->room;

    if (room->used_pages == 0 || room->version != contents_version(store) ||
        sq_extender_size(store->extender) / PAGE < room->used_pages + pages_for(room->bytes + bytes))
        return false;
    room->bytes += bytes;
    return true;
}

/* SQLite prepares a PRAGMA anew each time, so counting costs as much as a small transaction. */
static int32_t make_room(struct sq_store *store, size_t bytes, struct eb_error *err) {
    int64_t pages = 0, unused = 0, need = pages_for(bytes);
    int32_t status = sq_number(store, SQ_PAGES, &pages, err);

    store->room = (struct sq_room){ 0 };
    if (status == EB_OK)
        status = sq_number(store, SQ_FREE_PAGES, &unused, err);
    if (status != EB_OK)
        return status;
    if (extend(store, (pages + (need > unused ? need - unused : 0)) * PAGE) != EB_OK)
        return sq_store_full(store, err);
    store->room = (struct sq_room){ .used_pages = pages, .bytes = bytes };
    return EB_OK;
}

/* Only at this instance's turn: nobody else then moves the log into the file, whose end SQLite moves by writing behind it. */
int32_t sq_disk_space_reserve(struct sq_store *store, size_t bytes, struct eb_error *err) {
    assert(sq_in_transaction(store));
    return !store->at_turn || still_has_room(store, bytes) ? EB_OK : make_room(store, bytes, err);
}

void sq_disk_space_committed(struct sq_store *store) {
    store->room.version = contents_version(store);
}

/* Files from before there was retention keep their free pages, for later use. */
static int32_t is_enough(struct sq_store *store, bool *enough, struct eb_error *err) {
    int64_t pages = 0, unused = 0, kind = 0;
    int32_t status = sq_number(store, SQ_AUTO_VACUUM, &kind, err);

    if (status == EB_OK)
        status = sq_number(store, SQ_PAGES, &pages, err);
    if (status == EB_OK)
        status = sq_number(store, SQ_FREE_PAGES, &unused, err);
    *enough = kind != 2 || unused <= FREE_PAGES || unused <= pages / FREE_PART;
    return status;
}

static int32_t give_back(struct sq_store *store, struct eb_error *err) {
    sqlite3_stmt *some = sq_sql(store, SQ_VACUUM);
    int32_t row;

    for (int n = 0; (row = sq_step(store, some, err)) > 0 && n < PAGES_AT_ONCE; n++)
        continue;
    sqlite3_reset(some);
    return row < 0 ? row : EB_OK;
}

int32_t sq_disk_space_give_back(struct sq_store *store, int64_t until_ms, struct eb_error *err) {
    bool enough;
    int32_t status = is_enough(store, &enough, err);

    if (status != EB_OK || enough)
        return status < 0 ? status : EB_END;
    status = sq_begin(store, until_ms, err);
    return status == EB_OK ? sq_end(store, give_back(store, err), err) : status;
}
