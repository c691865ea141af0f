/* tests/process/helped_plugin.c - a producer that is written with plugin-help.h, in the words that C11 and C++17 share. Its
 * broker is a thread that counts each message and confirms it by a queue, as the callbacks of client libraries do. */
#include <eventbus/plugin-help.h>

enum { BATCH = 64 };

struct settings {
    const char *name;
};

struct confirmation {
    uint64_t token;
    int64_t number;
};

struct producer {
    const struct eb_host *host;
    struct ebp_link link;
    struct ebp_cond_wakeup wakeup;      /* of the host's thread */
    struct ebp_wakeup client;           /* of the client's thread */
    struct ebp_submit_ring taken;       /* the oldest first: the client confirms in order */
    struct ebp_queue *sent, *confirmed; /* tokens to the client, struct confirmation back; each has room for all taken */
    pthread_t thread;
};

static void client_wake(void *arg) {
    ebp_wakeup_signal(&((struct producer *)arg)->client);
}

static void *client_run(void *arg) {
    struct producer *p = (struct producer *)arg;
    struct confirmation done = { 0, 0 };
    bool closed;

    ebp_link_up(&p->link);
    do {
        ebp_wakeup_take(&p->client);
        closed = ebp_queue_is_closed(p->sent);
        while (ebp_queue_pop(p->sent, &done.token, 1) == 1) {
            done.number++;
            ebp_queue_push(p->confirmed, &done);
        }
        if (!closed)
            ebp_wakeup_wait(&p->client, NULL, 0, 10000);
    } while (!closed);
    return NULL;
}

static void producer_wake(void *self) {
    ebp_cond_wakeup_signal(&((struct producer *)self)->wakeup);
}

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct producer *p = (struct producer *)calloc(1, sizeof *p);
    int failed;

    if (!p)
        return ebp_no_memory(err);
    p->host = host;
    ebp_link_init(&p->link, host);
    p->sent = ebp_queue_new(sizeof(uint64_t), EBP_SUBMIT_ROOM, client_wake, p);
    p->confirmed = ebp_queue_new(sizeof(struct confirmation), EBP_SUBMIT_ROOM, producer_wake, p);
    if (!p->sent || !p->confirmed || !ebp_cond_wakeup_open(&p->wakeup) || !ebp_wakeup_open(&p->client))
        return ebp_no_memory(err); /* what is made stays: this is a test */
    failed = ebp_thread_start(&p->thread, client_run, p, "eb-helped");
    if (failed) {
        errno = failed;
        return ebp_errno(err, EB_FATAL, "cannot start the client of %s", ((const struct settings *)settings)->name);
    }
    ebp_log(host, EBP_LOG_INFO, "instance %s is open", host->instance);
    *self = p;
    return EB_OK;
}

static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = (struct producer *)self;
    size_t taken = ebp_submit_take(&p->taken, batch, n);

    (void)err;
    for (size_t i = 0; i < taken; i++)
        ebp_queue_push(p->sent, &batch[i]->token);
    return (int64_t)taken;
}

/* Reports what is confirmed; returns how many. */
static size_t report(struct producer *p) {
    struct confirmation done[BATCH];
    size_t n = ebp_queue_pop(p->confirmed, done, BATCH);
    struct eb_delivery delivery;
    char position[24];

    for (size_t i = 0; i < n; i++) {
        memset(&delivery, 0, sizeof delivery);
        delivery.size = sizeof delivery;
        delivery.token = done[i].token;
        snprintf(position, sizeof position, "%lld", (long long)done[i].number);
        delivery.position = ebp_text_of(position);
        p->host->delivered(p->host, &delivery);
        ebp_submit_drop(&p->taken, 1);
    }
    return n;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct producer *p = (struct producer *)self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;

    (void)err;
    for (;;) {
        if (report(p) > 0 || ebp_cond_wakeup_take(&p->wakeup) || ebp_monotonic_ms() >= until)
            return EB_OK;
        ebp_cond_wakeup_wait(&p->wakeup, until - ebp_monotonic_ms());
    }
}

static void producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = (struct producer *)self;

    (void)timeout_ms; /* the client keeps nobody waiting */
    ebp_queue_close(p->sent);
    client_wake(p);
    pthread_join(p->thread, NULL);
    while (report(p) > 0)
        continue;
    ebp_queue_unref(p->sent);
    ebp_queue_unref(p->confirmed);
    ebp_cond_wakeup_close(&p->wakeup);
    ebp_wakeup_close(&p->client);
    free(p);
}

static int32_t check(const void *settings, struct eb_error *err) {
    const char *name = ((const struct settings *)settings)->name;

    if (ebp_text_begins(ebp_text_of(name), "x"))
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "name \"%.40s\": expected one that begins with x", name);
}

/* clang-format off */
static const struct eb_option options[] = {
    { "name", "xyz", "The name of the broker", NULL, EB_OPT_TEXT, 0, 0, 0, offsetof(struct settings, name) },
};

const struct eb_producer_ops eventbus_producer = {
    sizeof(struct eb_producer_ops), EB_T_ORDER, 0, producer_open, producer_submit, producer_poll, producer_wake, producer_close,
};

const struct eb_plugin eventbus_plugin = {
    sizeof(struct eb_plugin), EB_ABI_MAJOR, EB_ABI_MINOR, "helped", "1.0", "Counts events", options, 1,
    sizeof(struct eb_option), sizeof(struct settings), check,
};
/* clang-format on */
