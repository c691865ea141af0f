/* core/consume/dead_letter.c - see dead_letter.h. */
#include "consume/dead_letter.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "consume/dead_letter_message.h"
#include "consume/dead_letter_topics.h"
#include "consume/state.h"

/* A worker thread does not wait for a full queue: that would hold up the events of other keys. */
static const int64_t put_wait_ms = 0;

enum eb_status ebi_dead_letters_open(struct eb_consumer *consumer, struct eb_error *err) {
    const struct ebi_consume_settings *settings = &consumer->task.settings;
    const struct ebi_broker *broker = consumer->deps.dead_letter_broker;
    struct ebi_sender_limits limits = ebi_sender_limits_of(consumer->deps.bus);

    if (settings->on_failure != 0 && settings->on_unknown != 0)
        return EB_OK;
    if (!broker->plugin->producer)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "plugin %s cannot send, so dead letters need another broker: set dead_letter_broker in "
                         "[consume %s]",
                         broker->plugin->about.name, consumer->task.section);
    enum eb_status status = ebi_dead_letter_topics_check(consumer, err);
    if (status != EB_OK)
        return status;
    limits.takes_any_size = true; /* the message is here already, and has to go out */
    limits.absence_is_told = broker == consumer->deps.broker;
    return ebi_sender_open(broker, consumer->deps.service, &limits, consumer->deps.log, &consumer->dead_letters, err);
}

void ebi_dead_letters_close(struct eb_consumer *consumer, int32_t timeout_ms) {
    ebi_sender_close(consumer->dead_letters, timeout_ms);
    ebi_dead_letter_topics_free(consumer);
}

/* ---- What becomes of one, under the lock ---- */

static void try_later(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *why) {
    int64_t wait = ebi_backoff_wait(&ebi_dead_letter_backoff, ++inflight->dead_letter_tries, ebi_chance());

    if (!inflight->queue || consumer->draining) {
        ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
        return;
    }
    ebi_log_line(consumer->deps.log, EBI_ERROR, "the dead letter of %s %s is not stored yet; retrying in %.1f s: %s",
                 ebi_consumer_topic(consumer, inflight), ebi_position_of(&inflight->message), (double)wait / 1000, why->text);
    ebi_consumer_delay(consumer, inflight, wait);
}

static void stop_worker(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *said) {
    struct eb_error why = *said;

    ebi_error_context(&why, "the dead letter of %s %s cannot be stored, so the worker stops; the event was handed back",
                      ebi_consumer_topic(consumer, inflight), ebi_position_of(&inflight->message));
    why.status = EB_FATAL;
    ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    ebi_consumer_fail(consumer, &why);
}

/* The broker refuses this dead letter for good: either the event or the topic is wrong. With less of the event it is tried again
 * at once; where even the report alone is refused, it is the topic. */
static void shorten(struct eb_consumer *consumer, struct ebi_inflight *inflight, const struct eb_error *why) {
    static const char *const left_out[] = {
        [EBI_FORM_NO_HEADERS] = "its headers", [EBI_FORM_NO_DATA] = "its data", [EBI_FORM_REPORT] = "the event"
    };
    bool has_more = inflight->message.n_headers > 0 || inflight->message.n_attrs > EBI_N_ATTRS;

    inflight->form += inflight->form == EBI_FORM_WHOLE && !has_more ? 2 : 1;
    free(inflight->dead_letter_send_id); /* it is another message now */
    inflight->dead_letter_send_id = NULL;
    ebi_log_line(consumer->deps.log, EBI_WARNING, "the dead letter of %s %s is refused; retrying without %s: %s",
                 ebi_consumer_topic(consumer, inflight), ebi_position_of(&inflight->message), left_out[inflight->form],
                 why->text);
    if (!inflight->queue || consumer->draining)
        ebi_dispatch_return(&consumer->dispatch, inflight, ebi_ticks_ms());
    else
        ebi_consumer_delay(consumer, inflight, 0);
}

/* ---- Sending ---- */

/* A dead letter on its way: what the sender's report is about. */
struct pending {
    struct eb_consumer *consumer;
    struct ebi_inflight *inflight;
};

/* Called with the sender's report, in its thread, or where the dead letter could not be given to the sender at all. */
static void finish(struct eb_consumer *consumer, struct ebi_inflight *inflight, enum eb_status status,
                   const struct eb_error *why) {
    ebi_consumer_lock(consumer);
    if (status == EB_OK) {
        atomic_fetch_add(&consumer->counters.dead_lettered, 1);
        ebi_dispatch_ack(&consumer->dispatch, inflight, ebi_ticks_ms());
    } else if (status == EB_PERMANENT && inflight->form < EBI_FORM_REPORT) {
        shorten(consumer, inflight, why);
    } else if (status == EB_PERMANENT) {
        stop_worker(consumer, inflight, why);
    } else {
        try_later(consumer, inflight, why);
    }
    ebi_consumer_nudge(consumer, ebi_ticks_ms());
    if (ebi_dispatch_has_next(&consumer->dispatch))
        pthread_cond_signal(&consumer->work);
    ebi_consumer_unlock_and_wake(consumer);
}

/* Keeps the name of a send that may have stored the dead letter, for the next attempt. The message is parked: nobody else touches
 * it. Without memory the next attempt gets a new one. */
static void keep_send_id(struct ebi_inflight *inflight, struct eb_text send_id) {
    if (!inflight->dead_letter_send_id)
        inflight->dead_letter_send_id = strdup(send_id.data);
}

static void on_report(void *arg, const struct ebi_report *report) {
    struct pending pending = *(struct pending *)arg;

    free(arg);
    if (report->status == EB_RETRIABLE)
        keep_send_id(pending.inflight, report->message->send_id);
    finish(pending.consumer, pending.inflight, report->status, report->error);
}

static enum eb_status submit(struct eb_consumer *consumer, struct ebi_inflight *inflight, struct pending *pending,
                             struct eb_error *err) {
    char *topic = ebi_task_dead_letter_topic(&consumer->task, inflight->message.topic.data);
    struct ebi_dead_letter letter;
    enum eb_status status;

    if (!ebi_dead_letter_make(&letter, inflight, consumer->task.prefix, consumer->task.group) || !topic) {
        status = ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    } else if ((status = ebi_dead_letter_topic_create(consumer, topic, err)) == EB_PERMANENT) {
        inflight->form = EBI_FORM_REPORT; /* less of the event does not help */
    } else if (status == EB_OK) {
        letter.message.topic = (struct eb_text){ topic, strlen(topic) };
        status = ebi_sender_put(consumer->dead_letters, &letter.message, put_wait_ms, on_report, pending, err);
    }
    ebi_dead_letter_clear(&letter);
    free(topic);
    return status;
}

void ebi_dead_letter_send(struct eb_consumer *consumer, struct ebi_inflight *inflight) {
    struct pending *pending = malloc(sizeof *pending);
    struct eb_error why;
    enum eb_status status;

    ebi_consumer_lock(consumer);
    ebi_dispatch_park(&consumer->dispatch, inflight); /* first: the report may come before ebi_sender_put returns */
    ebi_consumer_unlock(consumer);
    if (pending) {
        *pending = (struct pending){ consumer, inflight };
        status = submit(consumer, inflight, pending, &why);
    } else {
        status = ebi_error(&why, EB_RETRIABLE, EB_KIND_SYSTEM, "out of memory");
    }
    if (status == EB_OK)
        return;
    free(pending);
    finish(consumer, inflight, status == EB_PERMANENT ? EB_PERMANENT : EB_RETRIABLE, &why);
}
