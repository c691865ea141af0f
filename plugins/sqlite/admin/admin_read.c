/* plugins/sqlite/admin/admin_read.c - lists topics and groups, browses messages. Each read is short, whatever the caller
 * does with what it is given: a long one would stop checkpoints. */
#include "admin/admin.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "options.h"
#include "position.h"
#include "topic/group_progress.h"

enum { BROWSE_ROWS = 256, BROWSE_BYTES = 1 << 20 };

/* An empty answer may also mean that the path is wrong. */
static void log_absent(const struct eb_host *host, const char *path) {
    char text[PATH_MAX + 80];

    snprintf(text, sizeof text, "%s does not exist yet; the first producer or consumer creates it", path);
    host->log(host, EBP_LOG_INFO, text);
}

int32_t sq_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    const struct sq_settings *set = settings;
    struct sq_admin *a = calloc(1, sizeof *a);
    int32_t status;

    if (!a)
        return ebp_no_memory(err);
    sq_store_init(&a->store, host, set->path, SQ_LOOK, false);
    status = sq_store_connect(&a->store, 0, err);
    if (status < 0 && status != EB_RETRIABLE) {
        sq_admin_close(a);
        return status;
    }
    if (status == EB_EMPTY)
        log_absent(host, set->path);
    *self = a;
    return EB_OK;
}

void sq_admin_close(void *self) {
    struct sq_admin *a = self;

    sq_decoder_free(&a->decoder);
    ebp_bytes_free(&a->rows);
    sq_store_close(&a->store);
    free(a);
}

static int64_t known(bool is, int64_t number) {
    return is ? number : -1;
}

/* ---- topics ---- */

/* The first topic behind that id. EB_END: there is none. */
static int32_t next_topic(struct sq_admin *a, int64_t *id, char **name, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(&a->store, SQ_TOPICS_AFTER);
    int32_t row;

    sqlite3_bind_int64(list, 1, *id);
    row = sq_row(&a->store, list, "tn", err);
    if (row <= 0)
        return row == 0 ? EB_END : row;
    if (sqlite3_column_int64(list, 0) <= *id)
        return sq_damaged(&a->store, err, "topics are out of order");
    *id = sqlite3_column_int64(list, 0);
    *name = strdup((const char *)sqlite3_column_text(list, 1));
    sqlite3_reset(list);
    return *name ? EB_OK : ebp_no_memory(err);
}

static int32_t report_topic(struct sq_admin *a, int64_t id, const char *name,
                            int32_t (*each)(void *, const struct eb_topic_info *), void *arg, bool *stop,
                            struct eb_error *err) {
    struct sq_extent extent;
    int32_t status = sq_topic_extent(&a->store, id, &extent, err);
    struct eb_topic_info info = { .size = sizeof info, .name = name, .partitions = 1, .bytes = -1 };
    bool any;

    if (status != EB_OK)
        return status < 0 ? status : EB_OK; /* removed since it was listed */
    any = extent.first <= extent.last;
    info.messages = extent.last - extent.first + 1;
    info.oldest_ms = known(any, extent.first_ms);
    info.newest_ms = known(any, extent.last_ms);
    *stop = each(arg, &info) != 0;
    return EB_OK;
}

int32_t sq_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *err) {
    struct sq_admin *a = self;
    int32_t status = sq_store_connect(&a->store, timeout_ms, err);
    int64_t id = 0;
    bool stop = false;
    char *name = NULL;

    while (status == EB_OK && !stop) {
        status = next_topic(a, &id, &name, err);
        if (status != EB_OK)
            break;
        status = report_topic(a, id, name, each, arg, &stop, err);
        free(name);
    }
    return status < 0 ? status : EB_OK;
}

/* ---- groups ---- */

/* The group that the walk stands at; owns its texts. */
struct group {
    int64_t id, topic;
    char *topic_name, *name;
};

static void free_group(struct group *group) {
    free(group->topic_name);
    free(group->name);
}

/* Whether the row is behind the group, without which the walk would not end. */
static bool is_behind(sqlite3_stmt *row, const struct group *group) {
    int64_t topic = sqlite3_column_int64(row, 1);

    return topic > group->topic ||
           (topic == group->topic && strcmp((const char *)sqlite3_column_text(row, 3), group->name ? group->name : "") > 0);
}

/* Moves on to the next group. EB_END: there is none. */
static int32_t next_group(struct sq_admin *a, struct group *group, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(&a->store, SQ_GROUPS_AFTER);
    struct group next;
    int32_t row;

    sqlite3_bind_int64(list, 1, group->topic);
    sqlite3_bind_text(list, 2, group->name ? group->name : "", -1, SQLITE_STATIC);
    row = sq_row(&a->store, list, "gtnn", err);
    if (row <= 0)
        return row == 0 ? EB_END : row;
    if (!is_behind(list, group))
        return sq_damaged(&a->store, err, "groups are out of order");
    next = (struct group){ sqlite3_column_int64(list, 0), sqlite3_column_int64(list, 1),
                           strdup((const char *)sqlite3_column_text(list, 2)),
                           strdup((const char *)sqlite3_column_text(list, 3)) };
    sqlite3_reset(list);
    free_group(group);
    *group = next;
    return next.topic_name && next.name ? EB_OK : ebp_no_memory(err);
}

static int32_t report_group(struct sq_admin *a, const struct group *group,
                            int32_t (*each)(void *, const struct eb_group_info *), void *arg, bool *stop,
                            struct eb_error *err) {
    struct sq_group_progress is;
    char position[24], end[24];
    int32_t status = sq_group_progress(&a->store, group->topic, group->id, &is, err);
    struct eb_group_info info = {
        .size = sizeof info, .topic = group->topic_name, .group = group->name, .partition = "", .position = position, .end = end
    };

    if (status != EB_OK)
        return status < 0 ? status : EB_OK;
    snprintf(position, sizeof position, "%" PRId64, is.next);
    snprintf(end, sizeof end, "%" PRId64, is.last + 1);
    info.lag = is.lag;
    info.unsettled = is.unsettled;
    info.members = is.members;
    *stop = each(arg, &info) != 0;
    return EB_OK;
}

int32_t sq_admin_groups(void *self, const char *topic, const char *name, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct sq_admin *a = self;
    int32_t status = sq_store_connect(&a->store, timeout_ms, err);
    struct group group = { 0 };
    bool stop = false;

    while (status == EB_OK && !stop && (status = next_group(a, &group, err)) == EB_OK) {
        if ((topic && strcmp(topic, group.topic_name) != 0) || (name && strcmp(name, group.name) != 0))
            continue;
        status = report_group(a, &group, each, arg, &stop, err);
    }
    free_group(&group);
    return status < 0 ? status : EB_OK;
}

/* ---- messages ---- */

/* Reads some rows behind *seq into the buffer and moves *seq on. */
static int32_t read_some(struct sq_admin *a, int64_t topic, int64_t *seq, int64_t upto, struct eb_error *err) {
    sqlite3_stmt *scan = sq_sql(&a->store, SQ_MSG_SCAN);
    struct sq_row row = { .id = sq_id(topic, *seq) };
    int32_t status;
    size_t at;

    a->rows.len = 0;
    sqlite3_bind_int64(scan, 1, sq_id(topic, *seq));
    sqlite3_bind_int64(scan, 2, sq_id(topic, upto));
    sqlite3_bind_int64(scan, 3, -1); /* of all slots */
    *seq = upto;
    for (int n = 0; (status = sq_row_of_message(&a->store, scan, row.id, &row, err)) > 0; n++) {
        if (!sq_row_keep(&a->rows, &row, &at)) {
            status = ebp_no_memory(err);
            break;
        }
        if (n + 1 == BROWSE_ROWS || a->rows.len >= BROWSE_BYTES) {
            *seq = row.seq;
            break;
        }
    }
    sqlite3_reset(scan);
    return status < 0 ? status : EB_OK;
}

static int32_t report_rows(struct sq_admin *a, const char *topic, int32_t (*each)(void *, const struct eb_message *), void *arg,
                           bool *stop, struct eb_error *err) {
    for (size_t at = 0; at < a->rows.len && !*stop;) {
        struct sq_row row = sq_row_at(&a->rows, at, &at);
        struct eb_message message;
        int32_t status = sq_row_decode(&a->decoder, &a->store, &row, topic, &message, err);
        if (status != EB_OK)
            return status;
        *stop = each(arg, &message) != 0;
    }
    return EB_OK;
}

int32_t sq_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct sq_admin *a = self;
    struct sq_extent extent;
    int64_t id = 0, seq = 0;
    bool stop = false;
    int32_t status = sq_position_check(from, err);

    if (status == EB_OK)
        status = sq_store_connect(&a->store, timeout_ms, err);
    if (status == EB_OK)
        status = sq_topic_id(&a->store, topic, &id, err);
    if (status == EB_OK)
        status = id == 0 ? EB_GONE : sq_topic_extent(&a->store, id, &extent, err);
    if (status == EB_OK)
        status = sq_position_cursor(&a->store, id, from, &seq, err);
    if (status != EB_OK)
        return status < 0 ? status : EB_END;
    while (status == EB_OK && !stop && seq < extent.last) {
        status = read_some(a, id, &seq, extent.last, err);
        if (status == EB_OK)
            status = report_rows(a, topic, each, arg, &stop, err);
    }
    return status;
}
