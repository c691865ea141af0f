/* conform/cases/removing.c - what remove promises while members of the group live. */
#include "cases/case.h"

/* The rows of a group: whether there are any, and what it has not settled; -1: unknown. */
struct standing {
    unsigned rows;
    int64_t lag;
};

static int32_t add_row(void *arg, const struct eb_group_info *info) {
    struct standing *standing = arg;

    standing->rows++;
    standing->lag = standing->lag < 0 || info->lag < 0 ? -1 : standing->lag + info->lag;
    return 0;
}

static struct standing standing_of(struct ebc_test *t, const char *topic, const char *group) {
    struct standing standing = { 0 };

    ebc_admin_groups(t, topic, group, add_row, &standing);
    return standing;
}

/* Makes a member with five messages in flight, and acknowledges two of them. */
static struct ebc_consumer *begin_work(struct ebc_test *t, const char *topic, const char *group, struct ebc_received ***got) {
    struct ebc_consumer *c;

    ebc_send_through_new(t, ebc_new_events(t, topic, 5, EBC_OWN_KEYS));
    c = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group });
    *got = ebc_receive_n(c, 5);
    ebc_settle_each(c, *got, 2, EB_ACK);
    ebc_wait_settled(c);
    return c;
}

/* A removed group that its live member makes anew gets every message again. */
static void a_group_with_live_members_is_not_removed(struct ebc_test *t) {
    const struct eb_admin_ops *ops = t->plugin.admin;
    const char *topic = ebc_topic(t, "a"), *group = ebc_group(t, topic, "g");
    struct eb_error err = { 0 };
    struct ebc_received **got;
    struct standing left;
    int32_t status;

    if (!ops->remove || !ops->groups)
        ebc_skip(t, "the admin role has no remove and groups");
    struct ebc_consumer *c = begin_work(t, topic, group, &got);
    status = ebc_admin_remove(t, topic, group, &err);
    if (status != EB_PERMANENT || !err.text[0])
        ebc_break(t, EBC_REMOVE_LIVE, "expected EB_PERMANENT with who from remove of a group with a live member; came %d",
                  status);
    ebc_settle_each(c, got + 2, 3, EB_ACK);
    ebc_wait_settled(c);
    left = standing_of(t, topic, group);
    if (left.rows == 0 || left.lag > 0)
        ebc_break(t, EBC_REMOVE_LIVE, "expected the group as it was, with a lag of 0; came %u rows with a lag of %lld",
                  left.rows, (long long)left.lag);
    ebc_close_consumer(c);
    err = (struct eb_error){ 0 };
    status = ebc_admin_remove(t, topic, group, &err);
    ebc_admin_worked(t, "remove", status, &err);
    if (status != EB_OK || standing_of(t, topic, group).rows > 0)
        ebc_break(t, EBC_REMOVE, "expected EB_OK and no group from remove when its member has left; came %d", status);
}

/* clang-format off */
const struct ebc_case ebc_removing[] = {
    { .group = "admin", .name = "a-group-with-live-members-is-not-removed",
      .about = "remove of a group while a member works is refused with the member's name, and works when it has left",
      .roles = EBC_ALL_ROLES, .run = a_group_with_live_members_is_not_removed },
    { 0 },
};
/* clang-format on */
