/* conform/cases/admin.c - what an admin promises while producers and consumers are open. */
#include "cases/case.h"

#include <string.h>
#include <unistd.h>

static void skip_unless(struct ebc_test *t, bool there, const char *op) {
    if (!there)
        ebc_skip(t, "the admin role has no %s", op);
}

/* ---- topics ---- */

struct topic_search {
    const char *name;
    unsigned times;
    int64_t messages;
};

static int32_t look_at_topic(void *arg, const struct eb_topic_info *info) {
    struct topic_search *search = arg;

    if (strcmp(info->name, search->name) == 0) {
        search->times++;
        search->messages = info->messages;
    }
    return 0;
}

static struct topic_search find_topic(struct ebc_test *t, const char *name) {
    struct topic_search search = { .name = name };
    struct eb_error err = { 0 };
    int32_t status = ebc_admin_topics(t, look_at_topic, &search, &err);

    ebc_admin_worked(t, "topics", status, &err);
    return search;
}

static int32_t create(struct ebc_test *t, const char *topic, uint32_t flags) {
    struct eb_error err = { 0 };
    int32_t status = ebc_admin_create(t, topic, flags, &err);

    ebc_admin_worked(t, "create", status, &err);
    return status;
}

static int32_t remove_it(struct ebc_test *t, const char *topic, const char *group) {
    struct eb_error err = { 0 };
    int32_t status = ebc_admin_remove(t, topic, group, &err);

    ebc_admin_worked(t, "remove", status, &err);
    return status;
}

static int32_t stop_at_once(void *arg, const struct eb_topic_info *info) {
    unsigned *times = arg;

    (void)info;
    ++*times;
    return 7;
}

static void check_walk_ends(struct ebc_test *t) {
    struct eb_error err = { 0 };
    unsigned times = 0;
    int32_t status = ebc_admin_topics(t, stop_at_once, &times, &err);

    if (status != EB_OK || times != 1)
        ebc_break(t, EBC_ADMIN_WALK, "expected one call and EB_OK from topics when each() returns 7; came %u and %d", times,
                  status);
}

static void topics_are_made_listed_and_removed(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const char *topic = ebc_topic_name(t, "a");
    struct topic_search search;
    int32_t status;

    skip_unless(t, ops->topics && ops->create && ops->remove, "topics, create and remove");
    if ((status = create(t, topic, EB_DRY_RUN)) != EB_OK)
        ebc_break(t, EBC_CREATE, "expected EB_OK from create with EB_DRY_RUN; came %d", status);
    if (find_topic(t, topic).times > 0)
        ebc_break(t, EBC_CREATE, "expected no topic %s after create with EB_DRY_RUN; it is there", topic);
    for (int i = 0; i < 2; i++)
        if ((status = create(t, topic, 0)) != EB_OK)
            ebc_break(t, EBC_CREATE, "expected EB_OK from create, the %s time; came %d", i ? "second" : "first", status);
    ebc_topic(t, "b"); /* so that a walk has more than one topic */
    if (t->plugin.producer)
        ebc_send_through_new(t, ebc_new_events(t, topic, 7, 2));
    search = find_topic(t, topic);
    if (search.times != 1)
        ebc_break(t, EBC_TOPICS, "expected topic %s once; it came %u times", topic, search.times);
    if (search.messages != -1 && search.messages != (t->plugin.producer ? 7 : 0))
        ebc_break(t, EBC_TOPICS, "expected 7 messages in it, or -1 for unknown; came %lld", (long long)search.messages);
    check_walk_ends(t);
    if ((status = remove_it(t, topic, NULL)) != EB_OK)
        ebc_break(t, EBC_REMOVE, "expected EB_OK from remove of a topic that is there; came %d", status);
    if (find_topic(t, topic).times > 0)
        ebc_break(t, EBC_REMOVE, "expected no topic %s after remove; it is there", topic);
    if ((status = remove_it(t, topic, NULL)) != EB_GONE)
        ebc_break(t, EBC_REMOVE, "expected EB_GONE from remove of a topic that is not there; came %d", status);
}

/* ---- groups ---- */

struct group_sum {
    const char *topic, *group;
    unsigned rows;
    int64_t lag, unsettled, members;
    bool stray, nameless;
};

static int64_t add(int64_t sum, int64_t more) {
    return sum < 0 || more < 0 ? -1 : sum + more;
}

static int32_t add_row(void *arg, const struct eb_group_info *info) {
    struct group_sum *sum = arg;

    sum->nameless = sum->nameless || !info->topic || !info->group || !info->position || !info->end;
    if (sum->nameless || strcmp(info->topic, sum->topic) != 0 || strcmp(info->group, sum->group) != 0) {
        sum->stray = true;
        return 0;
    }
    sum->rows++;
    sum->lag = add(sum->lag, info->lag);
    sum->unsettled = add(sum->unsettled, info->unsettled);
    sum->members = info->members;
    return 0;
}

/* Returns the sum of a group's rows, of which there is one for each partition. */
static struct group_sum sum_of(struct ebc_test *t, const char *topic, const char *group) {
    struct group_sum sum = { .topic = topic, .group = group };

    ebc_admin_groups(t, topic, group, add_row, &sum);
    if (sum.nameless)
        ebc_break(t, EBC_GROUP_INFO, "expected topic, group, position and end in each row; came NULL for one");
    if (sum.stray)
        ebc_break(t, EBC_GROUP_INFO, "expected rows of topic %s and group %s only; came others", topic, group);
    return sum;
}

static void expect_lag(struct ebc_test *t, const char *topic, const char *group, int64_t lag, int64_t unsettled) {
    struct group_sum sum = sum_of(t, topic, group);

    if (sum.rows == 0)
        ebc_break(t, EBC_GROUP_INFO, "expected a row for the group; came none");
    if (sum.lag != -1 && sum.lag != lag)
        ebc_break(t, EBC_GROUP_INFO, "expected a lag of %lld, or -1 for unknown; came %lld", (long long)lag,
                  (long long)sum.lag);
    if (sum.unsettled != -1 && (sum.unsettled < unsettled || sum.unsettled > lag))
        ebc_break(t, EBC_GROUP_INFO, "expected %lld unsettled, and what is fetched ahead, or -1 for unknown; came %lld",
                  (long long)unsettled, (long long)sum.unsettled);
}

/* Makes other topics and groups, whose rows must not be mixed up with the group's. */
static void make_neighbours(struct ebc_test *t, const char *topic, const char *group) {
    const char *topic2 = ebc_topic(t, "neighbour");
    const char *group2 = ebc_group(t, topic2, "g2"), *group3 = ebc_group(t, topic, "g3");

    ebc_send_through_new(t, ebc_new_events(t, topic2, 1, 1));
    ebc_send_through_new(t, ebc_new_events(t, topic, 1, 1));
    ebc_read_stored(t, topic2, group2, 1);
    ebc_read_stored(t, topic, group3, 1);
    ebc_read_stored(t, topic, group, 1);
}

static void groups_tell_their_lag(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_received **got;

    skip_unless(t, t->plugin.admin->groups, "groups");
    make_neighbours(t, topic, group);
    if (sum_of(t, topic, "no-such-group").rows > 0)
        ebc_break(t, EBC_GROUP_INFO, "expected no row for a group that does not exist; came one");
    ebc_send_through_new(t, ebc_new_events(t, topic, 10, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group, .max_messages = 6 });
    got = ebc_receive_n(c, 6);
    expect_lag(t, topic, group, 10, 6);
    ebc_settle_each(c, got, 4, EB_ACK);
    ebc_wait_settled(c);
    expect_lag(t, topic, group, 6, 2);
    ebc_settle_each(c, got + 4, 2, EB_ACK);
    ebc_receive_and_ack(c, 4);
    ebc_wait_settled(c);
    expect_lag(t, topic, group, 0, 0);
}

/* ---- browse ---- */

struct browsed {
    struct ebc_test *t;
    struct ebc_received **got;
    size_t n, stop_after;
    bool tokens;
};

static int32_t keep_message(void *arg, const struct eb_message *message) {
    struct browsed *browsed = arg;
    struct ebc_received *got = ebc_browsed(browsed->t, message);

    browsed->tokens = browsed->tokens || message->token != 0;
    if (browsed->n == 100)
        ebc_break(browsed->t, EBC_BROWSE, "expected the topic's messages, each once; came more than 100");
    browsed->got[browsed->n++] = got;
    return browsed->n == browsed->stop_after;
}

static struct browsed browse(struct ebc_test *t, const char *topic, struct eb_point from, size_t stop_after, int32_t *status) {
    struct browsed browsed = { .t = t, .got = ebc_alloc(t, 100 * sizeof *browsed.got), .stop_after = stop_after };

    *status = ebc_admin_browse(t, topic, from, keep_message, &browsed);
    if (browsed.tokens)
        ebc_break(t, EBC_BROWSE, "expected token 0 of browsed messages; came another");
    return browsed;
}

static void expect_browse(struct ebc_test *t, const char *topic, const char *what, struct eb_point from,
                          struct ebc_received **stored, size_t first, size_t n) {
    int32_t status;
    struct browsed browsed = browse(t, topic, from, 0, &status);

    if (browsed.n != n - first)
        ebc_break(t, EBC_BROWSE, "expected %zu messages from %s; came %zu", n - first, what, browsed.n);
    for (size_t i = 0; i < browsed.n; i++) {
        if (!ebc_find_event(browsed.got, browsed.n, stored[first + i]->event))
            ebc_break(t, EBC_BROWSE, "expected event %zu from %s; came others only", stored[first + i]->event->number, what);
        ebc_expect_same_values(t, browsed.got[i]);
    }
}

static void browse_leaves_no_trace(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g"), *group2 = ebc_group(t, topic, "h");
    struct ebc_received **stored;
    struct ebc_consumer *c;
    struct browsed browsed;
    int32_t status;

    skip_unless(t, t->plugin.admin->browse, "browse");
    ebc_send_through_new(t, ebc_new_events(t, topic, 12, 1));
    stored = ebc_read_stored(t, topic, group, 12);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group2 });
    ebc_receive_n(c, 1);
    ebc_close_consumer(c); /* the second group is there, and has settled nothing */
    expect_browse(t, topic, "earliest", (struct eb_point){ .kind = EB_EARLIEST }, stored, 0, 12);
    expect_browse(t, topic, "the sixth position",
                  (struct eb_point){ .kind = EB_POSITION, .position = stored[5]->message->position }, stored, 5, 12);
    expect_browse(t, topic, "latest", (struct eb_point){ .kind = EB_LATEST }, stored, 12, 12);
    browsed = browse(t, topic, (struct eb_point){ .kind = EB_EARLIEST }, 4, &status);
    if (browsed.n != 4 || status != EB_OK)
        ebc_break(t, EBC_ADMIN_WALK, "expected 4 messages and EB_OK from a browse that each() ends; came %zu and %d", browsed.n,
                  status);
    browsed = browse(t, ebc_topic_name(t, "none"), (struct eb_point){ .kind = EB_EARLIEST }, 0, &status);
    if (browsed.n != 0 || status != EB_END)
        ebc_break(t, EBC_BROWSE_NOTHING, "expected EB_END from a browse of a topic that does not exist; came %d", status);
    ebc_read_stored(t, topic, group2, 12); /* and still sees all */
    if (t->plugin.admin->groups)
        expect_lag(t, topic, group, 0, 0);
}

/* ---- walks that take their time ---- */

enum { WALKED = 5 };

/* A walk whose `each` takes so long that the whole walk outlasts the op's timeout. */
struct slow_walk {
    struct ebc_test *t;
    const char *const *topics; /* of which topics is slow */
    int64_t pause_ms;
    unsigned n;
};

static int32_t take_message_slowly(void *arg, const struct eb_message *message) {
    struct slow_walk *walk = arg;

    (void)message;
    usleep((useconds_t)(walk->pause_ms * 1000));
    walk->n++;
    return 0;
}

static int32_t take_topic_slowly(void *arg, const struct eb_topic_info *info) {
    struct slow_walk *walk = arg;

    for (size_t i = 0; i < WALKED; i++)
        if (strcmp(info->name, walk->topics[i]) == 0) {
            usleep((useconds_t)(walk->pause_ms * 1000));
            walk->n++;
        }
    return 0;
}

static void expect_whole_walk(struct ebc_test *t, const char *op, const struct slow_walk *walk, int32_t status,
                              const struct eb_error *err) {
    if (status != EB_OK || walk->n != WALKED)
        ebc_break(t, EBC_WALK_LASTS,
                  "expected EB_OK and %d items from %s, whose each() takes a third of the timeout for one; came %d and %u: %s",
                  WALKED, op, status, walk->n, status < 0 ? err->text : "");
}

static void a_walk_lasts_as_long_as_its_items(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };
    const char *topics[WALKED], *const names[] = { "a", "b", "c", "d", "e" };
    int32_t limit_ms = (int32_t)(t->patience_ms / 10 > 2000 ? 2000 : t->patience_ms / 10), status;
    struct slow_walk walk = { .t = t, .topics = topics, .pause_ms = limit_ms / 3 };
    struct eb_error err = { 0 };
    void *self = ebc_admin_self(t);

    skip_unless(t, ops->browse || ops->topics, "browse and topics");
    for (size_t i = 0; i < WALKED; i++)
        topics[i] = ebc_topic(t, names[i]);
    for (size_t i = 0; i < WALKED; i++) /* which makes the topic where there is no create */
        ebc_send_through_new(t, ebc_new_events(t, topics[i], i == 0 ? WALKED : 1, 1));
    if (ops->browse) {
        ebc_op_begins(t, (int32_t)(2 * t->patience_ms), "browse of topic %s", topics[0]);
        status = ops->browse(self, topics[0], &earliest, limit_ms, take_message_slowly, &walk, &err);
        ebc_op_ended(t);
        expect_whole_walk(t, "browse", &walk, status, &err);
    }
    walk.n = 0;
    if (ops->topics) {
        ebc_op_begins(t, (int32_t)(2 * t->patience_ms), "topics");
        status = ops->topics(self, limit_ms, take_topic_slowly, &walk, &err);
        ebc_op_ended(t);
        expect_whole_walk(t, "topics", &walk, status, &err);
    }
}

/* ---- trim and remove ---- */

static void trim(struct ebc_test *t, const char *topic, struct ebc_received *before, int32_t unread_too) {
    struct eb_point point = { .kind = EB_POSITION, .position = before->message->position };

    ebc_admin_trim(t, topic, point, unread_too);
}

/* The group's only member has settled nothing yet. */
static void expect_trim_to_keep_what_a_new_group_reads(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "b"), *all = ebc_group(t, topic, "all"), *fresh = ebc_group(t, topic, "new");
    struct ebc_received **stored;
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, topic, 10, 1));
    stored = ebc_read_stored(t, topic, all, 10);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = fresh });
    ebc_receive_n(c, 1);
    trim(t, topic, stored[6], 0);
    ebc_close_consumer(c);
    ebc_expect_rest(t, EBC_TRIM, topic, fresh, stored, 0, 10);
}

static void trim_keeps_what_is_unread(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *all = ebc_group(t, topic, "all"), *group = ebc_group(t, topic, "g");
    struct ebc_consumer *c;
    struct ebc_received **stored;

    skip_unless(t, t->plugin.admin->trim, "trim");
    ebc_send_through_new(t, ebc_new_events(t, topic, 10, 1));
    stored = ebc_read_stored(t, topic, all, 10);
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    ebc_receive_and_ack(c, 2);
    ebc_wait_settled(c);
    ebc_close_consumer(c);
    trim(t, topic, stored[6], 0);
    ebc_expect_rest(t, EBC_TRIM, topic, group, stored, 2, 10);
    trim(t, topic, stored[6], 1);
    if (t->plugin.admin->browse)
        for (size_t i = 0; i < 10; i++) {
            int32_t status;
            struct browsed left = browse(t, topic, (struct eb_point){ .kind = EB_EARLIEST }, 0, &status);
            if ((ebc_find_event(left.got, left.n, stored[i]->event) != NULL) != (i >= 6))
                ebc_break(t, EBC_TRIM_ANYWAY, "expected the events from number 7 of 10 on; came number %zu%s", i + 1,
                          i >= 6 ? " not" : "");
        }
    expect_trim_to_keep_what_a_new_group_reads(t);
}

static void a_removed_group_is_gone(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct ebc_received **stored;
    int32_t status;

    skip_unless(t, ops->remove && ops->groups, "remove and groups");
    ebc_send_through_new(t, ebc_new_events(t, topic, 5, 1));
    stored = ebc_read_stored(t, topic, group, 5);
    if ((status = remove_it(t, topic, group)) != EB_OK)
        ebc_break(t, EBC_REMOVE, "expected EB_OK from remove of a group that is there; came %d", status);
    if (sum_of(t, topic, group).rows > 0)
        ebc_break(t, EBC_REMOVE, "expected no row for the group after remove; came one");
    if ((status = remove_it(t, topic, group)) != EB_GONE)
        ebc_break(t, EBC_REMOVE, "expected EB_GONE from remove of a group that is not there; came %d", status);
    ebc_forget_acknowledged(t, group);
    if (t->plugin.consumer->traits & EB_T_HISTORY)
        ebc_expect_rest(t, EBC_REMOVE, topic, group, stored, 0, 5); /* a new group of that name */
}

/* clang-format off */
const struct ebc_case ebc_admin[] = {
    { .group = "admin", .name = "topics-are-made-listed-and-removed",
      .about = "create makes a topic once and not with EB_DRY_RUN, topics lists it once, remove removes it",
      .roles = EBC_ADMIN,
      .run = topics_are_made_listed_and_removed },
    { .group = "admin", .name = "groups-tell-their-lag",
      .about = "groups gives the lag, the unsettled messages and the members as they are",
      .roles = EBC_ALL_ROLES, .run = groups_tell_their_lag },
    { .group = "admin", .name = "a-walk-lasts-as-long-as-its-items",
      .about = "browse and topics go on while items come, though the host takes its time for each",
      .roles = EBC_SEND_AND_RECEIVE | EBC_ADMIN, .run = a_walk_lasts_as_long_as_its_items },
    { .group = "admin", .name = "browse-leaves-no-trace",
      .about = "browse reads from a point to the end, stops when told to, and moves no group",
      .roles = EBC_ALL_ROLES, .run = browse_leaves_no_trace },
    { .group = "admin", .name = "trim-keeps-what-is-unread",
      .about = "trim removes what all groups have settled, a new group too, and the rest only with unread_too",
      .roles = EBC_ALL_ROLES, .run = trim_keeps_what_is_unread },
    { .group = "admin", .name = "a-removed-group-is-gone",
      .about = "remove ends a group; one of the same name begins anew",
      .roles = EBC_ALL_ROLES, .run = a_removed_group_is_gone },
    { 0 },
};
/* clang-format on */
