/* tests/unit/played.c - see played.h. It allocates nothing, so that memory runs out in the core alone. */
#include "played.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "played/ops.h"

struct played played;

static const struct eb_message *taken[MOST_SENT];       /* by the producer, not reported yet; its thread's own */
static size_t n_taken;
static bool revoked;

void played_pause(int ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* Whether this call is in trouble; says so. */
static bool troubled(struct trouble *trouble, struct eb_error *err) {
    if (atomic_load(&trouble->times) <= 0 || atomic_fetch_sub(&trouble->times, 1) <= 0)
        return false;
    if (err && !trouble->silent) {
        *err = (struct eb_error){.status = trouble->status, .kind = trouble->kind ? trouble->kind : EB_KIND_BROKER};
        snprintf(err->text, sizeof err->text, "the test wants it");
    }
    return true;
}

static void tell_link(const struct eb_host *host) {
    struct eb_error why = {.status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "nobody is at home"};

    atomic_fetch_add(&played.openings, 1);
    if (!played.mute)
        host->link(host, !played.down, played.down ? &why : NULL);
}

/* ---- Producer ---- */

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)settings;
    if (troubled(&played.open_producer, err))
        return played.open_producer.status;
    *self = &played;
    played.producer = host;
    tell_link(host);
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    size_t k = 0;

    (void)self;
    if (troubled(&played.submit, err))
        return played.submit.status;
    for (; k < n && (!played.submit_most || k < (size_t)played.submit_most) && n_taken < MOST_SENT; k++)
        taken[n_taken++] = batch[k];
    return (int64_t)k;
}

/* The value of a header, empty where there is none; how many there are. */
static int copy_header(const struct eb_message *message, const char *name, char *value, size_t room) {
    int found = 0;

    value[0] = '\0';
    for (size_t i = 0; i < message->n_headers; i++)
        if (message->headers[i].name.data && strcmp(message->headers[i].name.data, name) == 0) {
            snprintf(value, room, "%s", message->headers[i].value.data);
            found++;
        }
    return found;
}

static void keep(const struct eb_message *message) {
    int n = played.n_sent;

    if (n == MOST_SENT)
        return;
    snprintf(played.sent[n].id, sizeof played.sent[n].id, "%s", message->id.data ? message->id.data : "(none)");
    snprintf(played.sent[n].topic, sizeof played.sent[n].topic, "%s", message->topic.data);
    snprintf(played.sent[n].key, sizeof played.sent[n].key, "%s", message->key.data ? message->key.data : "(none)");
    played.sent[n].has_payload = message->payload.data != NULL;
    copy_header(message, "dlq_truncated", played.sent[n].truncated, sizeof played.sent[n].truncated);
    copy_header(message, "dlq_sha256", played.sent[n].digest, sizeof played.sent[n].digest);
    copy_header(message, "dlq_detail", played.sent[n].detail, sizeof played.sent[n].detail);
    played.sent[n].reasons = copy_header(message, "dlq_reason", played.sent[n].reason, sizeof played.sent[n].reason);
    played.n_sent = n + 1;
}

static void report(bool closing) {
    for (size_t i = 0; i < n_taken; i++) {
        struct eb_error why = {.status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "closed"};
        struct eb_delivery delivery = {.size = sizeof delivery, .token = taken[i]->token};

        if (atomic_load(&played.refuse_silently) > 0) {
            atomic_fetch_sub(&played.refuse_silently, 1);
            delivery.status = EB_RETRIABLE;
        } else if (closing || troubled(&played.report, &why)) {
            delivery.status = why.status;
            delivery.error = &why;
        } else {
            keep(taken[i]);
        }
        played.producer->delivered(played.producer, &delivery);
    }
    n_taken = 0;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    (void)self;
    if (troubled(&played.poll, err))
        return played.poll.status;
    if (n_taken == 0 || played.hold)
        played_pause(timeout_ms < 2 ? timeout_ms : 2);
    if (!played.hold)
        report(false);
    return EB_OK;
}

static void count_wake(void *self) {
    (void)self;
    atomic_fetch_add(&played.wakes, 1);
}

static void producer_close(void *self, int32_t timeout_ms) {
    (void)self, (void)timeout_ms;
    atomic_fetch_add(&played.closings, 1);
    report(true);
}

/* ---- Consumer ---- */

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *to, void **self,
                             struct eb_error *err) {
    (void)settings, (void)to;
    if (troubled(&played.open_consumer, err))
        return played.open_consumer.status;
    *self = &played;
    played.consumer = host;
    for (size_t i = 0; i < played.n_events; i++)
        if (played.events[i].state == OUT)
            played.events[i].state = THERE;
    tell_link(host);
    return EB_OK;
}

static struct eb_text text(const char *text) {
    return (struct eb_text){text, text ? strlen(text) : 0};
}

static char *write_long(char *at, size_t number) {
    for (number <<= 1; number >= 0x80; number >>= 7)
        *at++ = (char)(0x80 | (number & 0x7f));
    *at++ = (char)number;
    return at;
}

/* A login as Avro writes it: a long, a boolean, three texts. */
static size_t write_login(char *to, size_t user, size_t name_len) {
    char *at = to;

    at = write_long(at, user);
    memcpy(at, "\x01\x02" "a" "\x02" "b", 5);
    at += 5;
    at = write_long(at, name_len);
    memset(at, 'c', name_len);
    return (size_t)(at - to) + name_len;
}

static int32_t hand_over(size_t i) {
    struct played_event *event = &played.events[i];
    const char *type = event->type ? event->type : "org.openedx.learning.auth.session.login.completed.v1";
    static const char bulk[40000];
    static struct eb_header headers[MOST_ITEMS] = {{{"bulk", 4}, {bulk, sizeof bulk}}, {{"dlq_reason", 10}, {"old", 3}}},
                            attrs[MOST_ITEMS];
    static char body[MOST_NAME + 20];
    struct eb_schema schema;
    char id[40], position[24];
    size_t len = write_login(body, i, event->name_len ? event->name_len : 1);

    attrs[0] = (struct eb_header){text("type"), {type, event->type_len ? event->type_len : strlen(type)}};
    attrs[1] = (struct eb_header){text("id"), {id, 36}};
    attrs[2] = (struct eb_header){text("time"), text("2026-11-25T10:00:00+00:00")};
    for (int a = 0; a < 3; a++)
        if (event->lacks && strcmp(attrs[a].name.data, event->lacks) == 0)
            attrs[a].value = text(NULL);
    if (played.own_schemas) {
        schema = *played.schema;
        schema.id += i;
        schema.json.len += played.own_lengths ? i : 0;
    }
    snprintf(id, sizeof id, "00000000-0000-1000-8000-%012d", (int)i);
    snprintf(position, sizeof position, "%d", (int)i + (played.moves ? 100000 * (int)++event->times : 0));
    event->deliveries += played.counts_deliveries;
    struct eb_message message = {
        .size = sizeof message, .token = i + 1, .topic = text("t"), .position = text(event->nowhere ? NULL : position),
        .id = {id, 36}, .key = text(event->key), .payload = {body, event->broken ? 3 : len},
        .schema = played.own_schemas ? &schema : played.schema, .attrs = attrs, .n_attrs = event->n_attrs ? event->n_attrs : 3, .headers = headers,
        .n_headers = event->n_headers, .deliveries = event->deliveries, .failures = event->failures,
        .lease_ms = played.lease_ms ? played.lease_ms - (uint32_t)i : 0,
    };
    return played.consumer->received(played.consumer, &message);
}

static void revoke_all(void) {
    static uint64_t tokens[MOST_EVENTS + 1];
    size_t n = 0;

    for (size_t i = 0; i < played.n_events; i++)
        if (played.events[i].state == OUT)
            tokens[n++] = i + 1;
    tokens[n++] = 4711;                 /* nobody has that */
    revoked = true;
    played.consumer->revoke(played.consumer, tokens, n, 100);
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    uint32_t given = 0;
    size_t settled = 0;
    bool full = false;

    (void)self;
    if (troubled(&played.receive, err))
        return played.receive.status;
    for (size_t i = 0; i < played.n_events; i++) {
        if (played.events[i].state == HELD && !played.hold_retries)
            played.events[i].state = THERE;
        if (played.events[i].state == THERE && (given < max || played.greedy) && !full) {
            full = hand_over(i) != EB_OK;               /* offered again, before the next one */
            played.events[i].state = full ? THERE : OUT;
            given += !full;
        }
        settled += played.events[i].state == SETTLED;
    }
    if (given && played.revokes && !revoked)
        revoke_all();
    if (settled == played.n_events)
        return EB_END;
    if (!given)
        played_pause(timeout_ms < 2 ? timeout_ms : 2);
    return given ? EB_OK : EB_EMPTY;
}

static void count_failure(struct played_event *event, uint32_t kind) {
    switch (played.counting) {
    case COUNTS_ALL:
        event->failures += kind == EB_RETRY;
        break;
    case COUNTS_NONE:
        break;
    case COUNTS_ONE:
        event->failures = event->failures || kind == EB_RETRY;
        break;
    case COUNTS_ANEW:
        event->failures = kind == EB_RETRY ? (event->failures + 1) % 3 : event->failures;
        break;
    case COUNTS_TWICE:
        event->failures += kind == EB_RETRY ? 2 : 0;
        break;
    case COUNTS_DELIVERIES:
        event->failures++;
    }
}

static void settle_one(const struct eb_verdict *verdict) {
    struct played_event *event = &played.events[verdict->token - 1];
    bool late = played.late && verdict->kind == EB_ACK;

    event->state = verdict->kind == EB_ACK ? SETTLED : verdict->kind == EB_RETRY && played.hold_retries ? HELD : THERE;
    count_failure(event, verdict->kind);
    atomic_fetch_add(&played.returned, verdict->kind == EB_RETURN);
    for (int times = played.repeats_itself ? 2 : 1; times > 0; times--)
        played.consumer->settled(played.consumer, &verdict->token, 1, late ? EB_GONE : EB_OK);
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    (void)self;
    for (size_t i = 0; i < n; i++) {
        if (verdicts[i].kind == EB_EXTEND)
            atomic_fetch_add(&played.extensions, 1);
        else
            settle_one(&verdicts[i]);
    }
    return troubled(&played.settle, err) ? played.settle.status : EB_OK;
}

static void consumer_close(void *self, int32_t timeout_ms) {
    (void)self, (void)timeout_ms;
    atomic_fetch_add(&played.closings, 1);
}

/* ---- Admin ---- */

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)settings, (void)host;
    *self = &played;
    return troubled(&played.open_admin, err) ? played.open_admin.status : EB_OK;
}

static int32_t admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    (void)self, (void)topic, (void)partitions, (void)timeout_ms;
    if (troubled(&played.create, err))
        return played.create.status;
    if (!(flags & EB_DRY_RUN))
        atomic_fetch_add(&played.created, 1);
    return EB_OK;
}

static void admin_close(void *self) {
    (void)self;
}

static const struct played_ops all_ops = {
    .producer = {.open = producer_open, .submit = producer_submit, .poll = producer_poll, .wake = count_wake,
                 .close = producer_close},
    .consumer = {.open = consumer_open, .receive = consumer_receive, .settle = consumer_settle, .wake = count_wake,
                 .close = consumer_close},
    .admin = {.open = admin_open, .create = admin_create, .close = admin_close},
};

const char *played_on(const char *plugin, const char *other, const char *sections) {
    static char text[8000];
    long long ops = (long long)(intptr_t)&all_ops;
    int len = snprintf(text, sizeof text, "%s[broker m]\nplugin = %s\nops = %lld\n", sections, plugin, ops);

    if (other)
        snprintf(text + len, sizeof text - (size_t)len, "[broker n]\nplugin = %s\nops = %lld\n", other, ops);
    return text;
}

void played_begin(void) {
    memset(&played, 0, sizeof played);
    n_taken = 0;
    revoked = false;
}
