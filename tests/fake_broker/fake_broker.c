/* tests/fake_broker/fake_broker.c - see fake_broker.h. The file beside it that includes this one is the plugin: it says what
 * the broker is called and what it lacks. Included by none, it is "fake". It allocates nothing, so that in tests where memory
 * runs out it runs out in the core. */
#include "fake_broker.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#ifndef NAME
#define NAME "fake"
#define TRAITS (EB_T_ORDER | EB_T_HISTORY)
#endif

static struct fake_broker *fake; /* of the last instance that was opened */

static inline void pause_ms(int ms) {
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* Whether the test has injected a fault into this call; fills in the error. */
static bool injected(struct fault *fault, struct eb_error *err) {
    if (atomic_load(&fault->times) <= 0 || atomic_fetch_sub(&fault->times, 1) <= 0)
        return false;
    if (err && !fault->silent) {
        *err = (struct eb_error){ .status = fault->status, .kind = fault->kind ? fault->kind : EB_KIND_BROKER };
        snprintf(err->text, sizeof err->text, "the test wants it");
    }
    return true;
}

/* ---- Settings ---- */

struct settings {
    int64_t state, events, mute, talks, lacks, receive, report;
};

#define FAULT(name)                                                                                                            \
    {                                                                                                                          \
        .key = #name, .type = EB_OPT_CHOICE, .choices = "works|retriable|permanent|fatal", .fallback = "works",                \
        .help = "how each " #name " ends", .offset = offsetof(struct settings, name)                                           \
    }
/* clang-format off */
static const struct eb_option options[] = {
    {.key = "state", .type = EB_OPT_INT, .fallback = "0", .offset = offsetof(struct settings, state),
     .help = "address of the test's struct fake_broker; 0: the other options make one"},
    {.key = "events", .type = EB_OPT_INT, .fallback = "0", .max = MOST_EVENTS, .offset = offsetof(struct settings, events),
     .help = "how many events it has"},
    {.key = "mute", .type = EB_OPT_BOOL, .fallback = "no", .offset = offsetof(struct settings, mute), .help = "says nothing of its link"},
    {.key = "talks", .type = EB_OPT_BOOL, .fallback = "no", .offset = offsetof(struct settings, talks),
     .help = "logs that it was opened, and which messages were submitted"},
    {.key = "lacks", .type = EB_OPT_INT, .fallback = "0", .max = UINT32_MAX, .offset = offsetof(struct settings, lacks),
     .help = "traits that it does not have with these settings"},
    FAULT(receive), FAULT(report),
};
/* clang-format on */

static void inject(struct fault *fault, int64_t choice) {
    static const int32_t statuses[] = { EB_OK, EB_RETRIABLE, EB_PERMANENT, EB_FATAL };

    fault->status = statuses[choice];
    fault->times = choice ? INT_MAX : 0;
}

/* The test's broker, or one of this process's own. */
static void use(const void *settings) {
    static struct fake_broker own;
    const struct settings *set = settings;

    fake = set->state ? (struct fake_broker *)(intptr_t)set->state : &own;
    if (set->state)
        return;
    own.n_events = (size_t)set->events;
    own.mute = set->mute;
    own.talks = set->talks;
    inject(&own.receive, set->receive);
    inject(&own.report, set->report);
}

static inline uint32_t traits_for(const void *settings) {
    const struct settings *set = settings;

    return (uint32_t)(TRAITS & ~(uint64_t)set->lacks);
}

static inline void count_wake(void *self) {
    (void)self;
    atomic_fetch_add(&fake->wakes, 1);
}

static inline void tell_link(const struct eb_host *host) {
    struct eb_error why = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "the test wants no link" };

    atomic_fetch_add(&fake->openings, 1);
    if (fake->talks)
        host->log(host, 4, "opened");
    if (!fake->mute)
        host->link(host, !fake->down, fake->down ? &why : NULL);
}

#ifndef WITHOUT_PRODUCER
/* ---- Producer ---- */

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    use(settings);
    if (injected(&fake->open_producer, err))
        return fake->open_producer.status;
    *self = fake;
    fake->producer = host;
    tell_link(host);
    return EB_OK;
}

static void copy_send_id(char to[65], const struct eb_message *message) {
    snprintf(to, 65, "%s", message->send_id.data ? message->send_id.data : "(none)");
}

static void tell_submitted(const struct eb_message *message) {
    char line[200];

    snprintf(line, sizeof line, "submitted %.40s as send %.64s", message->id.data ? message->id.data : "(none)",
             message->send_id.data ? message->send_id.data : "(none)");
    fake->producer->log(fake->producer, 4, line);
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    size_t k = 0;

    (void)self;
    if (injected(&fake->submit, err))
        return fake->submit.status;
    for (; k < n && (!fake->submit_most || k < (size_t)fake->submit_most) && fake->n_taken < MOST_SENT; k++) {
        if (fake->talks)
            tell_submitted(batch[k]);
        if (fake->n_submitted < MOST_SUBMITTED)
            copy_send_id(fake->submitted[fake->n_submitted++], batch[k]);
        fake->taken[fake->n_taken++] = batch[k];
    }
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
    int n = fake->n_sent;

    if (n == MOST_SENT)
        return;
    snprintf(fake->sent[n].id, sizeof fake->sent[n].id, "%s", message->id.data ? message->id.data : "(none)");
    snprintf(fake->sent[n].topic, sizeof fake->sent[n].topic, "%s", message->topic.data);
    snprintf(fake->sent[n].key, sizeof fake->sent[n].key, "%s", message->key.data ? message->key.data : "(none)");
    copy_send_id(fake->sent[n].send_id, message);
    fake->sent[n].has_payload = message->payload.data != NULL;
    copy_header(message, "dlq_truncated", fake->sent[n].truncated, sizeof fake->sent[n].truncated);
    copy_header(message, "dlq_sha256", fake->sent[n].digest, sizeof fake->sent[n].digest);
    copy_header(message, "dlq_detail", fake->sent[n].detail, sizeof fake->sent[n].detail);
    fake->sent[n].reasons = copy_header(message, "dlq_reason", fake->sent[n].reason, sizeof fake->sent[n].reason);
    fake->n_sent = n + 1;
}

static void report(bool closing) {
    for (size_t i = 0; i < fake->n_taken; i++) {
        struct eb_error why = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "closed" };
        struct eb_delivery delivery = { .size = sizeof delivery, .token = fake->taken[i]->token };

        if (atomic_load(&fake->refuse_silently) > 0) {
            atomic_fetch_sub(&fake->refuse_silently, 1);
            delivery.status = EB_RETRIABLE;
        } else if (closing || injected(&fake->report, &why)) {
            delivery.status = why.status;
            delivery.error = &why;
        } else {
            keep(fake->taken[i]);
        }
        fake->producer->delivered(fake->producer, &delivery);
    }
    fake->n_taken = 0;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    (void)self;
    fake->n_polls++;
    if (injected(&fake->poll, err))
        return fake->poll.status;
    if (fake->n_taken == 0 || fake->hold_reports)
        pause_ms(timeout_ms < 2 ? timeout_ms : 2);
    if (!fake->hold_reports)
        report(false);
    return EB_OK;
}

static void producer_close(void *self, int32_t timeout_ms) {
    (void)self, (void)timeout_ms;
    atomic_fetch_add(&fake->closings, 1);
    report(true);
}

/* clang-format off */
const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer, .traits = TRAITS, .open = producer_open, .submit = producer_submit,
    .poll = producer_poll, .wake = count_wake, .close = producer_close, .traits_for = traits_for,
};
/* clang-format on */
#endif

#ifndef WITHOUT_CONSUMER
/* ---- Consumer ---- */

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *to, void **self,
                             struct eb_error *err) {
    (void)to;
    use(settings);
    if (injected(&fake->open_consumer, err))
        return fake->open_consumer.status;
    *self = fake;
    fake->consumer = host;
    for (size_t i = 0; i < fake->n_events; i++)
        if (fake->events[i].state == IN_FLIGHT)
            fake->events[i].state = WAITING;
    tell_link(host);
    return EB_OK;
}

static struct eb_text text(const char *text) {
    return (struct eb_text){ text, text ? strlen(text) : 0 };
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
    memcpy(at,
           "\x01\x02"
           "a"
           "\x02"
           "b",
           5);
    at += 5;
    at = write_long(at, name_len);
    memset(at, 'c', name_len);
    return (size_t)(at - to) + name_len;
}

static int32_t deliver(size_t i) {
    struct fake_event *event = &fake->events[i];
    const char *type = event->type ? event->type : "org.openedx.learning.auth.session.login.completed.v1";
    static const char bulk[40000];
    static struct eb_header headers[MOST_ITEMS] = { { { "bulk", 4 }, { bulk, sizeof bulk } },
                                                    { { "dlq_reason", 10 }, { "old", 3 } } },
                            report[] = { { { "dlq_reason", 10 }, { "old", 3 } },
                                         { { "dlq_sha256", 10 }, { "abc", 3 } },
                                         { { "dlq_topic", 9 }, { "there", 5 } },
                                         { { "dlq_truncated", 13 }, { "headers, data", 13 } } },
                            attrs[MOST_ITEMS];
    static char body[MOST_NAME + 20];
    struct eb_schema schema;
    char id[40], position[24];
    size_t len = write_login(body, i, event->name_len ? event->name_len : 1);

    attrs[0] = (struct eb_header){ text("type"), { type, event->type_len ? event->type_len : strlen(type) } };
    attrs[1] = (struct eb_header){ text("id"), { id, 36 } };
    attrs[2] = (struct eb_header){ text("time"), text("2026-11-25T10:00:00+00:00") };
    for (int a = 0; a < 3; a++)
        if (event->lacks && strcmp(attrs[a].name.data, event->lacks) == 0)
            attrs[a].value = text(NULL);
    if (fake->own_schemas) {
        schema = *fake->schema;
        schema.id += i;
        schema.json.len += fake->own_lengths ? i : 0;
    }
    snprintf(id, sizeof id, "00000000-0000-1000-8000-%012d", (int)i);
    snprintf(position, sizeof position, "%d", (int)i + (fake->moves ? 100000 * (int)++event->times : 0));
    event->deliveries += fake->counts_deliveries;
    /* clang-format off */
    struct eb_message message = {
        .size = sizeof message, .token = i + 1, .topic = text("t"), .position = text(event->nowhere ? NULL : position),
        .id = {id, 36}, .key = text(event->key), .payload = {body, event->lacks_data ? 0 : event->broken ? 3 : len},
        .schema = fake->own_schemas ? &schema : fake->schema, .attrs = attrs, .n_attrs = event->n_attrs ? event->n_attrs : 3, .headers = event->lacks_data ? report : headers,
        .n_headers = event->lacks_data ? sizeof report / sizeof *report : event->n_headers, .deliveries = event->deliveries, .failures = event->failures,
        .lease_ms = fake->lease_ms ? fake->lease_ms - (uint32_t)i : 0,
    };
    /* clang-format on */
    return fake->consumer->received(fake->consumer, &message);
}

static void revoke_all(void) {
    static uint64_t tokens[MOST_EVENTS + 1];
    size_t n = 0;

    for (size_t i = 0; i < fake->n_events; i++)
        if (fake->events[i].state == IN_FLIGHT)
            tokens[n++] = i + 1;
    tokens[n++] = 4711; /* nobody has that */
    fake->has_revoked = true;
    fake->consumer->revoke(fake->consumer, tokens, n, 100);
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    uint32_t given = 0;
    size_t settled = 0;
    bool full = false;

    (void)self;
    if (injected(&fake->receive, err))
        return fake->receive.status;
    pause_ms(atomic_exchange(&fake->stays_ms, 0));
    for (size_t i = 0; i < fake->n_events; i++) {
        if (fake->events[i].state == DELAYED && !fake->delay_retries)
            fake->events[i].state = WAITING;
        if (fake->events[i].state == WAITING && (given < max || fake->greedy) && !full) {
            full = deliver(i) != EB_OK; /* offered again, before the next one */
            fake->events[i].state = full ? WAITING : IN_FLIGHT;
            given += !full;
        }
        settled += fake->events[i].state == SETTLED;
    }
    if (given && fake->revokes && !fake->has_revoked)
        revoke_all();
    if (settled == fake->n_events)
        return EB_END;
    if (!given)
        pause_ms(timeout_ms < 2 ? timeout_ms : 2);
    return given ? EB_OK : EB_EMPTY;
}

static void count_failure(struct fake_event *event, uint32_t kind) {
    switch (fake->counting) {
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
    struct fake_event *event = &fake->events[verdict->token - 1];
    bool late = fake->late && verdict->kind == EB_ACK;

    event->state = verdict->kind == EB_ACK ? SETTLED : verdict->kind == EB_RETRY && fake->delay_retries ? DELAYED : WAITING;
    count_failure(event, verdict->kind);
    atomic_fetch_add(&fake->returned, verdict->kind == EB_RETURN);
    for (int times = fake->repeats_itself ? 2 : 1; times > 0; times--)
        fake->consumer->settled(fake->consumer, &verdict->token, 1, late ? EB_GONE : EB_OK);
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    (void)self;
    for (size_t i = 0; i < n; i++) {
        if (verdicts[i].kind == EB_EXTEND)
            atomic_fetch_add(&fake->extensions, 1);
        else
            settle_one(&verdicts[i]);
    }
    return injected(&fake->settle, err) ? fake->settle.status : EB_OK;
}

static void consumer_close(void *self, int32_t timeout_ms) {
    (void)self, (void)timeout_ms;
    atomic_fetch_add(&fake->closings, 1);
}

/* clang-format off */
const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer, .traits = TRAITS, .open = consumer_open, .receive = consumer_receive,
    .settle = consumer_settle, .wake = count_wake, .close = consumer_close, .traits_for = traits_for,
};
/* clang-format on */
#endif

#ifndef WITHOUT_ADMIN
/* ---- Admin ---- */

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)host;
    use(settings);
    *self = fake;
    return injected(&fake->open_admin, err) ? fake->open_admin.status : EB_OK;
}

#ifndef WITHOUT_CREATE
static int32_t admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                            struct eb_error *err) {
    (void)self, (void)topic, (void)partitions, (void)timeout_ms;
    if (injected(&fake->create, err))
        return fake->create.status;
    if (!(flags & EB_DRY_RUN))
        atomic_fetch_add(&fake->created, 1);
    return EB_OK;
}
#endif

static void admin_close(void *self) {
    (void)self;
}

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .open = admin_open,
#ifndef WITHOUT_CREATE
    .create = admin_create,
#endif
    .close = admin_close,
};
#endif

/* clang-format off */
const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .abi_minor = EB_ABI_MINOR, .name = NAME, .version = "1",
    .summary = "Does what the test wants", .options = options, .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0], .settings_size = sizeof(struct settings),
};
/* clang-format on */
