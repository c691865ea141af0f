/* tests/bench/null.c - a broker that is no work: confirms what it is given at its next poll, hands over one event for ever.
 * What remains to be measured is the core. */
#include <eventbus/plugin.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROOM = 1024, BATCH = 100 };

struct settings {
    int64_t batch;
};

/* clang-format off */
static const struct eb_option options[] = {
    {.key = "batch", .type = EB_OPT_INT, .fallback = "100", .min = 1, .max = ROOM, .offset = offsetof(struct settings, batch),
     .help = "Number of events handed over at a time, at most"},
};
/* clang-format on */

struct instance {
    const struct eb_host *host;
    size_t batch;
    int bell;
    uint64_t tokens[ROOM], next; /* not reported yet; the next one to give */
    size_t n;
};

static int32_t start(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct instance *instance = calloc(1, sizeof *instance);

    (void)err;
    if (!instance)
        return EB_FATAL;
    instance->host = host;
    instance->batch = (size_t)((const struct settings *)settings)->batch;
    instance->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *self = instance;
    host->link(host, 1, NULL);
    return EB_OK;
}

static void rest(struct instance *instance, int32_t timeout_ms) {
    struct pollfd bell = { .fd = instance->bell, .events = POLLIN };
    uint64_t rings;

    if (poll(&bell, 1, timeout_ms) > 0 && read(instance->bell, &rings, sizeof rings) < 0)
        return;
}

static void wake(void *self) {
    const uint64_t one = 1;

    if (write(((struct instance *)self)->bell, &one, sizeof one) < 0)
        return;
}

static void end(void *self, int32_t timeout_ms) {
    struct instance *instance = self;

    (void)timeout_ms;
    close(instance->bell);
    free(instance);
}

/* ---- Sending ---- */

static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct instance *instance = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && instance->n < ROOM)
        instance->tokens[instance->n++] = batch[taken++]->token;
    return (int64_t)taken;
}

static int32_t poll_reports(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct instance *instance = self;

    (void)err;
    if (instance->n == 0)
        rest(instance, timeout_ms);
    for (size_t i = 0; i < instance->n; i++) {
        const struct eb_delivery delivery = { .size = sizeof delivery,
                                              .token = instance->tokens[i],
                                              .position = { "1790000000000-0", 15 } };

        instance->host->delivered(instance->host, &delivery);
    }
    instance->n = 0;
    return EB_OK;
}

/* ---- Receiving ---- */

#define TEXT(text)                                                                                                             \
    { text, sizeof text - 1 }

static const struct eb_header attrs[] = {
    { TEXT("type"), TEXT("org.openedx.learning.auth.session.login.completed.v1") },
    { TEXT("id"), TEXT("0d6a1c0e-6f0b-11ef-9f2d-0242ac120002") },
    { TEXT("source"), TEXT("openedx/bench/web") },
    { TEXT("time"), TEXT("2026-11-23T20:00:00.123456+00:00") },
    { TEXT("minorversion"), TEXT("0") },
    { TEXT("sourcehost"), TEXT("localhost") },
    { TEXT("sourcelib"), TEXT("11.2.0") },
};
static char keys[1000][5];

static int32_t open_consumer(const struct eb_host *host, const void *settings, const struct eb_subscription *subscription,
                             void **self, struct eb_error *err) {
    (void)subscription;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        memcpy(keys[i], (char[]){ 'u', (char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10), '\0' }, 5);
    return start(host, settings, self, err);
}

static int32_t receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct instance *instance = self;
    size_t n = max < instance->batch ? max : instance->batch;

    (void)err;
    if (n == 0 && instance->n == 0)
        rest(instance, timeout_ms);
    if (instance->n)
        instance->host->settled(instance->host, instance->tokens, instance->n, EB_OK);
    instance->n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct eb_message message = { .size = sizeof message,
                                            .token = ++instance->next,
                                            .topic = TEXT("bench-login"),
                                            .position = TEXT("1790000000000-0"),
                                            .id = TEXT("0d6a1c0e-6f0b-11ef-9f2d-0242ac120002"),
                                            .key = { keys[instance->next % 1000], 4 },
                                            .payload = TEXT("\x02\x01"
                                                            "\x0c"
                                                            "user-1"
                                                            "\x1e"
                                                            "bob@foo.example"
                                                            "\x0e"
                                                            "Bob Foo"),
                                            .attrs = attrs,
                                            .n_attrs = sizeof attrs / sizeof *attrs };

        if (instance->host->received(instance->host, &message) != EB_OK)
            break;
    }
    return n ? EB_OK : EB_EMPTY;
}

static int32_t settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct instance *instance = self;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        if (verdicts[i].kind == EB_EXTEND)
            continue;
        if (instance->n == ROOM) {
            instance->host->settled(instance->host, instance->tokens, instance->n, EB_OK);
            instance->n = 0;
        }
        instance->tokens[instance->n++] = verdicts[i].token;
    }
    return EB_OK;
}

const struct eb_producer_ops eventbus_producer = { .size = sizeof eventbus_producer,
                                                   .traits = EB_T_ORDER,
                                                   .open = start,
                                                   .submit = submit,
                                                   .poll = poll_reports,
                                                   .wake = wake,
                                                   .close = end };
const struct eb_consumer_ops eventbus_consumer = { .size = sizeof eventbus_consumer,
                                                   .traits = EB_T_ORDER | EB_T_HISTORY,
                                                   .open = open_consumer,
                                                   .receive = receive,
                                                   .settle = settle,
                                                   .wake = wake,
                                                   .close = end };
const struct eb_plugin eventbus_plugin = { .size = sizeof eventbus_plugin,
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = "null",
                                           .version = "1",
                                           .summary = "Takes all, gives one event for ever",
                                           .options = options,
                                           .n_options = 1,
                                           .option_size = sizeof(struct eb_option),
                                           .settings_size = sizeof(struct settings) };
