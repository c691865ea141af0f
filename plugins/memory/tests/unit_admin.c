/* plugins/memory/tests/unit_admin.c - the memory plugin's admin role. */
#include <stdio.h>
#include "kit.h"

static const char *const logins[] = { "logins" };

TestSuite(memory_admin, .init = kit_load, .timeout = 60);

/* What a walk told: payloads, topics or groups, with blanks between. */
struct told {
    char all[512];
    size_t n, most; /* most: ends the walk after so many; 0: never */
    struct eb_group_info group;
    struct eb_topic_info topic;
    struct kit *send_meanwhile;
};

static int32_t tell(struct told *told, const char *what, size_t len) {
    size_t at = strlen(told->all);

    snprintf(told->all + at, sizeof told->all - at, "%s%.*s", at ? " " : "", (int)len, what);
    return ++told->n == told->most;
}

static int32_t tell_message(void *arg, const struct eb_message *m) {
    struct told *told = arg;

    cr_assert_eq(m->token, 0);
    if (told->send_meanwhile)
        post(told->send_meanwhile, "logins", NULL, "new");
    return tell(told, m->payload.data, m->payload.len);
}

static int32_t tell_topic(void *arg, const struct eb_topic_info *info) {
    ((struct told *)arg)->topic = *info;
    return tell(arg, info->name, strlen(info->name));
}

static int32_t tell_group(void *arg, const struct eb_group_info *info) {
    char line[128];

    ((struct told *)arg)->group = *info;
    snprintf(line, sizeof line, "%s/%s%s@%s/%s", info->topic, info->group, info->partition, info->position, info->end);
    return tell(arg, line, strlen(line));
}

static struct eb_point point(int32_t kind, const char *position) {
    return (struct eb_point){ .size = sizeof(struct eb_point), .kind = kind, .position = text(position) };
}

static struct kit *abc(void) {
    struct kit *from = sender();

    post(from, "logins", "a", "a");
    post(from, "logins", "b", "b");
    post(from, "logins", "c", "c");
    return from;
}

static const char *browse(const char *topic, struct eb_point from) {
    static struct told told;

    told = (struct told){ 0 };
    cr_assert_eq(admin->browse(admin_open(), topic, &from, 0, tell_message, &told, NULL), EB_OK);
    return told.all;
}

Test(memory_admin, browse_reads_from_a_point_and_leaves_no_trace) {
    struct kit *from = abc();

    cr_assert_str_eq(browse("logins", point(EB_EARLIEST, NULL)), "a b c");
    cr_assert_str_eq(browse("logins", point(EB_POSITION, "3")), "c");
    cr_assert_str_eq(browse("logins", point(EB_LATEST, NULL)), "");
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *member = receiver(&to);
    cr_assert_str_eq(come(member, 10, 0), "a b c");
    cr_assert_eq(member->got[0].deliveries, 1);
    receiver_close(member);
    sender_close(from);
}

Test(memory_admin, browse_ends_where_the_end_was_or_when_told) {
    struct told meanwhile = { .send_meanwhile = abc() }, two = { .most = 2 };
    struct eb_point earliest = point(EB_EARLIEST, NULL);

    cr_assert_eq(admin->browse(admin_open(), "logins", &earliest, 0, tell_message, &meanwhile, NULL), EB_OK);
    cr_assert_str_eq(meanwhile.all, "a b c");
    cr_assert_eq(admin->browse(admin_open(), "logins", &earliest, 0, tell_message, &two, NULL), EB_OK);
    cr_assert_str_eq(two.all, "a b");
    sender_close(meanwhile.send_meanwhile);
}

Test(memory_admin, browsing_nowhere_is_the_end) {
    struct eb_point earliest = point(EB_EARLIEST, NULL);

    cr_assert_eq(admin->browse(admin_open(), "nowhere", &earliest, 0, tell_message, NULL, NULL), EB_END);
}

Test(memory_admin, topics_are_told_in_name_order_with_what_they_hold) {
    struct told told = { 0 };
    struct kit *from = abc();
    void *self = admin_open();

    cr_assert_eq(admin->create(self, "empty", 0, 0, 0, NULL), EB_OK);
    cr_assert_eq(admin->create(self, "empty", 1, 0, 0, NULL), EB_OK, "it is there already");
    cr_assert_eq(admin->create(self, "wide", 8, 0, 0, NULL), EB_PERMANENT);
    cr_assert_eq(admin->topics(self, 0, tell_topic, &told, NULL), EB_OK);
    cr_assert_str_eq(told.all, "empty logins");
    cr_assert_eq(told.topic.messages, 3);
    cr_assert_gt(told.topic.bytes, 3);
    cr_assert_leq(told.topic.oldest_ms, told.topic.newest_ms);
    sender_close(from);
}

Test(memory_admin, groups_tell_position_lag_and_members) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = abc(), *member = receiver(&to);
    struct told told = { 0 }, none = { 0 };

    receive(member, 2, 0);
    settle(member, member->got[1].token, EB_ACK, 0);
    cr_assert_eq(admin->groups(admin_open(), "logins", "g", 0, tell_group, &told, NULL), EB_OK);
    cr_assert_str_eq(told.all, "logins/g@1/4");
    cr_assert_eq(told.group.lag, 2);
    cr_assert_eq(told.group.unsettled, 1);
    cr_assert_eq(told.group.members, 1);
    settle(member, member->got[0].token, EB_ACK, 0);
    receiver_close(member);
    told = (struct told){ 0 };
    cr_assert_eq(admin->groups(admin_open(), NULL, NULL, 0, tell_group, &told, NULL), EB_OK);
    cr_assert_str_eq(told.all, "logins/g@3/4");
    cr_assert_eq(told.group.lag, 1);
    cr_assert_eq(told.group.members, 0);
    cr_assert_eq(admin->groups(admin_open(), "logins", "h", 0, tell_group, &none, NULL), EB_OK);
    cr_assert_eq(none.n, 0);
    sender_close(from);
}

/* How a group was moved. */
struct moved {
    char text[60];
    unsigned n;
};

static int32_t tell_seek(void *arg, const struct eb_seek_info *info) {
    struct moved *moved = arg;

    snprintf(moved->text, sizeof moved->text, "%s>%s", info->before ? info->before : "-", info->after);
    moved->n++;
    return 0;
}

Test(memory_admin, seek_moves_a_group_and_makes_it_only_when_told) {
    struct moved moved = { 0 };
    struct eb_error err;
    struct eb_point second = point(EB_POSITION, "2");
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = abc(), *member;

    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, 0, 0, tell_seek, &moved, &err), EB_GONE);
    cr_assert_str_eq(err.text, "topic logins has no group g");
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, EB_CREATE | EB_DRY_RUN, 0, tell_seek, &moved, NULL), EB_OK);
    cr_assert_str_eq(moved.text, "->2");
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, 0, 0, tell_seek, &moved, &err), EB_GONE, "it was not made");
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, EB_CREATE, 0, tell_seek, &moved, NULL), EB_OK);
    cr_assert_str_eq(moved.text, "->2");
    member = receiver(&to);
    cr_assert_str_eq(come(member, 10, 0), "b c");
    ack_all(member);
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, EB_DRY_RUN, 0, tell_seek, &moved, NULL), EB_OK);
    cr_assert_str_eq(moved.text, "4>2");
    cr_assert_str_eq(come(member, 10, 0), "", "nothing was moved");
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &second, 0, 0, tell_seek, &moved, NULL), EB_OK);
    cr_assert_str_eq(come(member, 10, 0), "b c");
    struct eb_point behind = point(EB_POSITION, "9999");
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &behind, 0, 0, tell_seek, &moved, &err), EB_END);
    cr_assert_str_eq(err.text, "position 9999 is behind the end of topic logins, which is 4");
    cr_assert_eq(moved.n, 4, "the place was told with each that was one");
    receiver_close(member);
    sender_close(from);
}

Test(memory_admin, what_is_out_of_a_group_that_was_moved_is_gone_and_comes_again) {
    struct eb_point earliest = point(EB_EARLIEST, NULL);
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = abc(), *member = receiver(&to);
    struct moved moved = { 0 };

    receive(member, 2, 0);
    uint64_t held[] = { member->got[0].token, member->got[1].token };
    cr_assert_eq(admin->seek(admin_open(), "logins", "g", &earliest, 0, 0, tell_seek, &moved, NULL), EB_OK);
    cr_assert_str_eq(come(member, 10, 0), "a b c");
    cr_assert_eq(settle(member, held[0], EB_ACK, 0), EB_GONE);
    cr_assert_eq(settle(member, held[1], EB_RETRY, 0), EB_GONE);
    ack_all(member);
    cr_assert_str_eq(come(member, 10, 0), "");
    receiver_close(member);
    sender_close(from);
}

Test(memory_admin, seeking_in_no_topic_says_so) {
    struct eb_point earliest = point(EB_EARLIEST, NULL);
    struct told told = { 0 };
    struct moved moved = { 0 };
    struct eb_error err;

    cr_assert_eq(admin->seek(admin_open(), "nowhere", "g", &earliest, 0, 0, tell_seek, &moved, &err), EB_GONE);
    cr_assert_str_eq(err.text, "topic nowhere does not exist");
    cr_assert_eq(admin->seek(admin_open(), "nowhere", "g", &earliest, EB_CREATE | EB_DRY_RUN, 0, tell_seek, &moved, NULL),
                 EB_OK);
    cr_assert_eq(admin->create(admin_open(), "nowhere", 0, EB_DRY_RUN, 0, NULL), EB_OK);
    cr_assert_eq(admin->topics(admin_open(), 0, tell_topic, &told, NULL), EB_OK);
    cr_assert_eq(told.n, 0, "nothing was made");
}

Test(memory_admin, trim_spares_what_is_not_settled_unless_told) {
    struct eb_point latest = point(EB_LATEST, NULL);
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = abc(), *member = receiver(&to);

    receive(member, 2, 0);
    settle(member, member->got[0].token, EB_ACK, 0);
    uint64_t held = member->got[1].token;
    cr_assert_eq(admin->trim(admin_open(), "logins", &latest, 0, 0, NULL), EB_OK);
    cr_assert_str_eq(browse("logins", point(EB_EARLIEST, NULL)), "b c");
    cr_assert_eq(admin->trim(admin_open(), "logins", &latest, 1, 0, NULL), EB_OK);
    cr_assert_str_eq(browse("logins", point(EB_EARLIEST, NULL)), "");
    cr_assert_str_eq(come(member, 10, 0), "");
    cr_assert_eq(settle(member, held, EB_ACK, 0), EB_GONE);
    post(from, "logins", "a", "d");
    cr_assert_str_eq(from->delivered[3].position, "4", "a number is never used twice");
    cr_assert_str_eq(come(member, 10, 0), "d");
    receiver_close(member);
    sender_close(from);
}

Test(memory_admin, trim_refuses_what_it_cannot_place) {
    struct eb_point earliest = point(EB_EARLIEST, NULL), end = point(EB_POSITION, "4"), behind = point(EB_POSITION, "5"),
                    none = point(EB_POSITION, "x");
    struct kit *from = abc();
    struct eb_error err;

    cr_assert_eq(admin->trim(admin_open(), "nowhere", &earliest, 0, 0, &err), EB_GONE);
    cr_assert_str_eq(err.text, "topic nowhere does not exist");
    cr_assert_eq(admin->trim(admin_open(), "logins", &behind, 1, 0, &err), EB_END);
    cr_assert_str_eq(err.text, "position 5 is behind the end of topic logins, which is 4");
    cr_assert_eq(admin->trim(admin_open(), "logins", &none, 1, 0, &err), EB_PERMANENT);
    cr_assert_str_eq(browse("logins", point(EB_EARLIEST, NULL)), "a b c", "nothing was removed");
    cr_assert_eq(admin->trim(admin_open(), "logins", &end, 0, 0, &err), EB_OK);
    cr_assert_str_eq(browse("logins", point(EB_EARLIEST, NULL)), "");
    sender_close(from);
}

Test(memory_admin, remove_takes_a_group_or_a_topic_away) {
    struct eb_subscription to = subscription_to(logins, "g");
    struct kit *from = abc(), *member = receiver(&to);
    void *self = admin_open();

    receive(member, 2, 0);
    uint64_t held = member->got[0].token, other = member->got[1].token;
    cr_assert_eq(admin->remove(self, "logins", "nobody", 0, NULL), EB_GONE);
    cr_assert_eq(admin->remove(self, "logins", NULL, 0, NULL), EB_OK);
    cr_assert_eq(admin->remove(self, "logins", NULL, 0, NULL), EB_GONE);
    cr_assert_eq(settle(member, held, EB_ACK, 0), EB_GONE);
    cr_assert_eq(settle(member, other, EB_RETURN, 0), EB_GONE);
    post(from, "logins", NULL, "again");
    cr_assert_str_eq(come(member, 10, 0), "again");
    ack_all(member);
    receiver_close(member);
    cr_assert_eq(admin->remove(self, "logins", "g", 0, NULL), EB_OK);
    cr_assert_eq(admin->remove(self, "logins", "g", 0, NULL), EB_GONE);
    sender_close(from);
}

Test(memory_admin, remove_names_the_live_members_of_a_group) {
    struct eb_subscription to = subscription_to(logins, "g"), other = subscription_to(logins, "h");
    struct kit *from = abc(), *member = receiver(&to), *bystander = receiver(&other);
    struct eb_error err;

    cr_assert_eq(admin->remove(admin_open(), "logins", "g", 0, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "group g of topic logins cannot be removed while 1 member(s) live: "), "%s", err.text);
    cr_assert(strstr(err.text, to.consumer), "%s", err.text);
    cr_assert_str_eq(come(member, 10, 0), "a b c", "nothing was removed");
    ack_all(member);
    receiver_close(member);
    cr_assert_eq(admin->remove(admin_open(), "logins", "g", 0, NULL), EB_OK);
    receiver_close(bystander);
    sender_close(from);
}
