/* plugins/memory/tests/unit_exhausted.c - the memory plugin, linked in, where memory runs out. */
#include <stdio.h>
#include "../../../tests/unit/memory.h"
#include "kit.h"

static const char *const topics[] = { "logins" };

static void use_linked(void) {
    producer = &eventbus_producer;
    consumer = &eventbus_consumer;
    admin = &eventbus_admin;
}

TestSuite(memory_exhausted, .init = use_linked, .timeout = 60);

/* Sends what is left of a to f in one batch, all of one key; stops being refused when memory is there again. */
static size_t send_rest(struct kit *from, size_t sent) {
    static const char letters[] = "abcdef";
    static struct eb_schema schema = { sizeof schema, 3, { "S", 1 }, { "{}", 2 } };
    struct eb_message messages[6];
    const struct eb_message *batch[6];
    size_t before = from->n_delivered, n = 6 - sent;
    bool refused = false;

    for (size_t i = 0; i < n; i++) {
        messages[i] = (struct eb_message){ .size = sizeof messages[i],
                                           .token = sent + i,
                                           .topic = text("logins"),
                                           .key = text("k"),
                                           .payload = { letters + sent + i, 1 },
                                           .schema = &schema };
        batch[i] = &messages[i];
    }
    cr_assert_eq(producer->submit(from->self, batch, n, NULL), (int64_t)n);
    cr_assert_eq(producer->poll(from->self, 0, NULL), EB_OK);
    cr_assert_eq(from->n_delivered, before + n);
    for (size_t i = 0; i < n; i++) {
        bool stored = from->delivered[before + i].status == EB_OK;
        cr_assert(stored || from->delivered[before + i].status == EB_RETRIABLE);
        cr_assert(!(stored && refused), "stored behind one of its key that was refused");
        refused = refused || !stored;
        sent += stored;
    }
    return sent;
}

Test(memory_exhausted, nothing_overtakes_what_could_not_be_stored) {
    for (unsigned n = 1;; n++) {
        char name[16];

        snprintf(name, sizeof name, "%u", n);
        settings.name = name;
        struct eb_subscription to = subscription_to(topics, "g");
        struct kit *from = sender(), *member = receiver(&to);
        fail_allocation(n);
        size_t sent = send_rest(from, 0);
        bool failed = allocation_failed();
        while (sent < 6)
            sent = send_rest(from, sent);
        cr_assert_str_eq(come(member, 10, 0), "a b c d e f", "allocation %u", n);
        receiver_close(member);
        sender_close(from);
        if (!failed) {
            cr_assert_gt(n, 6);
            break;
        }
    }
}

Test(memory_exhausted, what_cannot_be_handed_over_now_comes_later) {
    struct eb_subscription to = subscription_to(topics, "g");
    struct kit *from = sender(), *member = receiver(&to);
    char all[16] = "";

    cr_assert_eq(send_rest(from, 0), 6);
    for (unsigned n = 1; n <= 4; n++) {
        fail_allocation(n);
        strcat(all, come(member, 2, 0));
        allocation_failed();
    }
    for (size_t more = 1; more; more = member->n_got)
        strcat(all, come(member, 10, 0));
    cr_assert_str_eq(all, "a bc de f");
    receiver_close(member);
    sender_close(from);
}

static int32_t open_one(int what, struct kit *kit, const struct eb_subscription *to, struct eb_error *err) {
    if (what == 0)
        return producer->open(&kit->host, &settings, &kit->self, err);
    if (what == 1)
        return consumer->open(&kit->host, &settings, to, &kit->self, err);
    return admin->open(&kit->host, &settings, &kit->self, err);
}

static void close_one(int what, struct kit *kit) {
    if (what == 0)
        producer->close(kit->self, 0);
    else if (what == 1)
        consumer->close(kit->self, 0);
    else
        admin->close(kit->self);
}

static int32_t nothing_moved(void *arg, const struct eb_seek_info *info) {
    (void)arg, (void)info;
    return 0;
}

static int32_t nothing_told(void *arg, const struct eb_group_info *info) {
    (void)arg, (void)info;
    return 0;
}

Test(memory_exhausted, opening_and_looking_after_say_so) {
    struct eb_subscription to = subscription_to(topics, "g");
    struct kit *from;

    for (int what = 0; what < 3; what++)
        for (unsigned n = 1;; n++) {
            struct kit *kit = kit_new();
            struct eb_error err = { 0 };

            settings.name = what == 0 ? "p" : what == 1 ? "c" : "a";
            fail_allocation(n);
            int32_t status = open_one(what, kit, &to, &err);
            bool failed = allocation_failed();
            cr_assert_eq(status, failed ? EB_RETRIABLE : EB_OK, "%d, allocation %u", what, n);
            cr_assert_str_eq(err.text, failed ? "out of memory" : "");
            if (!failed)
                close_one(what, kit);
            free(kit);
            if (!failed)
                break;
        }
    settings.name = "c";
    from = sender();
    post(from, "logins", NULL, "x");
    void *self = admin_open();
    struct eb_point latest = { .size = sizeof latest, .kind = EB_LATEST };
    cr_assert_eq(admin->seek(self, "logins", "old", &latest, EB_CREATE, 0, nothing_moved, NULL, NULL), EB_OK);
    fail_allocation(1);
    cr_assert_eq(admin->groups(self, NULL, NULL, 0, nothing_told, NULL, NULL), EB_RETRIABLE);
    fail_allocation(1);
    cr_assert_eq(admin->create(self, "other", 0, 0, 0, NULL), EB_RETRIABLE);
    fail_allocation(1);
    cr_assert_eq(admin->seek(self, "logins", "new", &latest, EB_CREATE, 0, nothing_moved, NULL, NULL), EB_RETRIABLE);
    allocation_failed();
    cr_assert_eq(admin->create(self, "other", 0, 0, 0, NULL), EB_OK);
    sender_close(from);
}
