/* tests/conformance/outages.c - a broker inside the process that is away while a file exists, or always with url = nowhere; the
 * option `fault` names the promise that it breaks. */
#include <eventbus/plugin.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 200 };

struct settings {
    const char *url, *file, *fault;
};

/* What is stored, in one process and thread. */
static struct {
    struct eb_message message;
    bool out, done;
} stored[MOST];
static size_t n_stored;

struct instance {
    const struct eb_host *host;
    const struct settings *settings;
    const struct eb_subscription *sub;
    const struct eb_message *queue[MOST];
    size_t n;
    bool up, told, was_away;
};

static bool is(const struct instance *in, const char *fault) {
    return in->settings->fault && strcmp(in->settings->fault, fault) == 0;
}

static bool is_away(const struct instance *in) {
    return (in->settings->url && strcmp(in->settings->url, "nowhere") == 0) ||
           (in->settings->file && access(in->settings->file, F_OK) == 0);
}

/* A wait of the plugin's own, as that for a socket. */
static void pause_ms(int ms) {
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static const struct eb_error nobody = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "nobody listens" };

/* Tells a change of the link. Returns whether the broker is there. */
static bool look(struct instance *in) {
    bool away = is_away(in) && !is(in, "up-while-away");

    if (away && !in->was_away && is(in, "forgets"))
        n_stored = 0;
    in->was_away = away;
    if (away && (in->up || !in->told) && !is(in, "silent"))
        in->host->link(in->host, 0, &nobody);
    if (!away && (!in->up || !in->told))
        in->host->link(in->host, 1, NULL);
    in->told = true;
    in->up = !away;
    return !is_away(in);
}

static int32_t open_one(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self) {
    struct instance *in = calloc(1, sizeof *in);

    if (!in)
        return EB_FATAL;
    *in = (struct instance){ .host = host, .settings = settings, .sub = sub };
    if (is(in, "waits-in-open") && is_away(in))
        pause_ms(5500);
    *self = in;
    return EB_OK;
}

static void wake(void *self) {
    (void)self;
}

/* ---- producer ---- */

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)err;
    return open_one(host, settings, NULL, self);
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct instance *in = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && in->n < MOST)
        in->queue[in->n++] = batch[taken++];
    return (int64_t)taken;
}

static void report(struct instance *in, int32_t status) {
    for (size_t i = 0; i < in->n; i++)
        in->host->delivered(in->host, &(struct eb_delivery){ .size = sizeof(struct eb_delivery),
                                                             .token = in->queue[i]->token,
                                                             .status = status,
                                                             .error = status ? &nobody : NULL });
    in->n = 0;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct instance *in = self;

    (void)err;
    if (!look(in)) {
        if (is(in, "lies"))
            report(in, EB_OK);
        if (is(in, "gives-up"))
            report(in, EB_PERMANENT);
        pause_ms(timeout_ms < 20 ? timeout_ms : 20);
        return EB_OK;
    }
    for (size_t i = 0; i < in->n && n_stored < MOST; i++) {
        stored[n_stored].message = *in->queue[i]; /* an event of the kit lives as long as the process */
        stored[n_stored].out = stored[n_stored].done = false;
        n_stored++;
    }
    if (in->n == 0)
        pause_ms(timeout_ms < 20 ? timeout_ms : 20);
    report(in, EB_OK);
    return EB_OK;
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct instance *in = self;

    if (is(in, "waits-in-close") && timeout_ms == 0)
        pause_ms(5500);
    if (!is(in, "drops-at-close"))
        report(in, is(in, "refuses-at-close") ? EB_PERMANENT : EB_RETRIABLE);
    free(in);
}

/* ---- consumer ---- */

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *sub, void **self,
                             struct eb_error *err) {
    (void)err;
    return open_one(host, settings, sub, self);
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct instance *in = self;
    uint32_t n = 0;

    if (!look(in)) {
        pause_ms(timeout_ms < 20 ? timeout_ms : 20);
        if (!is(in, "fails"))
            return EB_EMPTY;
        *err = nobody;
        return EB_RETRIABLE;
    }
    for (size_t i = 0; i < n_stored && n < max && !is(in, "deaf"); i++) {
        struct eb_message message = stored[i].message;
        if (stored[i].out || stored[i].done || strcmp(message.topic.data, in->sub->topics[0]) != 0)
            continue;
        message.token = i + 1;
        message.position = (struct eb_text){ "0", 1 };
        message.time_ms = 0;
        if (in->host->received(in->host, &message) == EB_FULL)
            break;
        stored[i].out = true;
        n++;
    }
    if (n == 0)
        pause_ms(timeout_ms < 20 ? timeout_ms : 20);
    return n > 0 ? EB_OK : EB_EMPTY;
}

static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct instance *in = self;

    (void)err;
    for (size_t i = 0; i < n; i++)
        if (verdicts[i].kind != EB_EXTEND) {
            stored[verdicts[i].token - 1].out = false;
            stored[verdicts[i].token - 1].done = verdicts[i].kind == EB_ACK;
            in->host->settled(in->host, &verdicts[i].token, 1, EB_OK);
        }
    return EB_OK;
}

static void consumer_close(void *self, int32_t timeout_ms) {
    (void)timeout_ms;
    free(self);
}

/* ---- admin ---- */

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)err;
    return open_one(host, settings, NULL, self);
}

static int32_t admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                            struct eb_error *err) {
    const struct instance *in = self;

    (void)timeout_ms;
    (void)each;
    (void)arg;
    if (!is_away(in) || is(in, "lists-nothing"))
        return EB_OK;
    *err = nobody;
    if (is(in, "blames-nobody"))
        err->kind = EB_KIND_NONE;
    return EB_RETRIABLE;
}

/* ---- the plugin ---- */

static const struct eb_option options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, url), .help = "nowhere: no broker" },
    { .key = "file", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, file), .help = "While it is there, no broker" },
    { .key = "fault", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, fault), .help = "What it does wrong" },
};

static void close_admin(void *self) {
    free(self);
}

const struct eb_plugin eventbus_plugin = { .size = sizeof eventbus_plugin,
                                           .abi_major = EB_ABI_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = "outages",
                                           .version = "1",
                                           .summary = "A broker that goes away, to test the conformance kit",
                                           .options = options,
                                           .n_options = 3,
                                           .option_size = sizeof(struct eb_option),
                                           .settings_size = sizeof(struct settings) };
const struct eb_producer_ops eventbus_producer = { .size = sizeof eventbus_producer,
                                                   .open = producer_open,
                                                   .submit = producer_submit,
                                                   .poll = producer_poll,
                                                   .wake = wake,
                                                   .close = producer_close };
const struct eb_consumer_ops eventbus_consumer = { .size = sizeof eventbus_consumer,
                                                   .traits = EB_T_HISTORY,
                                                   .open = consumer_open,
                                                   .receive = consumer_receive,
                                                   .settle = consumer_settle,
                                                   .wake = wake,
                                                   .close = consumer_close };
const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin, .open = admin_open, .topics = admin_topics, .close = close_admin
};
