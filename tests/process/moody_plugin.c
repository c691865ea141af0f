/* tests/process/moody_plugin.c - a broker within the process that does, once and when told to, what a real one does rarely:
 * it fails for good, forgets who holds what, takes events away, refuses what is sent to it. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <eventbus/plugin.h>

enum { MOST = 100 };
enum state { WAITING, OUT, DONE };

struct settings {
    int64_t events;             /* how many it has */
    int64_t fatal_after;        /* the receive after so many handed over is EB_FATAL, once */
    int64_t no_opening;         /* so many openings after that fail */
    int64_t gone;               /* so many acknowledgements come too late */
    int64_t revoke_after;       /* takes all away, once, when so many are out */
    int64_t settle_fails;       /* so many settles answer that they failed */
    int64_t receive;            /* what receive answers: as it should, permanent */
    int64_t sent;               /* what becomes of what is sent: stored, refused, permanent */
    int64_t sent_fails;         /* with refused: so many times */
};

#define NUMBER(name) { .key = #name, .type = EB_OPT_INT, .fallback = "0", .help = #name, .offset = offsetof(struct settings, name) }
static const struct eb_option options[] = {
    NUMBER(events), NUMBER(fatal_after), NUMBER(no_opening), NUMBER(gone), NUMBER(revoke_after), NUMBER(settle_fails),
    NUMBER(sent_fails),
    {.key = "receive", .type = EB_OPT_CHOICE, .choices = "well|permanent", .fallback = "well", .help = "what receive says",
     .offset = offsetof(struct settings, receive)},
    {.key = "sent", .type = EB_OPT_CHOICE, .choices = "stored|refused|permanent", .fallback = "stored",
     .help = "what becomes of what is sent", .offset = offsetof(struct settings, sent)},
};

/* What outlives an instance; the worker's thread alone looks at it. */
static struct {
    enum state state[MOST];
    int64_t handed, gone, openings, settle_fails;
    int failed, revoked;
} store;

struct instance {
    const struct eb_host *host;
    const struct settings *set;
    const struct eb_message *taken[MOST];
    size_t n;
};

/* Of the producer's thread alone. */
static int64_t sent_fails;

static int32_t fail(struct eb_error *err, int32_t status, const char *text) {
    err->status = status;
    err->kind = EB_KIND_BROKER;
    snprintf(err->text, sizeof err->text, "%s", text);
    return status;
}

static void pause_ms(int32_t ms) {
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct instance *instance = calloc(1, sizeof *instance);

    if (!instance)
        return fail(err, EB_FATAL, "no memory");
    instance->host = host;
    instance->set = settings;
    host->link(host, 1, NULL);
    *self = instance;
    return EB_OK;
}

static int32_t open_consumer(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                             struct eb_error *err) {
    const struct settings *set = settings;

    (void)sub;
    if (store.failed && store.openings++ < set->no_opening)
        return fail(err, EB_RETRIABLE, "not in the mood to open");
    for (int64_t i = 0; i < set->events; i++)
        store.state[i] = store.state[i] == OUT ? WAITING : store.state[i];
    return open_it(host, settings, self, err);
}

static int32_t hand_over(struct instance *self, int64_t i) {
    static const char body[] = "\xf6\x01\x01\x0c" "foobob" "\x1e" "bob@foo.example" "\x0e" "Bob Foo";
    static const char type[] = "org.openedx.learning.auth.session.login.completed.v1";
    char id[37], position[24], key[24];
    const struct eb_header attrs[] = {
        {{"type", 4}, {type, sizeof type - 1}}, {{"id", 2}, {id, 36}}, {{"time", 4}, {"2026-11-25T10:00:00+00:00", 25}},
        {{"source", 6}, {"openedx/lms/web", 15}},
    };
    const struct eb_header headers[] = {{{"trace", 5}, {"abc", 3}}, {{"dlq_reason", 10}, {"an earlier one", 14}}};

    snprintf(id, sizeof id, "00000000-0000-1000-8000-%012d", (int)i);
    snprintf(position, sizeof position, "%d", (int)i);
    snprintf(key, sizeof key, "k%d", (int)i);
    struct eb_message message = {
        .size = sizeof message, .token = (uint64_t)i + 1, .topic = {"moods", 5}, .position = {position, strlen(position)},
        .id = {id, 36}, .key = {key, strlen(key)}, .payload = {body, sizeof body - 1}, .attrs = attrs, .n_attrs = 4,
        .headers = headers, .n_headers = 2,
    };
    return self->host->received(self->host, &message);
}

static void revoke_all(struct instance *self) {
    uint64_t tokens[MOST];
    size_t n = 0;

    for (int64_t i = 0; i < self->set->events; i++)
        if (store.state[i] == OUT)
            tokens[n++] = (uint64_t)i + 1;
    store.revoked = 1;
    self->host->revoke(self->host, tokens, n, 1000);
}

static int32_t receive(void *it, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct instance *self = it;
    int64_t done = 0;
    uint32_t given = 0;

    if (self->set->receive == 1)
        return fail(err, EB_PERMANENT, "this topic can never be read");
    if (self->set->fatal_after && !store.failed && store.handed >= self->set->fatal_after) {
        store.failed = 1;
        return fail(err, EB_FATAL, "in a bad mood");
    }
    for (int64_t i = 0; i < self->set->events; i++) {
        if (store.state[i] == WAITING && given < max && hand_over(self, i) == EB_OK) {
            store.state[i] = OUT;
            store.handed++;
            given++;
        }
        done += store.state[i] == DONE;
    }
    if (self->set->revoke_after && !store.revoked && store.handed >= self->set->revoke_after)
        revoke_all(self);
    if (done == self->set->events)
        return EB_END;
    if (!given)
        pause_ms(timeout_ms < 5 ? timeout_ms : 5);
    return given ? EB_OK : EB_EMPTY;
}

static int32_t settle(void *it, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct instance *self = it;

    for (size_t i = 0; i < n; i++) {
        int late = verdicts[i].kind == EB_ACK && store.gone < self->set->gone;

        if (verdicts[i].kind == EB_EXTEND)
            continue;
        store.gone += late;
        store.state[verdicts[i].token - 1] = verdicts[i].kind == EB_ACK && !late ? DONE : WAITING;
        self->host->settled(self->host, &verdicts[i].token, 1, late ? EB_GONE : EB_OK);
    }
    if (store.settle_fails < self->set->settle_fails) {
        store.settle_fails++;
        return fail(err, EB_RETRIABLE, "settling is no fun");
    }
    return EB_OK;
}

static int64_t submit(void *it, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct instance *self = it;
    size_t k = 0;

    (void)err;
    for (; k < n && self->n < MOST; k++)
        self->taken[self->n++] = batch[k];
    return (int64_t)k;
}

static void report(struct instance *self, int32_t closing) {
    struct eb_error why = {0};

    for (size_t i = 0; i < self->n; i++) {
        int32_t status = closing ? EB_RETRIABLE : EB_OK;

        if (self->set->sent == 1 && sent_fails < self->set->sent_fails) {
            sent_fails++;
            status = EB_RETRIABLE;
        }
        if (self->set->sent == 2)
            status = EB_PERMANENT;
        if (status != EB_OK)
            fail(&why, status, "no room for dead letters");
        self->host->delivered(self->host, &(struct eb_delivery){ .size = sizeof(struct eb_delivery),
            .token = self->taken[i]->token, .status = status, .error = status == EB_OK ? NULL : &why });
    }
    self->n = 0;
}

static int32_t poll_it(void *it, int32_t timeout_ms, struct eb_error *err) {
    struct instance *self = it;

    (void)err;
    if (self->n == 0)
        pause_ms(timeout_ms < 5 ? timeout_ms : 5);
    report(self, 0);
    return EB_OK;
}

static void wake(void *self) {
    (void)self;                 /* it never waits for long */
}

static void close_consumer(void *self, int32_t timeout_ms) {
    (void)timeout_ms;
    free(self);
}

static void close_producer(void *self, int32_t timeout_ms) {
    report(self, 1);
    close_consumer(self, timeout_ms);
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .abi_minor = EB_ABI_MINOR, .name = "moody", .version = "1",
    .summary = "A broker of many moods", .options = options, .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0], .settings_size = sizeof(struct settings),
};
const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer, .traits = EB_T_ORDER, .open = open_it, .submit = submit, .poll = poll_it, .wake = wake,
    .close = close_producer,
};
const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer, .traits = EB_T_ORDER | EB_T_HISTORY, .open = open_consumer, .receive = receive,
    .settle = settle, .wake = wake, .close = close_consumer,
};
