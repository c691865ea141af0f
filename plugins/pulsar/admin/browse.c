/* admin/browse.c - reads a topic without a group; see admin.h. A reader of libpulsar's leaves nothing behind at the broker.
 *
 * A position names one partition, but a walk that continues from the last message of the walk before has to continue in all
 * of them. So the end of the last walk is remembered, and used when the next one begins at exactly that message. */
#include "admin/admin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/message.h"
#include "client/result.h"

enum { QUIET_MS = 300, CLOSE_MS = 500, AHEAD = 1000 };

/* Belongs to the thread of the ops. */
struct pl_browse {
    struct pl_client client;
    struct pl_message_reading reading;
    char *topic, last[PL_POSITION_ROOM]; /* the topic browsed last, and the message that was delivered last */
    struct pl_position *next;            /* where each partition would go on */
    int n;
};

void pl_browse_free(struct pl_browse *b) {
    if (!b)
        return;
    pl_client_close(&b->client, false, 1000, NULL, NULL);
    pl_message_reading_free(&b->reading);
    free(b->topic);
    free(b->next);
    free(b);
}

static int32_t open_browse(struct pl_admin *a, struct eb_error *err) {
    struct pl_browse *b = a->browse ? NULL : calloc(1, sizeof *b);
    int32_t status;

    if (a->browse)
        return EB_OK;
    if (!b)
        return ebp_no_memory(err);
    status = pl_client_open(&b->client, a->host, a->set, err);
    if (status == EB_OK)
        a->browse = b;
    else
        free(b);
    return status;
}

/* ---- A reader ---- */

/* A reader that is being made, or closed. The callback of a thread of libpulsar's and the waiting caller have a reference each. */
struct making {
    struct ebp_cond_wakeup done;
    int refs;
    pthread_mutex_t lock; /* of all that follows */
    bool given_up, is_done;
    pulsar_result result;
    pulsar_reader_t *reader;
};

static void unref(struct making *m) {
    if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    ebp_cond_wakeup_close(&m->done);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* A thread of libpulsar's. */
static void on_late_close(pulsar_result result, void *arg) {
    (void)result, (void)arg;
}

/* A thread of libpulsar's. */
static void on_made(pulsar_result result, pulsar_reader_t *reader, void *arg) {
    struct making *m = arg;

    pthread_mutex_lock(&m->lock);
    bool late = m->given_up;
    m->is_done = true;
    m->result = result;
    m->reader = late ? NULL : reader;
    pthread_mutex_unlock(&m->lock);
    if (late && result == pulsar_result_Ok) {
        pulsar_reader_close_async(reader, on_late_close, NULL);
        pulsar_reader_free(reader);
    }
    ebp_cond_wakeup_signal(&m->done);
    unref(m);
}

static struct making *making_new(void) {
    struct making *m = calloc(1, sizeof *m);

    if (!m || !ebp_cond_wakeup_open(&m->done)) {
        free(m);
        return NULL;
    }
    pthread_mutex_init(&m->lock, NULL);
    m->refs = 2;
    return m;
}

static struct making *begin_making(struct pl_browse *b, const char *name, const struct pl_position *from) {
    pulsar_reader_configuration_t *conf = pulsar_reader_configuration_create();
    pulsar_message_id_t *id = pl_position_id(from);
    struct making *m = id ? making_new() : NULL;

    if (m) {
        pulsar_reader_configuration_set_receiver_queue_size(conf, AHEAD);
        pulsar_reader_configuration_set_subscription_role_prefix(conf, "eventbus-browse");
        pulsar_client_create_reader_async(b->client.client, name, id, conf, on_made, m);
    }
    if (id)
        pulsar_message_id_free(id);
    pulsar_reader_configuration_free(conf);
    return m;
}

/* Makes a reader whose first message is the one behind `from`. */
static int32_t make_reader(struct pl_browse *b, const char *name, const char *topic, const struct pl_position *from,
                           int64_t until, pulsar_reader_t **reader, struct eb_error *err) {
    struct making *m = begin_making(b, name, from);
    bool is_done;

    if (!m)
        return ebp_no_memory(err);
    ebp_cond_wakeup_wait(&m->done, until - ebp_monotonic_ms());
    pthread_mutex_lock(&m->lock);
    is_done = m->is_done;
    pulsar_result result = m->result;
    *reader = m->reader;
    m->given_up = !is_done;
    pthread_mutex_unlock(&m->lock);
    unref(m);
    if (!is_done)
        return ebp_error(err, EB_RETRIABLE, 0, "topic %s: no answer from Pulsar at %s", topic, pl_client_address(&b->client));
    return result == pulsar_result_Ok ? EB_OK : pl_result_error(err, result, "topic %s cannot be read", topic);
}

/* A thread of libpulsar's. */
static void on_closed(pulsar_result result, void *arg) {
    struct making *m = arg;

    (void)result;
    ebp_cond_wakeup_signal(&m->done);
    unref(m);
}

/* Waits for a moment, so that the broker is rid of it, and goes on without if the broker does not answer. */
static void close_reader(pulsar_reader_t *reader) {
    struct making *m = making_new();

    pulsar_reader_close_async(reader, m ? on_closed : on_late_close, m);
    if (m) {
        ebp_cond_wakeup_wait(&m->done, CLOSE_MS);
        unref(m);
    }
    pulsar_reader_free(reader);
}

/* ---- One partition ---- */

struct walk {
    struct pl_admin *a;
    const char *topic;
    int partition;
    int32_t timeout_ms;
    struct pl_position from, last; /* the first message, the entry that was the last one at the call; then where it goes on */
    bool is_empty;
    int32_t (*each)(void *, const struct eb_message *);
    void *arg;
    bool over; /* each() wants no more */
};

/* The reader begins behind a message: that before w->from. */
static struct pl_position before(const struct pl_position *from) {
    struct pl_position id = *from;

    if (id.index > 0)
        id.index--;
    else
        id = (struct pl_position){
            .ledger = from->ledger, .entry = from->entry - 1, .partition = from->partition, .index = -1
        };
    return id;
}

/* Compares the entry that a message is in with the last one of the walk. */
static int compare_with_last(const struct walk *w, const struct pl_position *at) {
    const struct pl_position entry = { .ledger = at->ledger, .entry = at->entry, .index = -1 };

    return pl_position_compare(&entry, &w->last);
}

/* Whether no message of the last entry follows this one. */
static bool ends_walk(const struct walk *w, const struct pl_position *at) {
    int order = compare_with_last(w, at);

    return order > 0 || (order == 0 && (at->index < 0 || at->index + 1 >= at->batch_size));
}

/* Takes what the reader gave. *ended: the walk is over with it. */
static int32_t take(struct walk *w, pulsar_message_t *message, bool *ended, struct eb_error *err) {
    struct pl_browse *b = w->a->browse;
    pulsar_message_id_t *id = pulsar_message_get_message_id(message);
    struct pl_position at;
    struct eb_message shown;
    int32_t status = EB_OK;
    bool known = pl_position_of_id(id, &at);

    if (id)
        pulsar_message_id_free(id);
    if (!known)
        return ebp_error(err, EB_PERMANENT, 0, "topic %s: a message without a position", w->topic);
    at.partition = w->partition;
    *ended = ends_walk(w, &at);
    if (pl_position_compare(&at, &w->from) < 0 || compare_with_last(w, &at) > 0)
        return EB_OK;
    status = pl_message_read(&b->reading, message, &at, w->topic, &shown, err);
    if (status != EB_OK)
        return status;
    shown.deliveries = 0;
    snprintf(b->last, sizeof b->last, "%s", shown.position.data);
    w->over = w->each(w->arg, &shown) != 0;
    w->from = at; /* the next one: index and entry may be none that exists, which is fine for a beginning */
    w->from.index = at.index >= 0 && at.index + 1 < at.batch_size ? at.index + 1 : -1;
    w->from.entry += w->from.index < 0;
    return EB_OK;
}

/* Markers of transactions, and what was aborted, are entries that no reader gets: asks whether there is more. False: there is
 * not, or it cannot be told. */
static bool is_more(struct walk *w, pulsar_reader_t *reader, int64_t until) {
    json_t *internal;
    int available = 0;

    if (pl_query_internal(w->a, w->topic, w->partition, until, &internal, NULL) != EB_OK)
        return true;
    json_decref(internal); /* it is there, so the next question is answered, too */
    return pulsar_reader_has_message_available(reader, &available) != pulsar_result_Ok || available;
}

static int32_t read_all(struct walk *w, pulsar_reader_t *reader, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + w->timeout_ms;
    bool ended = false;
    int32_t status = EB_OK;

    while (status == EB_OK && !ended && !w->over) {
        int64_t left = until - ebp_monotonic_ms();
        pulsar_message_t *message = NULL;
        pulsar_result result = left > 0
                                   ? pulsar_reader_read_next_with_timeout(reader, &message, (int)ebp_earlier(left, QUIET_MS))
                                   : pulsar_result_Timeout;
        if (result == pulsar_result_Ok) {
            status = take(w, message, &ended, err);
            pulsar_message_free(message);
            until = ebp_monotonic_ms() + w->timeout_ms;
        } else if (result != pulsar_result_Timeout) {
            status = pl_result_error(err, result, "topic %s cannot be read", w->topic);
        } else if (left <= 0) {
            status = ebp_error(err, EB_RETRIABLE, 0, "topic %s: no message from Pulsar at %s in %d ms", w->topic,
                               pl_client_address(&w->a->browse->client), (int)w->timeout_ms);
        } else {
            ended = !is_more(w, reader, until);
        }
    }
    return status;
}

static int32_t walk_partition(struct walk *w, struct eb_error *err) {
    char name[PL_TOPIC_ROOM];
    struct pl_position start = before(&w->from);
    pulsar_reader_t *reader = NULL;
    int32_t status = pl_topic_name(w->a->set, w->topic, name, err);

    if (status != EB_OK || w->is_empty || compare_with_last(w, &w->from) > 0)
        return status;
    if (w->partition >= 0)
        snprintf(name + strlen(name), sizeof name - strlen(name), "-partition-%d", w->partition);
    status = make_reader(w->a->browse, name, w->topic, &start, ebp_monotonic_ms() + w->timeout_ms, &reader, err);
    if (status == EB_OK) {
        status = read_all(w, reader, err);
        close_reader(reader);
    }
    return status;
}

/* ---- The whole topic ---- */

static bool goes_on(const struct pl_browse *b, const char *topic, int n, const struct eb_point *from) {
    return from->kind == EB_POSITION && b->topic && b->n == n && strcmp(b->topic, topic) == 0 &&
           strcmp(b->last, from->position.data) == 0;
}

/* Sets where a partition's walk begins and ends. */
static int32_t find_range(struct walk *w, const struct eb_point *from, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + w->timeout_ms;
    json_t *internal;
    struct pl_bounds bounds;
    int32_t status = pl_query_internal(w->a, w->topic, w->partition, until, &internal, err);

    if (status == EB_OK && !pl_bounds_of(internal, w->partition, &bounds))
        status = pl_odd_answer(w->topic, "ledgers", err);
    if (status == EB_OK) {
        status = pl_query_point(w->a, w->topic, w->partition, from, &bounds, until, &w->from, err);
        w->last = bounds.last;
        w->is_empty = pl_number(internal, "numberOfEntries") == 0 || pl_position_compare(&bounds.first, &bounds.last) > 0;
        if (status == EB_EMPTY) /* the position is of another partition */
            w->from = bounds.first;
    }
    json_decref(internal);
    return status > EB_OK ? EB_OK : status;
}

/* Keeps where the walks have ended, for the next call. */
static void remember(struct pl_browse *b, const char *topic, const struct walk *walks, int n) {
    free(b->topic);
    free(b->next);
    b->topic = strdup(topic);
    b->next = calloc((size_t)n, sizeof *b->next);
    b->n = b->next ? n : -1;
    for (int i = 0; b->next && i < n; i++)
        b->next[i] = walks[i].from;
}

int32_t pl_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct pl_admin *a = self;
    struct walk *walks = NULL;
    int n = 0, count = 0;
    int32_t status = pl_query_partitions(a, topic, ebp_monotonic_ms() + timeout_ms, &n, err);
    bool over = false;

    if (status == EB_OK)
        status = pl_check_point(topic, n, from, err);
    if (status == EB_OK)
        status = open_browse(a, err);
    if (status == EB_OK && !(walks = calloc(n > 0 ? (size_t)n : 1, sizeof *walks)))
        status = ebp_no_memory(err);
    for (count = 0; status == EB_OK && count < (n > 0 ? n : 1); count++) {
        walks[count] = (struct walk){
            .a = a, .topic = topic, .partition = n > 0 ? count : -1, .timeout_ms = timeout_ms, .each = each, .arg = arg
        };
        status = find_range(&walks[count], from, err);
        if (status == EB_OK && n > 0 && goes_on(a->browse, topic, n, from) && a->browse->next[count].partition != -1)
            walks[count].from = a->browse->next[count];
    }
    for (int i = 0; status == EB_OK && !over && i < count; i++) {
        status = walk_partition(&walks[i], err);
        over = walks[i].over;
    }
    if (status == EB_OK && n > 0)
        remember(a->browse, topic, walks, n);
    free(walks);
    return status == EB_GONE ? EB_END : status;
}
