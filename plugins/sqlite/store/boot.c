/* plugins/sqlite/store/boot.c - see boot.h. */
#include "store/boot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "store/clock.h"

enum { SAME_WALL_MS = 2000 };           /* less than that is a clock being kept right, not set */

/* The row of the table. */
struct boot {
    bool known;
    char name[SQ_BOOT_ROOM];
    int64_t wall_ms;                    /* what the wall clock said when the ticks were 0 */
};

static int32_t read_row(struct sq_store *store, struct boot *boot, struct eb_error *err) {
    sqlite3_stmt *find = sq_sql(store, SQ_BOOT);
    int32_t row = sq_row(store, find, "xi", err);

    *boot = (struct boot){ .known = row > 0 };
    if (row > 0) {
        const char *name = (const char *)sqlite3_column_text(find, 0);
        snprintf(boot->name, sizeof boot->name, "%s", name ? name : "");
        boot->wall_ms = sqlite3_column_int64(find, 1);
        sqlite3_reset(find);
    }
    return row < 0 ? row : EB_OK;
}

static int32_t write_row(struct sq_store *store, const struct boot *boot, struct eb_error *err) {
    sqlite3_stmt *set = sq_sql(store, SQ_BOOT_SET);

    sqlite3_bind_text(set, 1, boot->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(set, 2, boot->wall_ms);
    return sq_run(store, set, err);
}

/* How old a mark is stays as it was when the newest one was written: the time in between is not known for sure. */
static int32_t begin_anew(struct sq_store *store, struct eb_error *err) {
    int32_t status = sq_run(store, sq_sql(store, SQ_MARKS_DROP_ODD), err);
    sqlite3_stmt *shift = sq_sql(store, SQ_MARKS_SHIFT);

    sqlite3_bind_int64(shift, 1, sq_ticks_ms());
    if (status == EB_OK)
        status = sq_run(store, shift, err);
    return status == EB_OK ? sq_run(store, sq_sql(store, SQ_HOLDS_DUE_NOW), err) : status;
}

static void log_clock_moved(const struct sq_store *store, int64_t by_ms) {
    char text[EB_ERROR_ROOM];
    int64_t off_s = by_ms / 1000 + by_ms % 1000 / 500;      /* rounded, on either side of 0 */

    snprintf(text, sizeof text, "%s: the wall clock is %" PRId64 " s %s where it was when this file was last used: it was set, "
             "or this process has another one; waits, leases and retention go by another clock, but the times of events "
             "stored now follow it", store->path, off_s < 0 ? -off_s : off_s, off_s < 0 ? "behind" : "ahead of");
    store->host->log(store->host, 4, text);
}

/* A hostile row may hold any number. */
static int64_t difference(int64_t a, int64_t b) {
    int64_t by;

    return __builtin_sub_overflow(a, b, &by) || by == INT64_MIN ? INT64_MAX : by;
}

/* What the format has become since the file was made; rolled back with the transaction. */
static int32_t upgrade(struct sq_store *store, struct eb_error *err) {
    int64_t format;
    char mark[40];
    int32_t status = sq_number(store, SQ_READ_FORMAT, &format, err);

    if (status != EB_OK || format >= SQ_FORMAT)
        return status;
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA user_version=%d", SQ_FORMAT);
    if (sqlite3_exec(store->db, sq_sql_upgrade_from_1, NULL, NULL, NULL) != SQLITE_OK
        || sqlite3_exec(store->db, mark, NULL, NULL, NULL) != SQLITE_OK)
        return sq_store_error(store, err);
    return sq_store_note_tables(store, err);
}

int32_t sq_boot_rebase(struct sq_store *store, struct eb_error *err) {
    struct boot was, is = { .wall_ms = sq_wall_ms() - sq_ticks_ms() };
    int64_t moved_ms;
    int32_t status = upgrade(store, err);

    if (status == EB_OK)
        status = read_row(store, &was, err);
    if (status != EB_OK)
        return status;
    sq_boot_name(is.name);
    if (!*is.name)                                      /* cannot be found out here: as the others left it */
        memcpy(is.name, was.name, sizeof is.name);
    moved_ms = difference(is.wall_ms, was.wall_ms);
    if (strcmp(is.name, was.name) != 0)
        status = begin_anew(store, err);
    else if (was.known && moved_ms > -SAME_WALL_MS && moved_ms < SAME_WALL_MS)
        return EB_OK;
    else if (was.known)
        log_clock_moved(store, moved_ms);
    return status == EB_OK ? write_row(store, &is, err) : status;
}
