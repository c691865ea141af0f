/* core/signal/send.c - sends an event to its receivers. All of them run: their failures are collected, and none stops
 * the others, except in tests (eb_signal_allow_failure). */
#include <eventbus/signal.h>

#include <stdlib.h>

#include "base/bytes.h"
#include "base/error.h"
#include "signal/event.h"
#include "signal/receivers.h"

static void log_failures(struct ebi_log *log, const struct eb_event *event, const struct eb_outcome *outcome) {
    struct ebi_bytes text = { 0 };
    const struct ebi_log_field fields[] = { { "event_id", event->meta.id }, { "type", event->meta.type } };
    bool ok = ebi_bytes_add_format(&text, "%zu receiver(s) out of %zu produced errors", outcome->failed, outcome->receivers);

    for (size_t i = 0; ok && i < outcome->failed; i++)
        ok = ebi_bytes_add_format(&text, "; %s: %s", outcome->failures[i].receiver, outcome->failures[i].error.text);
    ebi_log_fields(log, EBI_ERROR, ok ? text.data : "receivers produced errors, and there is no memory to name them", fields,
                   2);
    ebi_bytes_free(&text);
}

enum eb_status eb_send(const struct eb_event *event, struct eb_outcome *outcome, struct eb_error *err) {
    struct eb_outcome own = { 0 };
    enum eb_status status;

    if (outcome)
        *outcome = own;
    if (ebi_is_null(event, "the event", err))
        return EB_PERMANENT;
    const struct eb_signal *signal = event->signal;
    if (ebi_is_parents(signal->all->forks, "the bus", err))
        return EB_FATAL;
    int switches = atomic_load(signal->switches);
    bool stop = switches & EBI_MAY_FAIL;
    if (!(switches & EBI_ENABLED))
        return EB_OK;
    status = ebi_data_complete(event->data, err);
    if (status != EB_OK) {
        ebi_error_context(err, "event %s of %s was not sent", event->meta.id, event->meta.type);
        return status;
    }
    status = ebi_receivers_run(signal->all->receivers, event, stop, &own, err);
    if (status == EB_OK)
        status = ebi_receivers_run(signal->receivers, event, stop, &own, err);
    if (outcome) {
        *outcome = own;
        return status;
    }
    if (own.failed && !stop)
        log_failures(signal->all->log, event, &own);
    eb_outcome_free(&own);
    return status;
}
