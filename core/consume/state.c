/* core/consume/state.c - see state.h. */
#include "consume/state.h"

#include "base/clock.h"
#include "signal/attrs.h"

/* Verdicts are urgent from that number on, or that long after the first one. */
enum { URGENT_VERDICTS = 256, URGENT_AFTER_MS = 20 };

void ebi_consumer_nudge(struct eb_consumer *consumer, int64_t now_ms) {
    const struct ebi_verdicts *verdicts = &consumer->dispatch.verdicts;

    consumer->wake_wanted |= consumer->failed || !ebi_dispatch_has_next(&consumer->dispatch) ||
                             verdicts->n >= URGENT_VERDICTS ||
                             verdicts->n >= (size_t)consumer->task.settings.max_in_flight / 4 ||
                             (verdicts->n > 0 && now_ms - verdicts->first_ms >= URGENT_AFTER_MS);
}

void ebi_consumer_unlock_and_wake(struct eb_consumer *consumer) {
    bool wake = consumer->wake_wanted && consumer->receiving;

    consumer->wake_wanted = false;
    if (wake)
        consumer->receiving = false; /* one wake is enough */
    ebi_consumer_unlock(consumer);
    if (wake)
        ebi_instance_wake(&consumer->instance);
}

void ebi_consumer_fail(struct eb_consumer *consumer, const struct eb_error *why) {
    EBI_ASSERT_HELD(&consumer->lock);
    if (consumer->failed)
        return;
    consumer->failed = true;
    consumer->failure = *why;
    ebi_consumer_nudge(consumer, ebi_ticks_ms());
}

void ebi_consumer_lock_and_fail(struct eb_consumer *consumer, const struct eb_error *why) {
    ebi_consumer_lock(consumer);
    ebi_consumer_fail(consumer, why);
    ebi_consumer_unlock(consumer);
}

bool ebi_consumer_has_failed(struct eb_consumer *consumer) {
    ebi_consumer_lock(consumer);
    bool failed = consumer->failed;
    ebi_consumer_unlock(consumer);
    return failed;
}

void ebi_consumer_delay(struct eb_consumer *consumer, struct ebi_inflight *inflight, int64_t wait_ms) {
    int64_t now = ebi_ticks_ms(), due = now + wait_ms;

    EBI_ASSERT_HELD(&consumer->lock);
    if (inflight->revoked) { /* the broker gives it to another member as soon as it has this verdict */
        ebi_dispatch_return(&consumer->dispatch, inflight, now);
        return;
    }
    ebi_dispatch_delay(&consumer->dispatch, inflight, due);
    consumer->wake_wanted |= due < consumer->receive_until_ms;
}

const char *ebi_consumer_topic(const struct eb_consumer *consumer, const struct ebi_inflight *inflight) {
    return ebi_short_topic(consumer->task.prefix, inflight->message.topic.data);
}

const char *ebi_position_of(const struct eb_message *message) {
    return message->position.data ? message->position.data : "?";
}

void ebi_log_message(const struct eb_consumer *consumer, const struct eb_message *message, enum ebi_level level,
                     const char *text, const struct ebi_log_field *more) {
    const struct ebi_log_field fields[] = {
        { "topic", ebi_short_topic(consumer->task.prefix, message->topic.data) },
        { "event_id", ebi_attr(message, "id").data },
        { "type", ebi_attr(message, "type").data },
        { "position", message->position.data },
        more ? *more : (struct ebi_log_field){ 0 },
    };
    ebi_log_fields(consumer->deps.log, level, text, fields, more ? 5 : 4);
}

void ebi_consumer_tell_state(struct eb_consumer *consumer) {
    const struct ebi_instance *instance = &consumer->instance;
    enum ebi_worker_state state;

    if (!consumer->observer.tell)
        return;
    ebi_consumer_lock(consumer);
    state = consumer->draining                                                ? EBI_WORKER_DRAINING
            : instance->open && instance->link_was_up && !instance->link_lost ? EBI_WORKER_WORKING
                                                                              : EBI_WORKER_CONNECTING;
    ebi_consumer_unlock(consumer);
    consumer->observer.tell(consumer->observer.arg, state);
}
