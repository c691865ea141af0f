/* plugins/sqlite/store/boot.c - see boot.h. */
#include "store/boot.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/log.h>

enum {
    SAME_WALL_MS = 2000, /* a smaller difference comes from a clock that is kept right, not set */
    BOOT_NAME_ROOM = 64
};

/* A row of the table boot. */
struct boot {
    bool known;
    char name[BOOT_NAME_ROOM];
    int64_t wall_ms; /* the wall clock's time when the monotonic clock was 0 */
};

/* Names the run of the monotonic clock: one start of the machine, and one time namespace of it. Empty: unknown. */
static void read_boot_name(char name[BOOT_NAME_ROOM]) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char id[40] = "";
    struct stat space;
    ssize_t len = fd < 0 ? 0 : read(fd, id, sizeof id - 1);

    if (fd >= 0)
        close(fd);
    id[len < 0 ? 0 : len] = '\0';
    id[strcspn(id, "\n")] = '\0';
    if (stat("/proc/self/ns/time", &space) != 0)
        space.st_ino = 0; /* a kernel before 5.6 has one time namespace only */
    snprintf(name, BOOT_NAME_ROOM, "%s%s%.20ju", id, *id ? "/" : "", (uintmax_t)space.st_ino);
    if (!*id)
        *name = '\0';
}

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

/* A mark keeps the age it had when the newest one was written: the time in between is not known for sure. */
static int32_t begin_anew(struct sq_store *store, struct eb_error *err) {
    int32_t status = sq_run(store, sq_sql(store, SQ_MARKS_DROP_ODD), err);

    if (status == EB_OK)
        status = SQ_RUN(store, SQ_MARKS_SHIFT, err, ebp_monotonic_ms());
    return status == EB_OK ? sq_run(store, sq_sql(store, SQ_HOLDS_DUE_NOW), err) : status;
}

static void log_clock_moved(const struct sq_store *store, int64_t by_ms) {
    int64_t off_s = by_ms / 1000 + by_ms % 1000 / 500; /* rounded, on either side of 0 */

    ebp_log(store->host, EBP_LOG_WARNING,
            "%s: the wall clock is %" PRId64 " s %s where it was when this file was last used: "
            "it was set, or this process has another one; waits, leases and retention do not depend on it, but the times of "
            "events stored now do",
            store->path, off_s < 0 ? -off_s : off_s, off_s < 0 ? "behind" : "ahead of");
}

/* A hostile row may hold any number, so the difference may overflow. */
static int64_t difference(int64_t a, int64_t b) {
    int64_t by;

    return __builtin_sub_overflow(a, b, &by) || by == INT64_MIN ? INT64_MAX : by;
}

/* Upgrades the file's format; rolled back with the transaction. */
static int32_t upgrade(struct sq_store *store, struct eb_error *err) {
    int64_t format;
    char mark[40];
    int32_t status = sq_number(store, SQ_READ_FORMAT, &format, err);

    if (status != EB_OK || format >= SQ_FORMAT)
        return status;
    sqlite3_snprintf(sizeof mark, mark, "PRAGMA user_version=%d", SQ_FORMAT);
    if (sqlite3_exec(store->db, sq_sql_upgrade_from_1, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->db, mark, NULL, NULL, NULL) != SQLITE_OK)
        return sq_store_error(store, err);
    return sq_store_note_tables(store, err);
}

int32_t sq_boot_rebase(struct sq_store *store, struct eb_error *err) {
    struct boot was, is = { .wall_ms = ebp_wall_ms() - ebp_monotonic_ms() };
    int64_t moved_ms;
    int32_t status = upgrade(store, err);

    if (status == EB_OK)
        status = read_row(store, &was, err);
    if (status != EB_OK)
        return status;
    read_boot_name(is.name);
    if (!*is.name) /* unknown here: leave it as it is in the file */
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
