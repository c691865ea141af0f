/* conform/cases/together.c - several instances of a plugin at work at once in one process, each in a thread of its own. */
#include "cases/case.h"

#include <string.h>

enum { SENT = 400, GROUPS = 2 };

struct together {
    struct ebc_test *t;
    const char *topic;
    struct ebc_producer *producer;
    struct ebc_range sent;
    struct ebc_consumer *consumers[GROUPS];
    _Atomic int left; /* threads that still work */
};

struct reader {
    struct together *of;
    struct ebc_consumer *consumer;
};

static void *send_all(void *arg) {
    struct together *all = arg;

    for (size_t i = 0; i < SENT; i += 10) /* in small pieces, so that the others find something all the time */
        ebc_send(all->producer, (struct ebc_range){ all->sent.first + i, 10 });
    all->left--;
    return NULL;
}

static void *read_all(void *arg) {
    struct reader *reader = arg;

    ebc_receive_and_ack(reader->consumer, SENT);
    ebc_wait_settled(reader->consumer);
    reader->of->left--;
    return NULL;
}

/* ---- what an admin sees meanwhile ---- */

static int32_t pass_topic(void *arg, const struct eb_topic_info *info) {
    (void)arg;
    (void)info;
    return 0;
}

static int32_t check_lag(void *arg, const struct eb_group_info *info) {
    struct together *all = arg;

    if (info->lag > SENT)
        ebc_break(all->t, EBC_GROUP_INFO, "expected a lag of up to %d, all that is sent; came %lld", SENT,
                  (long long)info->lag);
    return 0;
}

static int32_t pass_message(void *arg, const struct eb_message *message) {
    struct together *all = arg;

    ebc_browsed(all->t, message); /* breaks unless it is an event of this case */
    return 0;
}

static void administer(struct together *all) {
    const struct eb_admin_ops *ops = all->t->plugin.admin;
    struct eb_error err = { 0 };

    if (ops->topics)
        ebc_admin_worked(all->t, "topics", ebc_admin_topics(all->t, pass_topic, all, &err), &err);
    if (ops->groups)
        ebc_admin_groups(all->t, all->topic, NULL, check_lag, all);
    if (ops->browse)
        ebc_admin_browse(all->t, all->topic, (struct eb_point){ .kind = EB_EARLIEST }, pass_message, all);
}

/* ---- all at once ---- */

static void instances_at_work_disturb_no_other(struct ebc_test *t) {
    struct together *all = ebc_alloc(t, sizeof *all);
    const char *groups[GROUPS];
    struct reader readers[GROUPS];
    pthread_t threads[GROUPS + 1];
    bool started;

    all->t = t;
    all->topic = ebc_topic(t, "a");
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = ebc_group(t, all->topic, i ? "h" : "g");
    all->producer = ebc_producer(t);
    all->sent = ebc_new_events(t, all->topic, SENT, 9);
    for (size_t i = 0; i < GROUPS; i++) {
        all->consumers[i] = ebc_consumer(t, &(struct ebc_consumer_options){ .topic = all->topic, .group = groups[i] });
        readers[i] = (struct reader){ all, all->consumers[i] };
    }
    if (t->plugin.admin)
        administer(all); /* opens it, while no other thread works */
    all->left = GROUPS + 1;
    started = pthread_create(&threads[GROUPS], NULL, send_all, all) == 0;
    for (size_t i = 0; i < GROUPS; i++)
        started = started && pthread_create(&threads[i], NULL, read_all, &readers[i]) == 0;
    if (!started)
        ebc_skip(t, "no thread can be started on this machine");
    while (t->plugin.admin && all->left > 0)
        administer(all);
    for (size_t i = 0; i <= GROUPS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < GROUPS; i++) {
        ebc_receive_for_quiet_ms(all->consumers[i]);
        ebc_expect_events(t, EBC_TOGETHER, ebc_all(all->consumers[i]), ebc_count(all->consumers[i]), ebc_listed(t, all->sent),
                          SENT);
    }
}

/* clang-format off */
const struct ebc_case ebc_together[] = {
    { .group = "load", .name = "instances-at-work-disturb-no-other",
      .about = "a producer, two groups and an admin work in threads of their own at the same time",
      .roles = EBC_SEND_AND_RECEIVE,
      .run = instances_at_work_disturb_no_other },
    { 0 },
};
/* clang-format on */
