/* plugins/sqlite/consumer/membership.c - finds the topics of a subscription, creates the group if it is new, becomes a
 * member of it, and leaves it. */
#include "consumer/state.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "position.h"
#include "topic/groups.h"
#include "topic/topics.h"

/* ---- the topics of the subscription ---- */

static struct sq_assignment *add_assignment(struct sq_consumer *c, const char *name, bool late) {
    struct sq_assignment *assignment;

    if (!EBP_RESERVE(c->assignments, c->room_assignments, c->n_assignments + 1))
        return NULL;
    assignment = calloc(1, sizeof *assignment);
    if (!assignment)
        return NULL;
    assignment->name = strdup(name);
    if (!assignment->name) {
        free(assignment);
        return NULL;
    }
    assignment->futex = sq_shm_topic_index(name, strlen(name));
    assignment->late = late;
    assignment->end = SQ_SEQ_MAX;
    assignment->due_ms = INT64_MAX;
    assignment->unread = true;
    assignment->delayed.strict = c->sub->order == EB_ORDER_STRICT;
    return c->assignments[c->n_assignments++] = assignment;
}

static struct sq_assignment *assignment_of(const struct sq_consumer *c, const char *name) {
    for (size_t i = 0; i < c->n_assignments; i++)
        if (strcmp(c->assignments[i]->name, name) == 0)
            return c->assignments[i];
    return NULL;
}

bool sq_make_assignments(struct sq_consumer *c) {
    for (size_t i = 0; i < c->sub->n_topics; i++) {
        const char *name = c->sub->topics[i];
        if (strchr(name, '*'))
            c->patterns = true;
        else if (!assignment_of(c, name) && !add_assignment(c, name, false))
            return false;
    }
    return true;
}

void sq_free_assignments(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_assignments; i++) {
        sq_delayed_free(&c->assignments[i]->delayed);
        free(c->assignments[i]->name);
        free(c->assignments[i]);
    }
    free(c->assignments);
}

/* Asks the host about each topic that was created since the last look. */
static int32_t match_topics(struct sq_consumer *c, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(&c->store, SQ_TOPICS_AFTER);
    int32_t row;

    sqlite3_bind_int64(list, 1, c->topics_seen);
    while ((row = sq_row(&c->store, list, "tn", err)) > 0) {
        const char *name = (const char *)sqlite3_column_text(list, 1);
        if (c->host->matches(c->host, name) && !assignment_of(c, name) && !add_assignment(c, name, c->begun)) {
            sqlite3_reset(list);
            return ebp_no_memory(err);
        }
        c->topics_seen = sqlite3_column_int64(list, 0);
    }
    return row;
}

/* A topic that was created after the ends were read has nothing to deliver. */
static bool wants_to_join(const struct sq_consumer *c, const struct sq_assignment *assignment) {
    return !assignment->joined && (!c->ends_read || assignment->end > 0);
}

static int32_t find_topics(struct sq_consumer *c, size_t *found, struct eb_error *err) {
    int32_t status = c->patterns ? match_topics(c, err) : EB_OK;

    for (size_t i = 0; i < c->n_assignments && status == EB_OK; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        int64_t before = assignment->topic;
        if (!wants_to_join(c, assignment))
            continue;
        status = sq_topic_id(&c->store, assignment->name, &assignment->topic, err);
        if (before != 0 && assignment->topic != before)
            assignment->late = true; /* it was removed and created again */
        *found += status == EB_OK && assignment->topic != 0;
    }
    return status;
}

/* Logs once that a topic of the subscription does not exist, and once more when it does. A consumer that waits for a topic
 * does not create it. */
static void log_absence(const struct sq_consumer *c, struct sq_assignment *assignment) {
    bool absent = assignment->topic == 0;

    if (absent && !assignment->absence_logged)
        ebp_log(c->host, EBP_LOG_WARNING, "topic %s does not exist%s", assignment->name,
                c->sub->until_end ? "" : "; waiting for it");
    else if (!absent && assignment->absence_logged)
        ebp_log(c->host, EBP_LOG_INFO, "topic %s is there now", assignment->name);
    assignment->absence_logged = absent;
}

/* Logs once that no topic matches the patterns. */
static void log_no_match(struct sq_consumer *c) {
    size_t at = 0;

    for (size_t i = 0; i < c->n_assignments; i++)
        if (c->assignments[i]->topic != 0)
            return;
    if (!c->patterns || c->no_match_logged)
        return;
    while (!strchr(c->sub->topics[at], '*'))
        at++;
    ebp_log(c->host, EBP_LOG_WARNING, "no topic matches %s%s", c->sub->topics[at],
            c->sub->until_end ? "" : "; waiting for one");
    c->no_match_logged = true;
}

/* ---- becoming a member ---- */

static int32_t add_member(struct sq_consumer *c, struct eb_error *err) {
    sqlite3_stmt *add = sq_sql(&c->store, SQ_MEMBER_ADD);
    int64_t now_ms = ebp_monotonic_ms();
    int32_t status;

    sqlite3_bind_int64(add, 1, now_ms + c->settings->lease);
    sqlite3_bind_int(add, 2, c->sub->order == EB_ORDER_STRICT);
    sqlite3_bind_text(add, 3, c->sub->consumer ? c->sub->consumer : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(add, 4, getpid());
    status = sq_run(&c->store, add, err);
    if (status != EB_OK)
        return status;
    c->member = sqlite3_last_insert_rowid(c->store.db);
    if (c->member < 1 || c->member > SQ_MEMBER_MAX)
        return sq_damaged(&c->store, err, "no member ids are left");
    c->renewed_ms = now_ms;
    if (!sq_shm_lock_member(&c->store.shm, c->member))
        return ebp_errno(err, EB_RETRIABLE, "cannot lock the member in the side file of %s", c->store.path);
    return EB_OK;
}

static int32_t make_group(struct sq_consumer *c, struct sq_assignment *assignment, struct eb_error *err) {
    static const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    const struct eb_point *start = assignment->late || !c->sub->start ? &earliest : c->sub->start;
    int64_t cursor;
    int32_t status = sq_position_cursor(&c->store, assignment->topic, start, &cursor, err);

    return status == EB_OK ? sq_group_make(&c->store, assignment->topic, c->sub->group, cursor, &assignment->grp, err) : status;
}

static int32_t add_own_row(struct sq_consumer *c, struct sq_assignment *assignment, struct eb_error *err) {
    static const struct sq_runs none;
    sqlite3_stmt *add = sq_sql(&c->store, SQ_SHARE_ADD);

    c->state.len = 0;
    if (!sq_owned_slots_write(&c->state, &none, 0))
        return ebp_no_memory(err);
    sqlite3_bind_int64(add, 1, assignment->grp);
    sqlite3_bind_int64(add, 2, c->member);
    sq_bind(add, 3, (struct eb_text){ (const char *)c->state.data, c->state.len });
    return sq_run(&c->store, add, err);
}

/* EB_GONE: the topic was removed since it was found. */
static int32_t join_one(struct sq_consumer *c, struct sq_assignment *assignment, struct eb_error *err) {
    int32_t status = sq_group_id(&c->store, assignment->topic, c->sub->group, &assignment->grp, err);

    if (status == EB_OK && assignment->grp == 0)
        status = make_group(c, assignment, err);
    return status == EB_OK ? add_own_row(c, assignment, err) : status;
}

static int32_t join_all(struct sq_consumer *c, struct eb_error *err) {
    int32_t status = c->member == 0 ? add_member(c, err) : EB_OK;

    for (size_t i = 0; i < c->n_assignments && status == EB_OK; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        if (!wants_to_join(c, assignment) || assignment->topic == 0)
            continue;
        status = join_one(c, assignment, err);
        if (status == EB_GONE) {
            assignment->topic = 0;
            status = EB_OK;
        }
    }
    return status;
}

static void joined(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_assignments; i++) {
        struct sq_assignment *assignment = c->assignments[i];
        if (!wants_to_join(c, assignment) || assignment->topic == 0)
            continue;
        assignment->joined = assignment->check = assignment->unread = true;
    }
    sq_shm_notify(&c->store.shm, sq_shm_group_index(c->sub->group));
}

static int32_t transact(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    int64_t member = c->member;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = sq_end(&c->store, join_all(c, err), err);
    if (status != EB_OK && c->member != member) {
        sq_shm_unlock_member(&c->store.shm, c->member);
        c->member = member;
    }
    return status;
}

int32_t sq_join(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    size_t found = 0;
    int32_t status;

    if (!c->look_for_topics)
        return EB_OK;
    status = find_topics(c, &found, err);
    if (status == EB_OK && found > 0) {
        status = transact(c, until_ms, err);
        if (status == EB_OK)
            joined(c);
    }
    if (status != EB_OK)
        return status;
    for (size_t i = 0; i < c->n_assignments; i++)
        log_absence(c, c->assignments[i]);
    log_no_match(c);
    for (size_t i = 0; i < c->n_assignments && !c->begun; i++)
        c->assignments[i]->late = !c->assignments[i]->joined;
    c->begun = true;
    c->look_for_topics = false;
    return EB_OK;
}

/* ---- leaving ---- */

static bool put_all_back(struct sq_consumer *c) {
    c->to_deliver.first = NULL;
    for (size_t i = 0; i < c->n_assignments; i++)
        for (struct sq_inflight *entry = c->assignments[i]->inflight, *next; entry; entry = next) {
            next = entry->next;
            if (entry->state != SQ_DECIDED && !sq_put_back(c, entry))
                return false;
        }
    return true;
}

static int32_t leave_one(struct sq_consumer *c, struct sq_assignment *assignment, struct eb_error *err) {
    int32_t status = SQ_RUN(&c->store, SQ_SHARE_DELETE, err, assignment->grp, c->member);
    struct sq_runs freed;

    if (status != EB_OK || sqlite3_changes(c->store.db) == 0)
        return status; /* no row: another member has taken over */
    status = sq_read_free(c, assignment, &freed, err);
    if (status != EB_OK)
        return status;
    if (!sq_runs_move(&assignment->runs, SQ_ALL_SLOTS, &freed))
        return sq_damaged(&c->store, err, "a slot of group %s has two owners", c->sub->group);
    return sq_write_owned_slots(c, assignment, 0, &freed, err);
}

/* Slots that are not given up in time become free in any case once this member's lock is gone. */
int32_t sq_leave(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    int32_t status;

    if (!put_all_back(c))
        return ebp_no_memory(err);
    if (c->member == 0)
        return EB_OK;
    status = sq_consumer_commit(c, until_ms, err);
    if (status != EB_OK || c->member == 0)
        return status;
    status = sq_begin(&c->store, until_ms, err);
    if (status != EB_OK)
        return status;
    for (size_t i = 0; i < c->n_assignments && status == EB_OK; i++)
        if (c->assignments[i]->joined)
            status = leave_one(c, c->assignments[i], err);
    if (status == EB_OK)
        status = SQ_RUN(&c->store, SQ_MEMBER_DELETE, err, c->member);
    status = sq_end(&c->store, status, err);
    if (status == EB_OK)
        sq_shm_notify(&c->store.shm, sq_shm_group_index(c->sub->group));
    return status;
}
