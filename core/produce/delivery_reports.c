/* core/produce/delivery_reports.c - what became of each message: from the plugin's report to the caller's callback. See
 * sender_state.h. */
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"
#include "plugin/message.h"
#include "produce/sender_state.h"

void ebi_sender_on_delivered(const struct eb_host *host, const struct eb_delivery *theirs) {
    struct ebi_sender *sender = EBI_INSTANCE_OWNER(host, struct ebi_sender, instance);
    struct eb_delivery delivery;

    ebi_sized_copy(&delivery, sizeof delivery, theirs);
    struct ebi_outbound_message *out = (struct ebi_outbound_message *)(uintptr_t)delivery.token;
    ebi_outbound_message_report(out, &delivery);
    out->next_report = NULL;
    pthread_mutex_lock(&sender->report_lock);
    *sender->reports_end = out;
    sender->reports_end = &out->next_report;
    pthread_mutex_unlock(&sender->report_lock);
}

static void call_reported(struct ebi_outbound_message *out) {
    struct ebi_report report = {
        .message = &out->message,
        .status = out->status,
        .error = out->status == EB_OK ? NULL : out->error,
        .position = out->position,
        .maybe_stored = out->maybe_stored,
    };
    struct eb_error unknown;

    if (out->status != EB_OK && !report.error) {
        ebi_error(&unknown, out->status, EB_KIND_BROKER, "not delivered, and there was no memory to keep the reason");
        report.error = &unknown;
    }
    out->reported(out->arg, &report);
}

static struct ebi_outbound_message *take_reports(struct ebi_sender *sender) {
    pthread_mutex_lock(&sender->report_lock);
    struct ebi_outbound_message *reports = sender->reports;
    sender->reports = NULL;
    sender->reports_end = &sender->reports;
    pthread_mutex_unlock(&sender->report_lock);
    return reports;
}

/* Reports a list of messages to their callers, and frees their room. Without the lock. */
static void report_and_release(struct ebi_sender *sender, struct ebi_outbound_message *done) {
    struct ebi_outbound_message *out, *next;

    if (!done)
        return;
    EBI_ASSERT_NOT_HELD(&sender->lock);
    DL_FOREACH(done, out)
    call_reported(out);
    pthread_mutex_lock(&sender->lock);
    DL_FOREACH_SAFE(done, out, next)
    ebi_outbound_release(&sender->outbound, out);
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

/* Completes the report of a message that has failed for good: how long it was tried, and why the last attempt failed. */
static void set_failed(struct ebi_sender *sender, struct ebi_outbound_message *out, bool closing) {
    struct eb_error *err = out->error;
    int64_t waited = ebi_ticks_ms() - out->put_ms;

    if (!err && (err = malloc(sizeof *err))) {
        pthread_mutex_lock(&sender->lock);
        *err = sender->instance.link_error;
        pthread_mutex_unlock(&sender->lock);
        if (!err->text[0])
            ebi_error(err, EB_RETRIABLE, EB_KIND_BROKER, "broker %s did not take it", sender->broker->name);
        out->error = err;
    }
    out->status = EB_RETRIABLE;
    if (err) {
        err->status = EB_RETRIABLE;
        ebi_error_context(err,
                          closing ? "given up at close after %" PRId64 ".%" PRId64 " s"
                                  : "given up after %" PRId64 ".%" PRId64 " s (delivery_timeout)",
                          waited / 1000, waited % 1000 / 100);
    }
}

void ebi_sender_process_reports(struct ebi_sender *sender, bool final) {
    struct ebi_outbound_message *reports = take_reports(sender), *done = NULL, *out, *next;
    int64_t now = ebi_ticks_ms();

    if (!reports)
        return;
    pthread_mutex_lock(&sender->lock);
    LL_FOREACH_SAFE2(reports, out, next, next_report) {
        if (out->status == EB_OK)
            ebi_instance_works(&sender->instance);
        bool may_wait = out->status != EB_OK || sender->outbound.failed > 0; /* only then is a random number worth its price */
        if (ebi_outbound_reported(&sender->outbound, out, final, now, may_wait ? ebi_chance() : 0))
            DL_APPEND(done, out);
    }
    pthread_mutex_unlock(&sender->lock);
    DL_FOREACH(done, out)
    if (out->status == EB_RETRIABLE)
        set_failed(sender, out, final);
    report_and_release(sender, done);
}

void ebi_sender_expire(struct ebi_sender *sender, bool everything) {
    struct ebi_outbound_message *expired = NULL, *out;
    int64_t now = ebi_ticks_ms();

    pthread_mutex_lock(&sender->lock);
    while ((out = ebi_outbound_expired(&sender->outbound, now, everything)))
        DL_APPEND(expired, out);
    pthread_mutex_unlock(&sender->lock);
    DL_FOREACH(expired, out)
    set_failed(sender, out, everything);
    report_and_release(sender, expired);
}
