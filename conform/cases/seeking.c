/* conform/cases/seeking.c - what seek promises of groups, at rest and with live members. */
#include "cases/case.h"

#include <string.h>

static void skip_without_seek(struct ebc_test *t) {
    if (!t->plugin.admin->seek)
        ebc_skip(t, "the admin role has no seek");
}

/* How a seek moved a group, over all partitions. */
struct moves {
    unsigned n;
    bool before, nameless; /* the group existed; a name or position was missing */
};

static int32_t count_move(void *arg, const struct eb_seek_info *info) {
    struct moves *moves = arg;

    moves->n++;
    moves->before = moves->before || info->before;
    moves->nameless = moves->nameless || !info->partition || !info->after;
    return 0;
}

static int32_t try_seek(struct ebc_test *t, const char *topic, const char *group, struct eb_point to, uint32_t flags,
                        struct moves *moves, struct eb_error *err) {
    int32_t status;

    *moves = (struct moves){ 0 };
    status = ebc_admin_seek(t, topic, group, to, flags, count_move, moves, err);
    return status;
}

static void seek(struct ebc_test *t, const char *topic, const char *group, struct eb_point to, uint32_t flags) {
    struct eb_error err = { 0 };
    struct moves moves;

    ebc_admin_worked(t, "seek", try_seek(t, topic, group, to, flags, &moves, &err), &err);
    if (moves.n == 0 || moves.nameless || moves.before == ((flags & EB_CREATE) != 0))
        ebc_break(t, EBC_SEEK,
                  "expected a call for each partition of group %s, with the new position and, unless the seek made the group, "
                  "the old one; came %u",
                  group, moves.n);
    if (!(flags & EB_DRY_RUN))
        ebc_forget_acknowledged(t, group);
}

/* Expects this status from a seek, which changes nothing. */
static void expect_refusal(struct ebc_test *t, const char *topic, const char *group, struct eb_point to, int32_t expected) {
    struct eb_error err = { 0 };
    struct moves moves;
    int32_t status = try_seek(t, topic, group, to, 0, &moves, &err);

    if (status != expected || !err.text[0] || moves.n > 0)
        ebc_break(t, EBC_SEEK_NOTHING, "expected %d with the reason from a seek of group %s in topic %s; came %d", expected,
                  group, topic, status);
}

void ebc_expect_rest(struct ebc_test *t, enum ebc_rule rule, const char *topic, const char *group, struct ebc_received **stored,
                     size_t first, size_t n) {
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    const struct ebc_event **due = ebc_alloc(t, n * sizeof *due);
    size_t others;

    for (size_t i = first; i < n; i++)
        due[i - first] = stored[i]->event;
    others = ebc_receive_due(c, topic, due, n - first);
    for (size_t i = 0; i < n; i++) {
        bool came = ebc_find_event(ebc_all(c), ebc_count(c), stored[i]->event) != NULL;
        if (came != (i >= first))
            ebc_break(t, rule, "expected the group to get the events from number %zu of %zu on; came number %zu%s", first + 1,
                      n, i + 1, came ? "" : " not");
    }
    if (others < n - first)
        ebc_break(t, rule, "expected %zu events; came %zu", n - first, others);
    ebc_close_consumer(c);
}

static void seek_moves_a_group(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *fresh = ebc_format(t, "%s-new", group);
    struct eb_point earliest = { .kind = EB_EARLIEST }, sixth = { .kind = EB_POSITION };
    struct ebc_consumer *c;
    struct ebc_received **stored;

    skip_without_seek(t);
    ebc_send_through_new(t, ebc_new_events(t, topic, 10, 1));
    stored = ebc_read_stored(t, topic, group, 10);
    sixth.position = stored[5]->message->position;
    seek(t, topic, group, earliest, 0);
    ebc_expect_rest(t, EBC_SEEK, topic, group, stored, 0, 10);
    seek(t, topic, group, sixth, 0);
    ebc_expect_rest(t, EBC_SEEK, topic, group, stored, 5, 10);
    expect_refusal(t, topic, fresh, sixth, EB_GONE);
    seek(t, topic, fresh, sixth, EB_CREATE | EB_DRY_RUN);
    expect_refusal(t, topic, fresh, sixth, EB_GONE);
    expect_refusal(t, ebc_topic_name(t, "none"), group, earliest, EB_GONE);
    seek(t, topic, fresh, sixth, EB_CREATE);
    ebc_expect_rest(t, EBC_SEEK, topic, fresh, stored, 5, 10);
    seek(t, topic, group, earliest, 0);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_n(c, 3);
    ebc_close_consumer(c); /* returns them: unsettled messages that the next seek leaves behind */
    seek(t, topic, group, (struct eb_point){ .kind = EB_LATEST }, 0);
    seek(t, topic, group, earliest, EB_DRY_RUN);
    ebc_expect_rest(t, EBC_SEEK, topic, group, stored, 10, 10);
}

/* A live member has messages in flight. The seek is refused, or all messages come again and the member's verdicts are settled. */
static void a_seek_moves_live_members_or_says_who(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct eb_point earliest = { .kind = EB_EARLIEST };
    struct ebc_range sent = ebc_new_events(t, topic, 10, EBC_OWN_KEYS);
    struct eb_error err = { 0 };
    struct moves moves;
    struct ebc_consumer *c;
    struct ebc_received **got;
    int32_t status;

    skip_without_seek(t);
    ebc_send_through_new(t, sent);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 6 });
    got = ebc_receive_n(c, 6);
    ebc_settle_each(c, got, 3, EB_ACK);
    ebc_wait_settled(c);
    status = try_seek(t, topic, group, earliest, 0, &moves, &err);
    if (status == EB_PERMANENT && err.text[0])
        return;
    ebc_admin_worked(t, "seek", status, &err);
    ebc_forget_acknowledged(t, group);
    ebc_settle_each(c, got + 3, 3, EB_RETURN);
    ebc_wait_settled(c);
    ebc_receive_due(c, topic, ebc_listed(t, sent), sent.n);
    for (size_t i = 0; i < sent.n; i++)
        if (!ebc_find_event(ebc_all(c) + 6, ebc_count(c) - 6, ebc_event(t, sent, i)))
            ebc_break(t, EBC_SEEK_LIVE,
                      "expected event %zu again after the seek to earliest, or EB_PERMANENT with "
                      "who; came neither",
                      ebc_event(t, sent, i)->number);
}

/* ---- the position of a group ---- */

struct place {
    struct ebc_test *t;
    const char *position; /* of the partition where the group has something left */
};

static int32_t note_place(void *arg, const struct eb_group_info *info) {
    struct place *place = arg;

    if (info->lag > 0)
        place->position = ebc_format(place->t, "%s", info->position);
    return 0;
}

/* The group has settled the first and the third of six, and returned the second: a group that is made at its position gets all
 * that it had left. */
static void a_groups_position_is_where_it_goes_on(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *all = ebc_group(t, topic, "all"), *group = ebc_group(t, topic, "g");
    const char *again = ebc_format(t, "%s-again", group);
    struct place place = { .t = t };
    struct ebc_consumer *c;
    struct ebc_received **stored, **got;

    skip_without_seek(t);
    if (!t->plugin.admin->groups)
        ebc_skip(t, "the admin role has no groups");
    ebc_send_through_new(t, ebc_new_events(t, topic, 6, 1));
    stored = ebc_read_stored(t, topic, all, 6);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 3 });
    got = ebc_receive_n(c, 3);
    ebc_settle(got[0], EB_ACK, 0);
    ebc_settle(got[1], EB_RETURN, 0);
    ebc_settle(got[2], EB_ACK, 0);
    ebc_wait_settled(c);
    ebc_close_consumer(c);
    ebc_admin_groups(t, topic, group, note_place, &place);
    if (!place.position)
        ebc_skip(t, "the plugin does not know the lag of a group");
    seek(t, topic, again, (struct eb_point){ .kind = EB_POSITION, .position = { place.position, strlen(place.position) } },
         EB_CREATE);
    ebc_expect_rest(t, EBC_GROUP_POSITION, topic, again, stored, 1, 6);
}

/* clang-format off */
const struct ebc_case ebc_seeking[] = {
    { .group = "admin", .name = "seek-moves-a-group",
      .about = "seek moves a group to the earliest, the latest or a position, makes one only with EB_CREATE",
      .roles = EBC_ALL_ROLES, .run = seek_moves_a_group },
    { .group = "admin", .name = "a-seek-moves-live-members-or-says-who",
      .about = "a seek while a member works moves the group, or is refused with the member's name",
      .roles = EBC_ALL_ROLES,
      .run = a_seek_moves_live_members_or_says_who },
    { .group = "admin", .name = "a-groups-position-is-where-it-goes-on",
      .about = "a group that is made at another one's position gets all that the other one has not settled",
      .roles = EBC_ALL_ROLES, .consumer = EB_T_HISTORY,
      .run = a_groups_position_is_where_it_goes_on },
    { 0 },
};
/* clang-format on */
