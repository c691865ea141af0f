/* conform/host/producer.c - producers of the plugin under test, and the promises that hold for each of their calls. */
#include "host/instance.h"

#include <stdio.h>
#include <string.h>

struct ebc_producer {
    struct ebc_instance in;
    const struct eb_producer_ops *ops;
    void (*watch)(struct ebc_test *, const struct ebc_event *);
};

static struct ebc_producer *producer_of(struct ebc_instance *in) {
    return (struct ebc_producer *)in; /* its first member */
}

/* ---- reports ---- */

static void check_fields(struct ebc_test *t, const struct eb_delivery *report) {
    bool stored = report->status == EB_OK;

    if (report->status != EB_OK && report->status != EB_RETRIABLE && report->status != EB_PERMANENT)
        ebc_note(t, EBC_REPORT_FIELDS, "expected status EB_OK, EB_RETRIABLE or EB_PERMANENT in a report; came %d",
                 report->status);
    if (!stored && (!report->error || !report->error->text[0]))
        ebc_note(t, EBC_REPORT_FIELDS, "expected an error with a report of status %d; came none", report->status);
    if (stored && report->error)
        ebc_note(t, EBC_REPORT_FIELDS, "expected no error with a report of EB_OK; came \"%s\"", report->error->text);
    if (report->position.data && !ebc_is_printable(report->position))
        ebc_note(t, EBC_POSITION, "expected a printable position; came %zu bytes that are not", report->position.len);
}

/* Lock held. Notes the report with its event. Returns the event when the report is its first and is right. */
static struct ebc_event *first_report(struct ebc_producer *p, uint64_t token, const char **wrong) {
    struct ebc_test *t = p->in.t;
    struct ebc_event *event = token > 0 && token <= t->n_events ? t->events[token - 1] : NULL;

    ebc_assert_locked(t);
    *wrong = !event || event->by != p ? "a report of a message that this producer did not take"
             : event->reports > 0     ? "another report of a message that was reported before"
                                      : NULL;
    if (event && event->by == p)
        event->reports++;
    return *wrong ? NULL : event;
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *from) {
    struct ebc_producer *p = producer_of(host->core);
    struct ebc_test *t = p->in.t;
    struct eb_delivery report = { 0 };
    struct ebc_event *event;
    const char *wrong, *position;

    if (!ebc_instance_called(&p->in, "delivered"))
        return;
    memcpy(&report, from, from->size < sizeof report ? from->size : sizeof report);
    check_fields(t, &report);
    position = report.position.data ? ebc_format(t, "%.*s", (int)report.position.len, report.position.data) : NULL;
    pthread_mutex_lock(&t->lock);
    event = first_report(p, report.token, &wrong);
    if (event) {
        event->status = report.status;
        event->maybe_stored = report.maybe_stored;
        event->position = position;
        snprintf(event->error, sizeof event->error, "%.190s", report.error ? report.error->text : "");
    }
    pthread_mutex_unlock(&t->lock);
    if (event && report.status == EB_OK && p->watch)
        p->watch(t, event);
    if (wrong)
        ebc_note(t, EBC_REPORTED_ONCE, "expected one report of each message taken; came %s (token %llu, status %d)", wrong,
                 (unsigned long long)report.token, report.status);
}

/* ---- ops ---- */

static void close_producer(struct ebc_instance *in) {
    ebc_close_producer(producer_of(in), 1000);
}

struct ebc_producer *ebc_producer(struct ebc_test *t) {
    struct ebc_producer *p = ebc_alloc(t, sizeof *p);
    struct eb_error err = { 0 };
    int32_t status;

    p->ops = t->plugin.producer;
    ebc_instance_init(t, &p->in, "the producer", close_producer);
    p->in.host.delivered = on_delivered;
    ebc_op_begins(t, 0, "open of the producer");
    status = p->ops->open(&p->in.host, t->settings, &p->in.self, &err);
    ebc_op_ended(t);
    ebc_instance_opened(&p->in, status, &err);
    return p;
}

int32_t ebc_poll(struct ebc_producer *p, int32_t timeout_ms) {
    struct eb_error err = { 0 };
    int32_t status;

    assert(p->in.open);
    ebc_op_begins(p->in.t, timeout_ms, "poll(%d ms)", timeout_ms);
    status = p->ops->poll(p->in.self, timeout_ms, &err);
    ebc_op_ended(p->in.t);
    ebc_instance_worked(&p->in, "poll", status, &err);
    return status;
}

/* Marks who took the events of the range; NULL: nobody. */
static void own(struct ebc_producer *p, struct ebc_range span, struct ebc_producer *owner) {
    struct ebc_test *t = p->in.t;

    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < span.n; i++)
        ebc_event(t, span, i)->by = owner;
    pthread_mutex_unlock(&t->lock);
}

/* Calls submit once. Returns how many messages it took. */
static size_t submit_once(struct ebc_producer *p, struct ebc_range span) {
    struct ebc_test *t = p->in.t;
    const struct eb_message *batch[100];
    struct eb_error err = { 0 };
    int64_t taken;

    span.n = span.n < 100 ? span.n : 100;
    for (size_t i = 0; i < span.n; i++)
        batch[i] = &ebc_event(t, span, i)->message;
    own(p, span, p);
    ebc_op_begins(t, 0, "submit of %zu messages", span.n);
    taken = p->ops->submit(p->in.self, batch, span.n, &err);
    ebc_op_ended(t);
    ebc_instance_worked(&p->in, "submit", (int32_t)(taken < 0 ? taken : 0), &err);
    if ((size_t)taken > span.n)
        ebc_break(t, EBC_SUBMIT_TAKES, "expected submit to take up to %zu; came %lld", span.n, (long long)taken);
    span.first += (size_t)taken;
    span.n -= (size_t)taken;
    if (ebc_unreported(t, span) < span.n)
        ebc_break(t, EBC_REPORTED_ONCE,
                  "expected reports of taken messages only; came one of a message after the %lld "
                  "that submit took",
                  (long long)taken);
    own(p, span, NULL);
    return (size_t)taken;
}

void ebc_submit(struct ebc_producer *p, struct ebc_range span) {
    struct ebc_test *t = p->in.t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    while (span.n > 0) {
        struct ebc_range some = { span.first, 1 + ebc_random_below(&t->random, span.n) };
        size_t taken = submit_once(p, some);

        span.first += taken;
        span.n -= taken;
        if (taken == 0 && ebc_monotonic_ms() > end)
            ebc_break(t, EBC_SUBMIT_TAKES,
                      "expected room for more messages within %lld ms of polling; came none for "
                      "%zu",
                      (long long)t->patience_ms, span.n);
        if (taken == 0)
            ebc_poll(p, 50);
        else
            end = ebc_monotonic_ms() + t->patience_ms;
    }
}

size_t ebc_unreported(struct ebc_test *t, struct ebc_range span) {
    size_t n = 0;

    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < span.n; i++)
        n += ebc_event(t, span, i)->reports == 0;
    pthread_mutex_unlock(&t->lock);
    return n;
}

void ebc_submit_and_wait(struct ebc_producer *p, struct ebc_range span) {
    struct ebc_test *t = p->in.t;
    int64_t end;
    size_t left, before = SIZE_MAX;

    ebc_submit(p, span);
    end = ebc_monotonic_ms() + t->patience_ms;
    while ((left = ebc_unreported(t, span)) > 0) {
        if (left < before)
            end = ebc_monotonic_ms() + t->patience_ms; /* there is progress */
        before = left;
        if (ebc_monotonic_ms() > end)
            ebc_break(t, EBC_REPORTED_ONCE,
                      "expected a report of each message within %lld ms of polling; came none of "
                      "%zu among %zu",
                      (long long)t->patience_ms, left, span.n);
        ebc_poll(p, 50);
    }
}

void ebc_forget_report(struct ebc_test *t, struct ebc_event *event) {
    pthread_mutex_lock(&t->lock);
    event->reports = 0;
    pthread_mutex_unlock(&t->lock);
}

/* Submits an event again that was reported EB_RETRIABLE and is certainly not stored. Returns whether it did. */
static bool submit_again(struct ebc_producer *p, struct ebc_event *event) {
    if (event->status != EB_RETRIABLE || event->maybe_stored)
        return false;
    ebc_forget_report(p->in.t, event);
    ebc_submit_and_wait(p, ebc_range_of(event));
    return true;
}

void ebc_send(struct ebc_producer *p, struct ebc_range span) {
    struct ebc_test *t = p->in.t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;

    ebc_submit_and_wait(p, span);
    for (size_t i = 0; i < span.n; i++) {
        struct ebc_event *event = ebc_event(t, span, i);
        while (event->status != EB_OK && ebc_monotonic_ms() < end && submit_again(p, event))
            ebc_poll(p, 50);
        if (event->status != EB_OK)
            ebc_break(t, EBC_STORED, "expected event %zu to be stored; came status %d: %s", event->number, event->status,
                      event->error);
    }
}

size_t ebc_resubmit(struct ebc_producer *p, struct ebc_event *event) {
    struct ebc_test *t = p->in.t;
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t times = 0;

    while (event->status == EB_RETRIABLE && ebc_monotonic_ms() < end) {
        ebc_forget_report(t, event);
        ebc_submit_and_wait(p, ebc_range_of(event));
        times++;
    }
    if (event->status != EB_OK)
        ebc_break(t, EBC_RESUBMIT,
                  "expected event %zu, submitted again with its send id, to be reported EB_OK; came status %d: %s",
                  event->number, event->status, event->error);
    return times;
}

void ebc_send_through_new(struct ebc_test *t, struct ebc_range span) {
    struct ebc_producer *p = ebc_producer(t);

    ebc_send(p, span);
    ebc_close_producer(p, 1000);
}

void ebc_watch_reports(struct ebc_producer *p, void (*watch)(struct ebc_test *, const struct ebc_event *)) {
    p->watch = watch;
}

void ebc_wake_producer(struct ebc_producer *p) {
    p->ops->wake(p->in.self);
}

static size_t taken_unreported(struct ebc_producer *p) {
    struct ebc_test *t = p->in.t;
    size_t n = 0;

    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->n_events; i++)
        n += t->events[i]->by == p && t->events[i]->reports == 0;
    pthread_mutex_unlock(&t->lock);
    return n;
}

void ebc_close_producer(struct ebc_producer *p, int32_t timeout_ms) {
    size_t left;

    assert(p->in.open);
    ebc_op_begins(p->in.t, timeout_ms, "close(%d ms) of the producer", timeout_ms);
    p->ops->close(p->in.self, timeout_ms);
    ebc_op_ended(p->in.t);
    ebc_instance_closed(&p->in);
    left = taken_unreported(p);
    if (left > 0)
        ebc_note(p->in.t, EBC_CLOSE_REPORTS,
                 "expected close(%d) to report all that was taken; came no report of %zu "
                 "messages",
                 timeout_ms, left);
}
