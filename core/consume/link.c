/* core/consume/link.c - see link.h. */
#include "consume/link.h"

#include "base/clock.h"
#include "base/error.h"

static void drop_messages(struct eb_consumer *consumer) {
    ebi_consumer_lock(consumer);
    ebi_dispatch_drop(&consumer->dispatch);
    ebi_consumer_unlock(consumer);
    ebi_writer_schemas_forget_ids(consumer->writers);
    consumer->lease_ms = 0;
}

void ebi_link_close(struct eb_consumer *consumer, int32_t timeout_ms) {
    if (!consumer->instance.open)
        return;
    ebi_instance_close(&consumer->instance, timeout_ms);
    drop_messages(consumer);
}

/* Waits until then, a second at most. Returns whether the pause goes on. */
static bool pause_for_a_second(struct eb_consumer *consumer, int64_t until_ms) {
    int64_t by = ebi_ticks_ms() + 1000;

    ebi_consumer_lock(consumer);
    bool goes_on = !ebi_consumer_is_stopped(consumer) && !consumer->failed;
    if (goes_on)
        ebi_consumer_wait(consumer, by < until_ms ? by : until_ms);
    ebi_consumer_unlock(consumer);
    return goes_on && ebi_ticks_ms() < until_ms;
}

void ebi_link_pause(struct eb_consumer *consumer, int64_t until_ms) {
    do
        ebi_consumer_tell_state(consumer);
    while (pause_for_a_second(consumer, until_ms));
}

void ebi_link_reopen(struct eb_consumer *consumer, const struct eb_error *why) {
    struct ebi_instance *instance = &consumer->instance;
    struct eb_error err = { 0 };

    ebi_instance_give_up(instance, why);
    drop_messages(consumer);
    while (!instance->open && !ebi_consumer_is_stopped(consumer) && !ebi_consumer_has_failed(consumer)) {
        ebi_link_pause(consumer, instance->open_at_ms);
        enum eb_status status = ebi_instance_open(instance, &err);

        if (status == EB_PERMANENT)
            ebi_consumer_lock_and_fail(consumer, &err);
        else if (status != EB_OK)
            ebi_instance_postpone(instance, &err);
    }
}

void ebi_link_log_missing_lock(const struct eb_consumer *consumer) {
    const struct ebi_member *member = &consumer->member;

    if (*member->no_lock)
        ebi_log_line(consumer->deps.log, EBI_WARNING,
                     "group %s: the name of consumer %s has no lock: %s; %s. STATE_DIRECTORY names another state folder",
                     consumer->task.group, member->name, member->no_lock,
                     member->n ? "it is one for this run alone" : "see that no other worker is given it");
}

void ebi_link_rename_member(struct eb_consumer *consumer, const struct eb_error *why) {
    const char *state = ebi_config_state(consumer->deps.config), *group = consumer->task.group;
    struct eb_error err = *why;

    if (consumer->member.n == 0) {
        err.kind = EB_KIND_CONFIG;
        ebi_error_context(&err, "broker %s", consumer->deps.broker->name);
        ebi_consumer_lock_and_fail(consumer, &err);
        return;
    }
    ebi_link_close(consumer, 0); /* the instance borrows the name */
    if (ebi_member_take_next(state, group, &consumer->member, &err) != EB_OK) {
        ebi_consumer_lock_and_fail(consumer, &err);
        return;
    }
    ebi_log_line(consumer->deps.log, EBI_WARNING, "group %s: this consumer takes the name %s", group, consumer->member.name);
    ebi_link_log_missing_lock(consumer);
    ebi_link_reopen(consumer, why);
}

/* What is left of connect_timeout, but at least LEAST_MS of it, so that the plugin has time to say what is wrong. */
int64_t ebi_link_deadline(const struct eb_consumer *consumer) {
    enum { LEAST_MS = 2000 };
    int64_t all = consumer->deps.broker->own.connect_timeout, left = all - consumer->link_waited_ms;

    return ebi_ticks_ms() + (left > LEAST_MS ? left : all < LEAST_MS ? all : LEAST_MS);
}

void ebi_link_check(struct eb_consumer *consumer, int64_t deadline_ms) {
    struct eb_error why;

    ebi_consumer_lock(consumer);
    enum eb_status status = ebi_instance_reached(&consumer->instance, "no answer in connect_timeout", &why);
    ebi_consumer_unlock(consumer);
    if (status != EB_OK && ebi_ticks_ms() >= deadline_ms)
        ebi_consumer_lock_and_fail(consumer, &why);
}
