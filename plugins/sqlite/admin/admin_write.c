/* plugins/sqlite/admin/admin_write.c - creates topics, moves groups, trims and removes. */
#include "admin/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/text.h>

#include "position.h"
#include "retention/age_marks.h"
#include "retention/trim.h"
#include "topic/group_progress.h"
#include "topic/groups.h"
#include "topic/topics.h"

/* Connects to write. make: creates the file where there is none. */
static int32_t connect(struct sq_admin *a, bool make, int64_t until_ms, struct eb_error *err) {
    int32_t status;

    a->store.need = make ? SQ_WRITE : SQ_LOOK;
    status = sq_store_connect(&a->store, until_ms - ebp_monotonic_ms(), err);
    a->store.need = SQ_LOOK; /* for the reads that follow */
    if (status == EB_OK && sqlite3_db_readonly(a->store.db, "main") == 1)
        status = ebp_error(err, EB_PERMANENT, SQLITE_READONLY,
                           "%s can only be read by this user: give it the right to write the "
                           "file and its folder",
                           a->store.path);
    return status;
}

static int32_t no_topic(const struct sq_admin *a, const char *topic, struct eb_error *err) {
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %s does not exist in %s", topic, a->store.path);
}

static int32_t finish(struct sq_admin *a, int32_t status, struct eb_error *err) {
    status = sq_end(&a->store, status, err);
    if (status == EB_OK)
        sq_shm_notify_all(&a->store.shm);
    return status;
}

/* ---- create ---- */

/* A dry run: a file that exists must be one that this user may write; the first sender creates one that does not. */
static int32_t try_create(struct sq_admin *a, int64_t until_ms, struct eb_error *err) {
    int32_t status = connect(a, false, until_ms, err);

    return status == EB_EMPTY ? EB_OK : status;
}

int32_t sq_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    struct sq_admin *a = self;
    int64_t until_ms = ebp_monotonic_ms() + timeout_ms, id;
    const char *name_error = sq_topic_name_error(ebp_text_of(topic));
    bool made;
    int32_t status;

    if (name_error)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "cannot create the topic: %s", name_error);
    if (partitions > 1)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic %s with %u partitions: in a SQLite file a topic has one, which its workers divide "
                                 "among them",
                                 topic, partitions);
    if (flags & EB_DRY_RUN)
        return try_create(a, until_ms, err);
    status = connect(a, true, until_ms, err);
    if (status == EB_OK)
        status = sq_begin(&a->store, until_ms, err);
    if (status != EB_OK)
        return status;
    return finish(a, sq_topic_make(&a->store, topic, &id, &made, err), err);
}

/* ---- seek ---- */

/* A seek as it was asked for, and what is reported of it. */
struct seek {
    const char *topic, *group;
    const struct eb_point *to;
    uint32_t flags;
    int64_t topic_id, group_id; /* 0: it does not exist */
    int64_t before, after;      /* positions */
};

static int32_t not_there(const struct seek *seek, struct eb_error *err) {
    if (seek->topic_id == 0)
        ebp_error(err, EB_PERMANENT, 0, "topic %s does not exist", seek->topic);
    else
        ebp_error(err, EB_PERMANENT, 0, "topic %s has no group %s", seek->topic, seek->group);
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_GONE;
}

/* Fills what is reported. EB_GONE: topic or group does not exist and is not to be created; EB_END: the position is behind
 * the end. */
static int32_t look(struct sq_admin *a, struct seek *seek, struct eb_error *err) {
    struct sq_group_progress is;
    int64_t cursor = 0;
    int32_t status = sq_topic_id(&a->store, seek->topic, &seek->topic_id, err);

    if (status == EB_OK && seek->topic_id != 0)
        status = sq_group_id(&a->store, seek->topic_id, seek->group, &seek->group_id, err);
    if (status == EB_OK && seek->group_id == 0 && !(seek->flags & EB_CREATE))
        return not_there(seek, err);
    if (status == EB_OK)
        status = sq_position_reach(&a->store, seek->topic_id, seek->topic, seek->to, err);
    if (status == EB_OK && seek->topic_id != 0)
        status = sq_position_cursor(&a->store, seek->topic_id, seek->to, &cursor, err);
    if (status == EB_OK && seek->group_id != 0)
        status = sq_group_progress(&a->store, seek->topic_id, seek->group_id, &is, err);
    seek->before = status == EB_OK && seek->group_id != 0 ? is.next : 0;
    seek->after = cursor + 1;
    return status;
}

/* Live members lose what they have: their rows are gone, which they notice before they settle anything else. */
static int32_t move_group(struct sq_admin *a, struct seek *seek, struct eb_error *err) {
    bool made;
    int32_t status = look(a, seek, err);

    if (status == EB_OK && seek->topic_id == 0)
        status = sq_topic_make(&a->store, seek->topic, &seek->topic_id, &made, err);
    if (status != EB_OK)
        return status;
    return seek->group_id != 0 ? sq_group_reset(&a->store, seek->group_id, seek->after - 1, err)
                               : sq_group_make(&a->store, seek->topic_id, seek->group, seek->after - 1, &seek->group_id, err);
}

static int32_t run_seek(struct sq_admin *a, struct seek *seek, int64_t until_ms, struct eb_error *err) {
    bool dry = seek->flags & EB_DRY_RUN;
    int32_t status = dry ? sq_store_connect(&a->store, until_ms - ebp_monotonic_ms(), err)
                         : connect(a, seek->flags & EB_CREATE, until_ms, err);

    seek->after = 1;
    if (status == EB_EMPTY) /* there is no file */
        return seek->flags & EB_CREATE ? EB_OK : not_there(seek, err);
    if (status == EB_OK && dry)
        return look(a, seek, err);
    if (status == EB_OK)
        status = sq_begin(&a->store, until_ms, err);
    if (status != EB_OK)
        return status;
    return finish(a, move_group(a, seek, err), err);
}

int32_t sq_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *err) {
    struct seek seek = { .topic = topic, .group = group, .to = to, .flags = flags };
    const char *name_error = sq_topic_name_error(ebp_text_of(topic));
    char before[24], after[24];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .after = after };
    int32_t status = sq_position_check(to, err);

    if (status == EB_OK && name_error && (flags & EB_CREATE))
        return ebp_error(err, EB_PERMANENT, 0, "cannot create the topic: %s", name_error);
    if (status == EB_OK)
        status = run_seek(self, &seek, ebp_monotonic_ms() + timeout_ms, err);
    if (status != EB_OK)
        return status;
    snprintf(before, sizeof before, "%" PRId64, seek.before);
    snprintf(after, sizeof after, "%" PRId64, seek.after);
    info.before = seek.before > 0 ? before : NULL;
    each(arg, &info);
    return EB_OK;
}

/* ---- trim ---- */

/* Removes messages, some at a time. EB_END: all are removed; EB_RETRIABLE: some are left when the time is over. */
static int32_t trim_in_time(struct sq_admin *a, const struct sq_trim *trim, const char *topic, int64_t until_ms,
                            struct eb_error *err) {
    struct sq_trimmed trimmed = { 0 };
    int32_t status;

    while ((status = sq_trim_some(&a->store, trim, until_ms, &trimmed, err)) == EB_OK)
        if (ebp_monotonic_ms() >= until_ms)
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: %" PRId64 " messages are removed, others are left; try again",
                             topic, trimmed.rows);
    return status;
}

int32_t sq_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *err) {
    struct sq_admin *a = self;
    struct sq_trim trim = { .newest_too = true };
    int64_t until_ms = ebp_monotonic_ms() + timeout_ms;
    int32_t status = sq_position_check(before, err);

    if (status == EB_OK)
        status = connect(a, false, until_ms, err);
    if (status == EB_OK)
        status = sq_topic_id(&a->store, topic, &trim.topic, err);
    if (status == EB_EMPTY || (status == EB_OK && trim.topic == 0))
        return no_topic(a, topic, err);
    if (status == EB_OK)
        status = sq_position_reach(&a->store, trim.topic, topic, before, err);
    if (status == EB_END)
        return EB_END;
    if (status == EB_OK)
        status = sq_position_cursor(&a->store, trim.topic, before, &trim.upto, err);
    if (unread_too)
        trim.upto_anyway = trim.upto;
    if (status == EB_OK)
        status = trim_in_time(a, &trim, topic, until_ms, err);
    return status < 0 ? status : EB_OK;
}

/* ---- remove ---- */

static int32_t remove_groups(struct sq_admin *a, int64_t topic, struct eb_error *err) {
    int32_t status = EB_OK;
    int64_t before = 0;

    while (status == EB_OK) {
        sqlite3_stmt *list = sq_sql(&a->store, SQ_GROUPS_OF_TOPIC);
        int64_t group = 0;
        int32_t row;

        sqlite3_bind_int64(list, 1, topic);
        row = sq_row(&a->store, list, "g", err);
        if (row > 0)
            group = sqlite3_column_int64(list, 0);
        sqlite3_reset(list);
        if (row <= 0)
            return row;
        if (group == before) /* or the loop would not end */
            return sq_damaged(&a->store, err, "a group cannot be removed");
        before = group;
        status = sq_group_remove(&a->store, group, err);
    }
    return status;
}

/* Removes messages first, some at a time; the rest together with the topic, so that nothing is left without one. */
static int32_t remove_topic(struct sq_admin *a, int64_t topic, const char *name, int64_t until_ms, struct eb_error *err) {
    struct sq_trim all = { .topic = topic, .upto_anyway = SQ_SEQ_MAX, .newest_too = true };
    int32_t status = trim_in_time(a, &all, name, until_ms, err);

    if (status == EB_END)
        status = sq_begin(&a->store, until_ms, err);
    if (status != EB_OK)
        return status;
    status = sq_trim_all(&a->store, topic, err);
    if (status == EB_OK)
        status = remove_groups(a, topic, err);
    if (status == EB_OK)
        status = sq_mark_remove_all(&a->store, topic, err);
    if (status == EB_OK)
        status = SQ_RUN(&a->store, SQ_TOPIC_DELETE, err, topic);
    return finish(a, status, err);
}

/* Live members would make the group anew, and get every event again. */
static int32_t remove_stopped_group(struct sq_admin *a, const char *topic, const char *name, int64_t group,
                                    struct eb_error *err) {
    char names[EB_ERROR_ROOM / 2];
    size_t n;
    int32_t status = sq_group_live_members(&a->store, group, &n, names, sizeof names, err);

    if (status == EB_OK && n > 0)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "group %s of topic %s cannot be removed while %zu member(s) live: %s; stop them first", name,
                                 topic, n, names);
    return status == EB_OK ? sq_group_remove(&a->store, group, err) : status;
}

int32_t sq_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    struct sq_admin *a = self;
    int64_t until_ms = ebp_monotonic_ms() + timeout_ms, id = 0, grp = 0;
    int32_t status = connect(a, false, until_ms, err);

    if (status == EB_OK)
        status = sq_topic_id(&a->store, topic, &id, err);
    if (status == EB_EMPTY || (status == EB_OK && id == 0))
        return EB_GONE;
    if (status == EB_OK && group)
        status = sq_group_id(&a->store, id, group, &grp, err);
    if (status != EB_OK)
        return status;
    if (!group)
        return remove_topic(a, id, topic, until_ms, err);
    if (grp == 0)
        return EB_GONE;
    status = sq_begin(&a->store, until_ms, err);
    return status == EB_OK ? finish(a, remove_stopped_group(a, topic, group, grp, err), err) : status;
}
