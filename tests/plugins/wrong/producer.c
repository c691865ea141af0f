/* tests/plugins/wrong/producer.c - the producer: a queue of messages that poll stores. */
#include "wrong.h"

#include <stdlib.h>
#include <unistd.h>

struct producer {
    const struct eb_host *host;
    struct waiter waiter;
    const struct eb_message **queue;
    size_t n, room;
    struct eb_message *late; /* stores-late: copies of what was reported and is not stored yet */
    size_t n_late;
    bool up;
};

int32_t wrong_producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    const struct settings *set = settings;
    struct producer *p;
    int32_t status = wrong_open(set, err);

    if (status != EB_OK)
        return status;
    if (is("fails-at-its-most") && set->queue > 1000)
        return wrong_error(err, EB_PERMANENT, "the queue has no room for so many");
    p = calloc(1, sizeof *p);
    if (!p || !(p->queue = calloc((size_t)set->queue, sizeof(void *))))
        abort(); /* a test plugin on a machine without memory */
    p->host = host;
    p->room = (size_t)set->queue;
    if (is("leaks"))
        (void)!dup(0);
    *self = p;
    return EB_OK;
}

int64_t wrong_producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct producer *p = self;
    size_t taken = 0;

    (void)err;
    while (taken < n && p->n < p->room) {
        if (is("aborts") && batch[taken]->payload.len == 65536)
            abort();
        p->queue[p->n++] = batch[taken++];
    }
    return (int64_t)taken;
}

static void report(struct producer *p, const struct eb_message *message, int32_t status, const char *position) {
    struct eb_error why = { .status = status, .kind = EB_KIND_BROKER, .text = "it was not sent" };
    struct eb_delivery report = { .size = sizeof report,
                                  .token = message->token,
                                  .status = status,
                                  .position = { position, position ? strlen(position) : 0 },
                                  .error = status ? &why : NULL };

    p->host->delivered(p->host, &report);
    if (is("reports-twice") && message->token % 10 == 0)
        p->host->delivered(p->host, &report);
}

static void reorder(struct producer *p) {
    for (size_t i = 1; i < p->n; i++)
        if (wrong_same_key(p->queue[i - 1], p->queue[i])) {
            const struct eb_message *first = p->queue[i - 1];
            p->queue[i - 1] = p->queue[i];
            p->queue[i] = first;
            return;
        }
}

/* remembers-what-it-gave-up: send ids that were reported EB_RETRIABLE. */
static struct {
    char *ids[1000];
    size_t n;
} given_up;

static void give_up(const struct eb_message *message) {
    if (is("remembers-what-it-gave-up") && given_up.n < sizeof given_up.ids / sizeof *given_up.ids)
        given_up.ids[given_up.n++] = strndup(message->send_id.data, message->send_id.len);
}

static bool gave_up(const struct eb_message *message) {
    for (size_t i = 0; i < given_up.n; i++)
        if (strlen(given_up.ids[i]) == message->send_id.len &&
            memcmp(given_up.ids[i], message->send_id.data, message->send_id.len) == 0)
            return true;
    return false;
}

static void store(const struct eb_message *message, char position[24]) {
    position[0] = '\0';
    if (gave_up(message))
        return;
    wrong_lock();
    wrong_store(message, position);
    wrong_unlock();
}

/* stores-late: what was reported in one poll is stored in the next one, or never. The host's messages may be gone by then, but
 * those of the kit live as long as its case. */
static void store_late(struct producer *p) {
    char position[24];

    for (size_t i = 0; i < p->n_late; i++)
        store(&p->late[i], position);
    p->n_late = 0;
}

static void send_late(struct producer *p) {
    store_late(p);
    p->late = realloc(p->late, (p->n + 1) * sizeof *p->late);
    if (!p->late)
        abort();
    for (size_t i = 0; i < p->n; i++) {
        p->late[p->n_late++] = *p->queue[i];
        report(p, p->queue[i], EB_OK, NULL);
    }
    p->n = 0;
}

static void send_all(struct producer *p) {
    char position[24];
    bool refused = false;

    if (is("reorders-key"))
        reorder(p);
    for (size_t i = 0; i < p->n && is("reports-before-it-stores"); i++)
        report(p, p->queue[i], EB_OK, NULL);
    for (size_t i = 0; i < p->n; i++) {
        refused = refused || (is("refuses-the-rest-of-a-batch") && p->queue[i]->payload.len > 65536);
        if (refused) {
            report(p, p->queue[i], EB_PERMANENT, NULL);
            continue;
        }
        store(p->queue[i], position);
        if (!is("reports-before-it-stores"))
            report(p, p->queue[i], EB_OK, position[0] ? position : NULL);
    }
    p->n = 0;
}

int32_t wrong_producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    static const struct eb_error nobody = { .status = EB_RETRIABLE, .kind = EB_KIND_BROKER, .text = "nobody listens" };
    struct producer *p = self;
    int64_t end_ms = wrong_now_ms(CLOCK_MONOTONIC) + timeout_ms;

    (void)err;
    if (is("away") && !p->up)
        p->host->link(p->host, 0, &nobody);
    else if (!p->up || is("links-again"))
        p->host->link(p->host, 1, NULL);
    p->up = true;
    if (p->n > 0) {
        if (is("stores-late"))
            send_late(p);
        else
            send_all(p);
        return EB_OK;
    }
    store_late(p);
    wrong_lock();
    while (!p->waiter.woken && wrong_wait(&p->waiter, end_ms))
        continue;
    p->waiter.woken = false;
    wrong_unlock();
    return EB_OK;
}

void wrong_producer_wake(void *self) {
    wrong_wake(&((struct producer *)self)->waiter);
}

void wrong_producer_close(void *self, int32_t timeout_ms) {
    struct producer *p = self;

    store_late(p);
    for (size_t i = 0; i < p->n && is("reports-at-close") && timeout_ms < 100; i++)
        report(p, p->queue[i], timeout_ms > 0 ? EB_OK : EB_RETRIABLE, NULL);
    if (is("reports-at-close") && timeout_ms < 100)
        p->n = 0;
    if (timeout_ms > 0 && !is("sends-nothing-at-close"))
        send_all(p);
    if (is("skips-at-close") && p->n > 0) { /* the first failed, later ones of its key are stored all the same */
        report(p, p->queue[0], EB_RETRIABLE, NULL);
        p->queue[0] = p->queue[--p->n];
        send_all(p);
    }
    for (size_t i = 0; i < p->n && !is("drops-on-close"); i++) {
        give_up(p->queue[i]);
        report(p, p->queue[i], EB_RETRIABLE, NULL);
    }
    free(p->queue);
    free(p->late);
    free(p);
}
