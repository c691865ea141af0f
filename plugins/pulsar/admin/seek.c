/* admin/seek.c - moves a group; see admin.h. Pulsar could move a group under its live members, but acknowledgements of what
 * they had before would still count after the move: such messages would not come again. So it is refused then. */
#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is to be done in one partition. */
struct move {
    int partition;
    bool moves, made; /* the point is of this partition; the group is there */
    struct pl_position from, at;
};

struct seek {
    struct pl_admin *a;
    const char *topic, *group;
    const struct eb_point *to;
    int64_t until;
    struct move *moves;
    int n; /* of moves: one for a topic that is not partitioned */
};

/* ---- What would be done ---- */

static int32_t plan_one(struct seek *s, struct move *move, struct eb_error *err) {
    json_t *stats = NULL, *internal = NULL;
    const json_t *subscription = NULL;
    struct pl_bounds bounds;
    int32_t status = pl_query_stats(s->a, s->topic, move->partition, s->until, &stats, err);

    if (status == EB_OK)
        status = pl_query_internal(s->a, s->topic, move->partition, s->until, &internal, err);
    if (status == EB_OK && !pl_bounds_of(internal, move->partition, &bounds))
        status = pl_odd_answer(s->topic, "ledgers", err);
    if (status == EB_OK) {
        subscription = json_object_get(json_object_get(stats, "subscriptions"), s->group);
        move->made = subscription != NULL;
        move->from = bounds.first;
        pl_next_of(pl_cursor(internal, s->group), move->partition, &move->from);
        status = pl_query_point(s->a, s->topic, move->partition, s->to, &bounds, s->until, &move->at, err);
        move->moves = status == EB_OK;
    }
    if (status == EB_OK && pl_members(subscription) > 0)
        status = pl_refuse_members(s->topic, s->group, subscription, "moved", err);
    json_decref(stats);
    json_decref(internal);
    return status == EB_EMPTY ? EB_OK : status;
}

static int32_t plan(struct seek *s, int n, uint32_t flags, struct eb_error *err) {
    bool made = false;
    int32_t status = EB_OK;

    s->n = n > 0 ? n : 1;
    s->moves = calloc((size_t)s->n, sizeof *s->moves);
    if (!s->moves)
        return ebp_no_memory(err);
    for (int i = 0; status == EB_OK && i < s->n; i++) {
        s->moves[i].partition = n > 0 ? i : -1;
        status = plan_one(s, &s->moves[i], err);
        made = made || s->moves[i].made;
    }
    if ((status == EB_OK || status == EB_END) && !made && !(flags & EB_CREATE))
        return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 404, "topic %s has no group %s", s->topic, s->group);
    return status;
}

/* ---- Doing it ---- */

static int32_t make_group(struct seek *s, const struct move *move, struct eb_error *err) {
    struct pl_answer answer;
    char body[160];

    snprintf(body, sizeof body, "{\"ledgerId\":%lld,\"entryId\":%lld,\"partitionIndex\":%d}", (long long)move->at.ledger,
             (long long)move->at.entry, move->partition);
    int32_t status = pl_ask_group(s->a, "PUT", s->topic, move->partition, s->group, body, s->until, &answer, err, "");
    bool was_made = answer.code == 409; /* by a member that came meanwhile */
    pl_answer_free(&answer);
    return was_made ? EB_OK : status;
}

static int32_t move_group(struct seek *s, const struct move *move, struct eb_error *err) {
    struct pl_answer answer;
    char body[240];
    int32_t status = move->made ? EB_OK : make_group(s, move, err);

    if (status != EB_OK)
        return status;
    snprintf(body, sizeof body,
             "{\"ledgerId\":%lld,\"entryId\":%lld,\"partitionIndex\":%d,\"batchIndex\":%d,\"isExcluded\":false}",
             (long long)move->at.ledger, (long long)move->at.entry, move->partition, (int)move->at.index);
    status = pl_ask_group(s->a, "POST", s->topic, move->partition, s->group, body, s->until, &answer, err, "/resetcursor");
    pl_answer_free(&answer);
    if (status == EB_GONE) /* it went meanwhile */
        return EB_RETRIABLE;
    return status;
}

static int32_t tell_move(const struct move *move, int32_t (*each)(void *, const struct eb_seek_info *), void *arg) {
    char part[16] = "", before[PL_POSITION_ROOM], after[PL_POSITION_ROOM];
    const struct eb_seek_info info = {
        .size = sizeof info, .partition = part, .before = move->made ? before : NULL, .after = after
    };

    if (move->partition >= 0)
        snprintf(part, sizeof part, "%d", move->partition);
    pl_position_text(&move->from, before);
    pl_position_text(&move->at, after);
    return each(arg, &info);
}

/* A topic that would be made: what there will be in it is not known. */
static int32_t tell_new_topic(int32_t (*each)(void *, const struct eb_seek_info *), void *arg) {
    const struct move move = { .partition = -1, .at = { .partition = -1, .index = -1 } };

    tell_move(&move, each, arg);
    return EB_OK;
}

int32_t pl_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *err) {
    struct seek s = { .a = self, .topic = topic, .group = group, .to = to, .until = ebp_monotonic_ms() + timeout_ms };
    bool more = true;
    int n = 0;
    int32_t status = pl_group_check(group, err);

    if (status == EB_OK)
        status = pl_query_partitions(s.a, topic, s.until, &n, err);
    if (status == EB_GONE && (flags & EB_CREATE)) {
        if (flags & EB_DRY_RUN)
            return tell_new_topic(each, arg);
        status = pl_admin_create(self, topic, 0, 0, timeout_ms, err);
    }
    if (status == EB_OK)
        status = pl_check_point(topic, n, to, err);
    if (status == EB_OK)
        status = plan(&s, n, flags, err);
    for (int i = 0; status == EB_OK && i < s.n; i++) {
        if (!s.moves[i].moves)
            continue;
        if (!(flags & EB_DRY_RUN))
            status = move_group(&s, &s.moves[i], err);
        if (status == EB_OK && more)
            more = tell_move(&s.moves[i], each, arg) == 0;
    }
    free(s.moves);
    return status;
}
