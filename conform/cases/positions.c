/* conform/cases/positions.c - points of every kind, for browse, seek, trim and the start of a group: each position, times
 * before, at, between and after the messages, and positions that cannot be. */
#include "cases/case.h"

#include <string.h>

enum { STORED = 12, PARTS = 3, ROOM = 64 };

/* A topic whose messages were stored in three parts, some ms apart, in the broker's order. */
struct shelf {
    struct ebc_test *t;
    const char *topic, *group; /* the group has read all */
    struct ebc_received **stored;
    size_t first; /* the oldest that is still there */
};

/* A point, and the number of the first message from there. */
struct target {
    const char *what;
    struct eb_point point;
    size_t first;
};

static struct shelf *fill_shelf(struct ebc_test *t, const char *suffix) {
    struct shelf *shelf = ebc_alloc(t, sizeof *shelf);
    struct ebc_producer *p;

    shelf->t = t;
    shelf->topic = ebc_topic(t, suffix);
    shelf->group = ebc_group(t, shelf->topic, "g");
    p = ebc_producer(t);
    for (size_t part = 0; part < PARTS; part++) {
        ebc_send(p, ebc_new_events(t, shelf->topic, STORED / PARTS, 1));
        for (int64_t later = ebc_wall_ms() + 20; ebc_wall_ms() < later;)
            ebc_poll(p, 5);
    }
    ebc_close_producer(p, 1000);
    shelf->stored = ebc_read_stored(t, shelf->topic, shelf->group, STORED);
    return shelf;
}

/* ---- points ---- */

static int64_t time_at(const struct shelf *shelf, size_t i) {
    return shelf->stored[i]->message->time_ms;
}

static struct target at_position(const struct shelf *shelf, size_t i) {
    return (struct target){ ebc_format(shelf->t, "the position of message %zu of %d", i + 1, STORED),
                            { .kind = EB_POSITION, .position = shelf->stored[i]->message->position },
                            i };
}

static struct target at_time(const struct shelf *shelf, const char *what, int64_t time_ms) {
    size_t first = 0;

    while (first < STORED && time_at(shelf, first) < time_ms)
        first++;
    return (struct target){ ebc_format(shelf->t, "a time %s", what), { .kind = EB_TIME, .time_ms = time_ms }, first };
}

/* Writes the points of every kind. Returns how many. Times are left out where the broker does not tell any. */
static size_t list_targets(const struct shelf *shelf, struct target list[ROOM]) {
    size_t n = 0, half = STORED / PARTS;

    list[n++] = (struct target){ "earliest", { .kind = EB_EARLIEST }, 0 };
    list[n++] = (struct target){ "latest", { .kind = EB_LATEST }, STORED };
    for (size_t i = 0; i < STORED; i++)
        list[n++] = at_position(shelf, i);
    if (time_at(shelf, 0) == 0)
        return n;
    list[n++] = at_time(shelf, "before all messages", time_at(shelf, 0) - 60000);
    list[n++] = at_time(shelf, "at the first message", time_at(shelf, 0));
    list[n++] = at_time(shelf, "at a message in the middle", time_at(shelf, half));
    list[n++] = at_time(shelf, "between two messages", (time_at(shelf, half - 1) + time_at(shelf, half)) / 2);
    list[n++] = at_time(shelf, "just behind the last message", time_at(shelf, STORED - 1) + 1);
    list[n++] = at_time(shelf, "after all messages", time_at(shelf, STORED - 1) + 3600000);
    return n;
}

/* ---- browse ---- */

struct browsed {
    struct ebc_test *t;
    struct ebc_received *got[ROOM];
    size_t n;
};

static int32_t keep_message(void *arg, const struct eb_message *message) {
    struct browsed *browsed = arg;

    if (browsed->n == ROOM)
        ebc_break(browsed->t, EBC_BROWSE, "expected the topic's messages, each once; came more than %d", ROOM);
    browsed->got[browsed->n++] = ebc_browsed(browsed->t, message);
    return 0;
}

/* Expects the messages from number `first` on, in the broker's order. */
static void expect_browsed(const struct shelf *shelf, enum ebc_rule rule, const struct target *from, size_t first) {
    struct browsed browsed = { .t = shelf->t };

    ebc_admin_browse(shelf->t, shelf->topic, from->point, keep_message, &browsed);
    if (browsed.n != STORED - first)
        ebc_break(shelf->t, rule, "expected %zu of %d messages from %s; came %zu", STORED - first, STORED, from->what,
                  browsed.n);
    for (size_t i = 0; i < browsed.n; i++)
        if (browsed.got[i]->event != shelf->stored[first + i]->event)
            ebc_break(shelf->t, rule, "expected message %zu of %d as number %zu from %s; came event %zu", first + i + 1, STORED,
                      i + 1, from->what, browsed.got[i]->event->number);
}

static void skip_unless(struct ebc_test *t, bool there, const char *op) {
    if (!there)
        ebc_skip(t, "the admin role has no %s", op);
}

static void browse_begins_at_any_point(struct ebc_test *t) {
    struct shelf *shelf;
    struct target list[ROOM];
    size_t n;

    skip_unless(t, t->plugin.admin->browse, "browse");
    shelf = fill_shelf(t, "a");
    n = list_targets(shelf, list);
    for (size_t i = 0; i < n; i++)
        expect_browsed(shelf, EBC_BROWSE, &list[i], list[i].first);
}

/* ---- seek ---- */

static int32_t count_move(void *arg, const struct eb_seek_info *info) {
    (void)info;
    ++*(unsigned *)arg;
    return 0;
}

static int32_t add_lag(void *arg, const struct eb_group_info *info) {
    int64_t *sum = arg;

    *sum = *sum < 0 || info->lag < 0 ? -1 : *sum + info->lag;
    return 0;
}

/* Returns what the group has left, as the admin says; -1: unknown. */
static int64_t lag_of(const struct shelf *shelf) {
    int64_t lag = 0;

    if (!shelf->t->plugin.admin->groups)
        return -1;
    ebc_admin_groups(shelf->t, shelf->topic, shelf->group, add_lag, &lag);
    return lag;
}

/* Expects that a member of the group gets exactly the messages from number `first` on. */
static void expect_received(const struct shelf *shelf, enum ebc_rule rule, const char *what, size_t first) {
    struct ebc_test *t = shelf->t;
    struct ebc_consumer *c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = shelf->topic, .group = shelf->group });

    ebc_receive_and_ack(c, STORED - first);
    ebc_wait_settled(c);
    ebc_receive_for_quiet_ms(c);
    for (size_t i = 0; i < STORED; i++)
        if ((ebc_find_event(ebc_all(c), ebc_count(c), shelf->stored[i]->event) != NULL) != (i >= first))
            ebc_break(t, rule, "expected the group to go on from message %zu of %d after a seek to %s; message %zu came%s",
                      first + 1, STORED, what, i + 1, i >= first ? " not" : "");
    ebc_close_consumer(c);
}

static void seek_and_expect(const struct shelf *shelf, const struct target *to, size_t first, bool receive) {
    struct ebc_test *t = shelf->t;
    struct eb_error err = { 0 };
    unsigned moves = 0;
    int64_t lag;

    ebc_admin_worked(t, "seek", ebc_admin_seek(t, shelf->topic, shelf->group, to->point, 0, count_move, &moves, &err), &err);
    ebc_forget_acknowledged(t, shelf->group);
    if (moves == 0)
        ebc_break(t, EBC_SEEK, "expected a call for the partition that a seek to %s moves; came none", to->what);
    lag = lag_of(shelf);
    if (lag >= 0 && lag != (int64_t)(STORED - first))
        ebc_break(t, EBC_SEEK, "expected %zu of %d messages left after a seek to %s; the group's lag is %lld", STORED - first,
                  STORED, to->what, (long long)lag);
    if (receive || lag < 0)
        expect_received(shelf, EBC_SEEK, to->what, first);
}

static void seek_goes_to_any_point(struct ebc_test *t) {
    struct shelf *shelf;
    struct target list[ROOM];
    size_t n;

    skip_unless(t, t->plugin.admin->seek, "seek");
    shelf = fill_shelf(t, "a");
    n = list_targets(shelf, list);
    for (size_t i = 0; i < n; i++)
        seek_and_expect(shelf, &list[i], list[i].first, i % 8 == 7);
}

/* ---- trim ---- */

static void trim_and_expect(struct shelf *shelf, const struct target *before) {
    static const struct target earliest = { "earliest", { .kind = EB_EARLIEST }, 0 };
    struct target all = earliest;

    ebc_admin_trim(shelf->t, shelf->topic, before->point, 1);
    shelf->first = before->first > shelf->first ? before->first : shelf->first;
    all.what = ebc_format(shelf->t, "earliest after a trim before %s", before->what);
    expect_browsed(shelf, EBC_TRIM_ANYWAY, &all, shelf->first);
}

/* A position that was trimmed away stands for the oldest message. */
static void expect_oldest_for(const struct shelf *shelf, size_t trimmed) {
    struct target gone = at_position(shelf, trimmed);

    gone.what = "a position that was trimmed away";
    expect_browsed(shelf, EBC_BROWSE, &gone, shelf->first);
    if (shelf->t->plugin.admin->seek)
        seek_and_expect(shelf, &gone, shelf->first, true);
}

static void trim_ends_at_any_point(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    struct target list[ROOM];
    struct shelf *shelf;
    size_t n;

    skip_unless(t, ops->trim && ops->browse, "trim and browse");
    shelf = fill_shelf(t, "a");
    n = list_targets(shelf, list);
    for (size_t first = 0; first <= STORED; first++) { /* by growing numbers, as far as a point leads there */
        for (size_t i = n; i-- > 0;)                   /* times before positions, which would leave them nothing to do */
            if (list[i].first == first)
                trim_and_expect(shelf, &list[i]);
        if (first == STORED / 2)
            expect_oldest_for(shelf, 1);
    }
}

/* ---- a group's start ---- */

static void a_new_group_starts_at_any_point(struct ebc_test *t) {
    struct shelf *shelf = fill_shelf(t, "a");
    struct target list[ROOM];
    size_t n = list_targets(shelf, list);

    for (size_t i = 0; i < n; i++) {
        struct ebc_consumer_options wish = { .topic = shelf->topic, .start = &list[i].point };
        struct ebc_consumer *c;

        if (list[i].first == STORED || (t->pace > 1 && i % 4 != 3 && list[i].point.kind != EB_TIME))
            continue; /* nothing would come; on a slow broker a group takes seconds to begin */
        list[i].point.size = sizeof list[i].point;
        wish.group = ebc_format(t, "%s-start-%zu", shelf->group, i);
        c = ebc_consumer(t, &wish);
        ebc_receive_and_ack(c, STORED - list[i].first);
        ebc_receive_for_quiet_ms(c);
        for (size_t k = 0; k < STORED; k++)
            if ((ebc_find_event(ebc_all(c), ebc_count(c), shelf->stored[k]->event) != NULL) != (k >= list[i].first))
                ebc_break(t, EBC_START, "expected a new group to begin with message %zu of %d at %s; message %zu came%s",
                          list[i].first + 1, STORED, list[i].what, k + 1, k >= list[i].first ? " not" : "");
        ebc_close_consumer(c);
    }
}

/* ---- positions that cannot be ---- */

static void expect_refused(struct ebc_test *t, const char *op, const char *what, int32_t status, const struct eb_error *err) {
    if (status == EB_OK || !err->text[0])
        ebc_break(t, EBC_BAD_POSITION, "expected %s at %s to be refused with a reason; came %d with \"%s\"", op, what, status,
                  err->text);
}

/* Expects that no op takes the position, and that each leaves topic and group alone. */
static void expect_no_op_takes(const struct shelf *shelf, const char *what, struct eb_text position) {
    struct eb_point point = { .kind = EB_POSITION, .position = position };
    const struct eb_admin_ops *ops = shelf->t->plugin.admin;
    struct target earliest = { ebc_format(shelf->t, "earliest after ops at %s", what), { .kind = EB_EARLIEST }, 0 };
    struct browsed browsed = { .t = shelf->t };
    struct eb_error err = { 0 };
    unsigned moves = 0;
    int32_t status;

    if (ops->seek) {
        status = ebc_admin_seek(shelf->t, shelf->topic, shelf->group, point, 0, count_move, &moves, &err);
        expect_refused(shelf->t, "seek", what, status, &err);
        if (moves > 0 || lag_of(shelf) > 0)
            ebc_break(shelf->t, EBC_BAD_POSITION, "expected a seek to %s to move nothing; it moved the group", what);
    }
    if (ops->trim) {
        err = (struct eb_error){ 0 };
        status = ebc_admin_try_trim(shelf->t, shelf->topic, point, 1, &err);
        expect_refused(shelf->t, "trim", what, status, &err);
    }
    if (ops->browse) {
        err = (struct eb_error){ 0 };
        status = ebc_admin_try_browse(shelf->t, shelf->topic, point, keep_message, &browsed, &err);
        expect_refused(shelf->t, "browse", what, status, &err);
        if (browsed.n > 0)
            ebc_break(shelf->t, EBC_BAD_POSITION, "expected no message from a browse at %s; came %zu", what, browsed.n);
        expect_browsed(shelf, EBC_BAD_POSITION, &earliest, 0);
    }
}

static struct eb_text text(const char *data) {
    return (struct eb_text){ data, strlen(data) };
}

static void a_position_that_cannot_be_is_refused(struct ebc_test *t) {
    struct shelf *shelf = fill_shelf(t, "a");
    char *long_one = ebc_alloc(t, 10001);

    memset(long_one, 'x', 10000);
    expect_no_op_takes(shelf, "the position \"no such position\"", text("no such position"));
    expect_no_op_takes(shelf, "a position of 10,000 signs", text(long_one));
    expect_no_op_takes(shelf, "a position that is not UTF-8", text("\xff\xfe"));
    expect_no_op_takes(shelf, "a position with format signs", text("%s%n%s"));
}

/* Returns a position behind the topic's end: that of another topic, which has more messages. */
static struct eb_point behind_the_end(struct ebc_test *t) {
    struct shelf *other = fill_shelf(t, "longer");

    ebc_send_through_new(t, ebc_new_events(t, other->topic, STORED, 1));
    return (struct eb_point){
        .kind = EB_POSITION, .position = ebc_read_stored(t, other->topic, other->group, STORED)[STORED - 1]->message->position
    };
}

static void a_seek_behind_the_end_moves_nothing(struct ebc_test *t) {
    struct eb_error err = { 0 };
    struct eb_point point;
    struct shelf *shelf;
    unsigned moves = 0;
    int32_t status;

    skip_unless(t, t->plugin.admin->seek, "seek");
    shelf = fill_shelf(t, "a");
    point = behind_the_end(t);
    status = ebc_admin_seek(t, shelf->topic, shelf->group, point, 0, count_move, &moves, &err);
    if (status == EB_OK || !err.text[0])
        ebc_break(t, EBC_SEEK_BEHIND,
                  "expected EB_END with the reason from a seek to %s, a position of another topic that has more messages; "
                  "came %d with \"%s\"",
                  point.position.data, status, err.text);
    if (moves > 0 || lag_of(shelf) > 0)
        ebc_break(t, EBC_SEEK_BEHIND, "expected a seek to %s, behind the end, to move nothing; it moved the group",
                  point.position.data);
}

/* A typing error in a position must not empty a topic. */
static void a_trim_behind_the_end_removes_nothing(struct ebc_test *t) {
    struct target earliest = { "earliest after a trim behind the end", { .kind = EB_EARLIEST }, 0 };
    struct eb_error err = { 0 };
    struct eb_point point;
    struct shelf *shelf;
    int32_t status;

    skip_unless(t, t->plugin.admin->trim && t->plugin.admin->browse, "trim and browse");
    shelf = fill_shelf(t, "a");
    point = behind_the_end(t);
    status = ebc_admin_try_trim(t, shelf->topic, point, 1, &err);
    if (status == EB_OK || !err.text[0])
        ebc_break(t, EBC_SEEK_BEHIND,
                  "expected EB_END with the reason from a trim before %s, a position of another topic that has more messages; "
                  "came %d with \"%s\"",
                  point.position.data, status, err.text);
    expect_browsed(shelf, EBC_SEEK_BEHIND, &earliest, 0);
}

/* ---- a group's lag ---- */

/* Sends, receives, acknowledges the oldest messages, and reopens by chance; the lag is at each step what is left. */
static void a_groups_lag_is_what_is_left(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct shelf shelf = { .t = t, .topic = topic, .group = group };
    struct ebc_consumer_options wish = { .topic = topic, .group = group, .max_messages = 50 };
    struct ebc_producer *p = ebc_producer(t);
    struct ebc_consumer *c = ebc_consumer(t, &wish);
    size_t sent = 0, acked = 0, base = 0; /* base: acknowledged before this consumer */
    int steps = ebc_at_full_size() ? 500 : 40, reopened = 0, most = t->pace > 1 ? 1 : 6;

    skip_unless(t, t->plugin.admin->groups, "groups");
    for (int i = 0; i < steps || acked < sent; i++) {
        size_t n = i < steps ? 1 + ebc_random_below(&t->random, 6) : 0;
        int64_t lag;

        ebc_send(p, ebc_new_events(t, topic, n, 1));
        sent += n;
        n = 1 + ebc_random_below(&t->random, sent - acked);
        n = n < 40 ? n : 40;
        if (ebc_count(c) - (acked - base) < n)
            ebc_receive_n(c, n - (ebc_count(c) - (acked - base)));
        ebc_settle_each(c, ebc_all(c) + (acked - base), n, EB_ACK);
        ebc_wait_settled(c);
        acked += n;
        lag = lag_of(&shelf);
        if (lag >= 0 && lag != (int64_t)(sent - acked))
            ebc_break(t, EBC_GROUP_INFO, "expected a lag of %zu after %zu of %zu messages were acknowledged; came %lld",
                      sent - acked, acked, sent, (long long)lag);
        if (reopened < most && ebc_random_below(&t->random, 5) == 0) {
            ebc_receive_n(c, sent - acked < 5 ? sent - acked : 5);
            ebc_close_consumer(c); /* returns these */
            c = ebc_consumer(t, &wish);
            base = acked;
            reopened++;
        }
    }
}

/* clang-format off */
const struct ebc_case ebc_starts[] = {
    { .group = "receiving", .name = "a-new-group-starts-at-any-point",
      .about = "a new group begins at each position, and at times before, at and between messages",
      .roles = EBC_SEND_AND_RECEIVE, .consumer = EB_T_HISTORY,
      .run = a_new_group_starts_at_any_point },
    { 0 },
};

const struct ebc_case ebc_positions[] = {
    { .group = "admin", .name = "a-groups-lag-is-what-is-left",
      .about = "the lag that an admin tells is what the group has not acknowledged, at each step",
      .roles = EBC_ALL_ROLES, .run = a_groups_lag_is_what_is_left },
    { .group = "admin", .name = "browse-begins-at-any-point",
      .about = "browse from each position, and from times before, at, between and after messages",
      .roles = EBC_ALL_ROLES, .run = browse_begins_at_any_point },
    { .group = "admin", .name = "seek-goes-to-any-point",
      .about = "seek to each position, and to times before, at, between and after messages",
      .roles = EBC_ALL_ROLES, .run = seek_goes_to_any_point },
    { .group = "admin", .name = "trim-ends-at-any-point",
      .about = "trim before each position and time; a position that was trimmed away stands for the oldest message",
      .roles = EBC_ALL_ROLES, .run = trim_ends_at_any_point },
    { .group = "admin", .name = "a-position-that-cannot-be-is-refused",
      .about = "seek, trim and browse refuse a malformed position with a reason, and change nothing",
      .roles = EBC_ALL_ROLES,
      .run = a_position_that_cannot_be_is_refused },
    { .group = "admin", .name = "a-seek-behind-the-end-moves-nothing",
      .about = "seek to a position behind the end, of a longer topic, says so and moves nothing",
      .roles = EBC_ALL_ROLES,
      .run = a_seek_behind_the_end_moves_nothing },
    { .group = "admin", .name = "a-trim-behind-the-end-removes-nothing",
      .about = "trim before a position behind the end, of a longer topic, says so and removes nothing",
      .roles = EBC_ALL_ROLES,
      .run = a_trim_behind_the_end_removes_nothing },
    { 0 },
};
/* clang-format on */
