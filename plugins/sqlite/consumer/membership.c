/* plugins/sqlite/consumer/membership.c - finds the topics of a subscription, makes the group where it is new, becomes a member of it, and
 * leaves it. */
#include "consumer/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/clock.h"
#include "error.h"
#include "topic/groups.h"
#include "position.h"
#include "topic/topics.h"

/* ---- the topics of the subscription ---- */

static struct sq_share *add_share(struct sq_consumer *c, const char *name, bool late) {
    size_t room = c->room_shares ? 2 * c->room_shares : 8;
    struct sq_share *share, **shares = c->shares;

    if (c->n_shares == c->room_shares) {
        shares = realloc(shares, room * sizeof *shares);
        if (!shares)
            return NULL;
        c->shares = shares;
        c->room_shares = room;
    }
    share = calloc(1, sizeof *share);
    if (!share)
        return NULL;
    share->name = strdup(name);
    if (!share->name) {
        free(share);
        return NULL;
    }
    share->word = sq_side_topic_index(name, strlen(name));
    share->late = late;
    share->end = SQ_SEQ_MAX;
    share->due_ms = INT64_MAX;
    share->unread = true;
    share->hold.strict = c->sub->order == EB_ORDER_STRICT;
    return c->shares[c->n_shares++] = share;
}

static struct sq_share *share_of(const struct sq_consumer *c, const char *name) {
    for (size_t i = 0; i < c->n_shares; i++)
        if (strcmp(c->shares[i]->name, name) == 0)
            return c->shares[i];
    return NULL;
}

bool sq_make_shares(struct sq_consumer *c) {
    for (size_t i = 0; i < c->sub->n_topics; i++) {
        const char *name = c->sub->topics[i];
        if (strchr(name, '*'))
            c->patterns = true;
        else if (!share_of(c, name) && !add_share(c, name, false))
            return false;
    }
    return true;
}

void sq_free_shares(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_shares; i++) {
        sq_hold_free(&c->shares[i]->hold);
        free(c->shares[i]->name);
        free(c->shares[i]);
    }
    free(c->shares);
}

/* Topics that came since the last look, each asked for once. */
static int32_t match_topics(struct sq_consumer *c, struct eb_error *err) {
    sqlite3_stmt *list = sq_sql(&c->store, SQ_TOPICS_AFTER);
    int32_t row;

    sqlite3_bind_int64(list, 1, c->topics_seen);
    while ((row = sq_row(&c->store, list, "tn", err)) > 0) {
        const char *name = (const char *)sqlite3_column_text(list, 1);
        if (c->host->matches(c->host, name) && !share_of(c, name) && !add_share(c, name, c->begun)) {
            sqlite3_reset(list);
            return sq_no_memory(err);
        }
        c->topics_seen = sqlite3_column_int64(list, 0);
    }
    return row;
}

/* After the ends were read, a topic that was not there then has nothing for us. */
static bool wants_to_join(const struct sq_consumer *c, const struct sq_share *share) {
    return !share->joined && (!c->ends_read || share->end > 0);
}

static int32_t find_topics(struct sq_consumer *c, size_t *found, struct eb_error *err) {
    int32_t status = c->patterns ? match_topics(c, err) : EB_OK;

    for (size_t i = 0; i < c->n_shares && status == EB_OK; i++) {
        struct sq_share *share = c->shares[i];
        int64_t before = share->topic;
        if (!wants_to_join(c, share))
            continue;
        status = sq_topic_id(&c->store, share->name, &share->topic, err);
        if (before != 0 && share->topic != before)
            share->late = true;                         /* it was removed: another one begins */
        *found += status == EB_OK && share->topic != 0;
    }
    return status;
}

static void tell(const struct sq_consumer *c, int32_t level, const char *format, const char *topic) {
    char text[400];

    snprintf(text, sizeof text, format, topic);
    c->host->log(c->host, level, text);
}

/* Of a topic that was named and is not there: once, and once more when it is. Nobody makes it by waiting for it. */
static void tell_absence(const struct sq_consumer *c, struct sq_share *share) {
    bool absent = share->topic == 0;

    if (absent && !share->absence_told)
        tell(c, 4, c->sub->until_end ? "topic %s does not exist" : "topic %s does not exist; waiting for it", share->name);
    else if (!absent && share->absence_told)
        tell(c, 6, "topic %s is there now", share->name);
    share->absence_told = absent;
}

/* The same of patterns, when there is no topic at all. */
static void tell_no_match(struct sq_consumer *c) {
    size_t at = 0;

    for (size_t i = 0; i < c->n_shares; i++)
        if (c->shares[i]->topic != 0)
            return;
    if (!c->patterns || c->no_match_told)
        return;
    while (!strchr(c->sub->topics[at], '*'))
        at++;
    tell(c, 4, c->sub->until_end ? "no topic matches %s" : "no topic matches %s; waiting for one", c->sub->topics[at]);
    c->no_match_told = true;
}

/* ---- becoming a member ---- */

static int32_t add_member(struct sq_consumer *c, struct eb_error *err) {
    sqlite3_stmt *add = sq_sql(&c->store, SQ_MEMBER_ADD);
    int64_t now_ms = sq_ticks_ms();
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
        return sq_damaged(&c->store, err, "the numbers of members are used up");
    c->renewed_ms = now_ms;
    if (!sq_side_hold(&c->store.side, c->member))
        return sq_errno(err, EB_RETRIABLE, "cannot lock the place of a member beside %s", c->store.path);
    return EB_OK;
}

static int32_t make_group(struct sq_consumer *c, struct sq_share *share, struct eb_error *err) {
    static const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    const struct eb_point *start = share->late || !c->sub->start ? &earliest : c->sub->start;
    int64_t cursor;
    int32_t status = sq_point_cursor(&c->store, share->topic, start, &cursor, err);

    return status == EB_OK ? sq_group_make(&c->store, share->topic, c->sub->group, cursor, &share->grp, err) : status;
}

static int32_t add_own_share(struct sq_consumer *c, struct sq_share *share, struct eb_error *err) {
    static const struct sq_runs none;
    sqlite3_stmt *add = sq_sql(&c->store, SQ_SHARE_ADD);

    c->state.len = 0;
    if (!sq_state_write(&c->state, &none, 0))
        return sq_no_memory(err);
    sqlite3_bind_int64(add, 1, share->grp);
    sqlite3_bind_int64(add, 2, c->member);
    sq_bind(add, 3, (struct eb_text){ (const char *)c->state.data, c->state.len });
    return sq_run(&c->store, add, err);
}

/* EB_GONE: the topic was removed since it was found. */
static int32_t join_one(struct sq_consumer *c, struct sq_share *share, struct eb_error *err) {
    int32_t status = sq_group_id(&c->store, share->topic, c->sub->group, &share->grp, err);

    if (status == EB_OK && share->grp == 0)
        status = make_group(c, share, err);
    return status == EB_OK ? add_own_share(c, share, err) : status;
}

static int32_t join_all(struct sq_consumer *c, struct eb_error *err) {
    int32_t status = c->member == 0 ? add_member(c, err) : EB_OK;

    for (size_t i = 0; i < c->n_shares && status == EB_OK; i++) {
        struct sq_share *share = c->shares[i];
        if (!wants_to_join(c, share) || share->topic == 0)
            continue;
        status = join_one(c, share, err);
        if (status == EB_GONE) {
            share->topic = 0;
            status = EB_OK;
        }
    }
    return status;
}

static void joined(struct sq_consumer *c) {
    for (size_t i = 0; i < c->n_shares; i++) {
        struct sq_share *share = c->shares[i];
        if (!wants_to_join(c, share) || share->topic == 0)
            continue;
        share->joined = share->check = share->unread = true;
    }
    sq_side_tell(&c->store.side, sq_side_group_index(c->sub->group));
}

static int32_t transact(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    int64_t member = c->member;
    int32_t status = sq_begin(&c->store, until_ms, err);

    if (status != EB_OK)
        return status;
    status = join_all(c, err);
    if (status == EB_OK)
        status = sq_commit(&c->store, err);
    else
        sq_rollback(&c->store);
    if (status != EB_OK && c->member != member) {
        sq_side_drop(&c->store.side, c->member);
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
    for (size_t i = 0; i < c->n_shares; i++)
        tell_absence(c, c->shares[i]);
    tell_no_match(c);
    for (size_t i = 0; i < c->n_shares && !c->begun; i++)
        c->shares[i]->late = !c->shares[i]->joined;
    c->begun = true;
    c->look_for_topics = false;
    return EB_OK;
}

/* ---- leaving ---- */

static bool put_all_back(struct sq_consumer *c) {
    c->rows_line.first = NULL;
    for (size_t i = 0; i < c->n_shares; i++)
        for (struct sq_entry *entry = c->shares[i]->entries, *next; entry; entry = next) {
            next = entry->next;
            if (entry->state != SQ_DECIDED && !sq_put_back(c, entry))
                return false;
        }
    return true;
}

static int32_t run_for(struct sq_consumer *c, enum sq_sql name, int64_t first, int64_t second, struct eb_error *err) {
    sqlite3_stmt *statement = sq_sql(&c->store, name);

    sqlite3_bind_int64(statement, 1, first);
    if (second != 0)
        sqlite3_bind_int64(statement, 2, second);
    return sq_run(&c->store, statement, err);
}

static int32_t leave_one(struct sq_consumer *c, struct sq_share *share, struct eb_error *err) {
    int32_t status = run_for(c, SQ_SHARE_DELETE, share->grp, c->member, err);
    struct sq_runs freed;

    if (status != EB_OK || sqlite3_changes(c->store.db) == 0)
        return status;                                  /* no row: others have taken over already */
    status = sq_read_free(c, share, &freed, err);
    if (status != EB_OK)
        return status;
    if (!sq_runs_move(&share->runs, SQ_ALL_SLOTS, &freed))
        return sq_damaged(&c->store, err, "a slot of group %s has two owners", c->sub->group);
    return sq_write_state(c, share, 0, &freed, err);
}

/* What is not given up in the time is free for the others all the same once our lock is gone. */
int32_t sq_leave(struct sq_consumer *c, int64_t until_ms, struct eb_error *err) {
    int32_t status;

    if (!put_all_back(c))
        return sq_no_memory(err);
    if (c->member == 0)
        return EB_OK;
    status = sq_save(c, until_ms, err);
    if (status != EB_OK || c->member == 0)
        return status;
    status = sq_begin(&c->store, until_ms, err);
    if (status != EB_OK)
        return status;
    for (size_t i = 0; i < c->n_shares && status == EB_OK; i++)
        if (c->shares[i]->joined)
            status = leave_one(c, c->shares[i], err);
    if (status == EB_OK)
        status = run_for(c, SQ_MEMBER_DELETE, c->member, 0, err);
    if (status == EB_OK)
        status = sq_commit(&c->store, err);
    else
        sq_rollback(&c->store);
    if (status == EB_OK)
        sq_side_tell(&c->store.side, sq_side_group_index(c->sub->group));
    return status;
}
