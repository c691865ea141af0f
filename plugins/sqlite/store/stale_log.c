/* plugins/sqlite/store/stale_log.c - see stale_log.h. The side file has a record of the database and the log that were
 * last opened at this path. If the log is the recorded one and the database is not, the log is of the former database. If
 * both are others, as when a whole folder was restored from a backup, they belong together. */
#include "store/stale_log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

enum { MOST_ASIDE = 100 };

/* link(2) fails where the name exists, unlike rename(2). */
static int32_t put_log_aside(const char *log, char *aside, size_t room, struct eb_error *err) {
    for (int n = 1; n <= MOST_ASIDE; n++) {
        if (snprintf(aside, room, "%s.replaced-%d", log, n) >= (int)room)
            break;
        if (link(log, aside) == 0)
            return unlink(log) == 0 ? EB_OK : ebp_errno(err, EB_PERMANENT, "cannot move %s to %s", log, aside);
        if (errno != EEXIST)
            return ebp_errno(err, EB_PERMANENT, "%s is the log of a database that was replaced, and cannot be moved to %s", log,
                             aside);
    }
    return ebp_error(err, EB_PERMANENT, 0, "%s is the log of a database that was replaced: move it away", log);
}

static void log_set_aside(const struct sq_store *store, const char *aside) {
    char text[2 * PATH_MAX + 160];

    snprintf(text, sizeof text,
             "%s is not the database that was there before; the log of that one is %s now: keep both, or "
             "remove it",
             store->path, aside);
    store->host->log(store->host, EBP_LOG_WARNING, text);
}

static int32_t remove_file(const char *path, struct eb_error *err) {
    if (unlink(path) == 0 || errno == ENOENT)
        return EB_OK;
    return ebp_errno(err, EB_PERMANENT, "%s is of a database that was replaced, and cannot be removed", path);
}

/* Processes that still have the former database open go on with its files, which have no names any more. */
static int32_t clear(struct sq_store *store, const struct sq_shm_record *record, struct eb_error *err) {
    char log[PATH_MAX + 8], index[PATH_MAX + 8], aside[PATH_MAX + 32];
    struct sq_file_identity there;
    int32_t status = EB_OK;

    snprintf(log, sizeof log, "%s-wal", store->real);
    snprintf(index, sizeof index, "%s-shm", store->real);
    if (sq_file_look(log, &there, NULL) == EB_OK && sq_file_same(&there, &record->log)) {
        status = put_log_aside(log, aside, sizeof aside, err);
        if (status == EB_OK)
            log_set_aside(store, aside);
    }
    if (status == EB_OK)
        status = remove_file(index, err);
    return status == EB_OK ? remove_file(store->shm_path, err) : status;
}

int32_t sq_stale_log_clear(struct sq_store *store, struct eb_error *err) {
    const struct sq_file_identity *now = sq_extender_file(store->extender);
    struct sq_shm_record record;
    int32_t status = EB_OK;

    if (!sq_shm_record(&store->shm, &record) || sq_file_same(&record.db, now))
        return EB_OK;
    if (!sq_shm_try_clearing(&store->shm))
        return ebp_error(err, EB_RETRIABLE, 0, "%s was replaced, and another process is renaming its log right now",
                         store->path);
    if (sq_shm_in_place(&store->shm, store->shm_path)) /* else another process did it before */
        status = clear(store, &record, err);
    sq_shm_close(&store->shm);
    return status == EB_OK ? sq_shm_open(&store->shm, store->shm_path, err) : status;
}
