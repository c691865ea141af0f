/* consumer/watch.c - a thread that asks the broker by HTTP: which of the wanted topics there are, what partitions they have,
 * and where a new group begins. A consumer of libpulsar would make a topic that does not exist. See state.h. */
#include "consumer/state.h"

#include <stdlib.h>
#include <string.h>

enum { ASK_MS = 5000, GROWTH_MS = 30000, IDLE_MS = 30000, END_MS = 50 };

/* A wanted topic, or one that a pattern takes in. The watch thread's. */
struct pl_watched {
    char *topic;
    bool absent; /* it did not exist at a look: what comes then is all new */
    bool known;
    int n; /* of its sources: 1 without partitions */
    int64_t look_ms;
};

static bool is_closed(struct pl_receiving *r) {
    bool closed;

    pthread_mutex_lock(&r->lock);
    closed = r->closed;
    pthread_mutex_unlock(&r->lock);
    return closed;
}

static void log_line(struct pl_receiving *r, int32_t level, const char *text) {
    pthread_mutex_lock(&r->lock);
    if (!r->closed)
        r->host->log(r->host, level, text);
    pthread_mutex_unlock(&r->lock);
}

/* After each look: what failed, or NULL. */
static void note_look(struct pl_receiving *r, const struct eb_error *err) {
    pthread_mutex_lock(&r->lock);
    if (err)
        r->watch_error = *err;
    else
        r->watch_error.status = EB_OK;
    r->has_looked = true;
    pthread_mutex_unlock(&r->lock);
}

/* ---- where a new group begins ---- */

/* Moves a group that was just made to a message in the middle of a batch. */
static int32_t skip_in_batch(struct pl_receiving *r, const char *topic, const struct pl_position *at, int64_t until,
                             struct eb_error *err) {
    struct pl_answer answer;
    char body[240];
    int32_t status;

    snprintf(body, sizeof body,
             "{\"ledgerId\":%lld,\"entryId\":%lld,\"partitionIndex\":%d,\"batchIndex\":%d,\"isExcluded\":false}",
             (long long)at->ledger, (long long)at->entry, (int)at->partition, (int)at->index);
    status = pl_ask_group(&r->admin, "POST", topic, at->partition, r->group, body, until, &answer, err, "/resetcursor");
    pl_answer_free(&answer);
    return status;
}

/* Makes the group at a place; one that exists stays where it is. */
static int32_t make_group_at(struct pl_receiving *r, const char *topic, const struct pl_position *at, int64_t until,
                             struct eb_error *err) {
    struct pl_answer answer;
    char body[160];
    int32_t status;
    bool is_there;

    snprintf(body, sizeof body, "{\"ledgerId\":%lld,\"entryId\":%lld,\"partitionIndex\":%d}", (long long)at->ledger,
             (long long)at->entry, (int)at->partition);
    status = pl_ask_group(&r->admin, "PUT", topic, at->partition, r->group, body, until, &answer, err, "");
    is_there = answer.code == 409;
    pl_answer_free(&answer);
    if (is_there)
        return EB_OK;
    return status == EB_OK && at->index > 0 ? skip_in_batch(r, topic, at, until, err) : status;
}

/* For a start at a time or a position, which a consumer of libpulsar does not know. */
static int32_t make_group(struct pl_receiving *r, const char *topic, int partition, int64_t until, struct eb_error *err) {
    json_t *internal = NULL;
    struct pl_bounds bounds;
    struct pl_position at;
    int32_t status = pl_query_internal(&r->admin, topic, partition, until, &internal, err);

    if (status == EB_OK && pl_cursor(internal, r->group))
        goto done;
    if (status == EB_OK && !pl_bounds_of(internal, partition, &bounds))
        status = pl_odd_answer(topic, "ledgers", err);
    if (status == EB_OK) {
        status = pl_query_point(&r->admin, topic, partition, &r->start, &bounds, until, &at, err);
        if (status == EB_EMPTY) /* the position is of another partition */
            at = bounds.first;
        if (status == EB_OK || status == EB_EMPTY || status == EB_END)
            status = make_group_at(r, topic, &at, until, err);
    }
done:
    json_decref(internal);
    return status;
}

/* ---- sources ---- */

/* As libpulsar begins a line about a consumer, "[persistent://tenant/namespace/topic-partition-0, group, 7] ...". NULL: no memory. */
static char *label_of(const struct pl_receiving *r, const char *topic, int partition) {
    char name[PL_TOPIC_ROOM], part[24] = "", *label;
    struct eb_error err;

    if (pl_topic_name(r->own, topic, name, &err) != EB_OK)
        *name = '\0'; /* no line begins so */
    if (partition >= 0)
        snprintf(part, sizeof part, "-partition-%d", partition);
    return asprintf(&label, "[%s%s, %s, ", name, part, r->group) < 0 ? NULL : label;
}

/* `n`: how many the topic has. */
static int32_t add_source(struct pl_receiving *r, const struct pl_watched *watched, int partition, int n, bool from_earliest,
                          int64_t until, struct eb_error *err) {
    bool somewhere = r->start.kind == EB_TIME || r->start.kind == EB_POSITION;
    struct pl_source *source;
    int32_t status = somewhere && !from_earliest ? make_group(r, watched->topic, partition, until, err) : EB_OK;

    if (status != EB_OK)
        return status;
    source = calloc(1, sizeof *source);
    if (!source || !(source->topic = strdup(watched->topic)) || !(source->label = label_of(r, watched->topic, partition))) {
        if (source)
            free(source->topic);
        free(source);
        return ebp_no_memory(err);
    }
    source->r = r;
    source->partition = partition;
    source->ahead = r->ahead / (r->n_watched * (size_t)n);
    if (source->ahead == 0)
        source->ahead = 1;
    source->from_earliest = from_earliest;
    source->state = PL_SOURCE_FOUND;
    pthread_mutex_lock(&r->lock);
    source->next = r->sources;
    r->sources = source;
    pthread_mutex_unlock(&r->lock);
    pl_receiving_signal(r);
    return EB_OK;
}

/* Adds what the topic has: itself, or the partitions that were not there at an earlier look. */
static int32_t add_sources(struct pl_receiving *r, struct pl_watched *watched, int partitions, int64_t until,
                           struct eb_error *err) {
    int n = partitions > 0 ? partitions : 1;
    int32_t status = EB_OK;

    for (; status == EB_OK && watched->n < n; watched->n += status == EB_OK)
        status = add_source(r, watched, partitions > 0 ? watched->n : -1, n, watched->absent || watched->known, until, err);
    if (status == EB_OK)
        watched->known = true;
    return status;
}

/* A topic that is not there is waited for, and said once. */
static void note_absent(struct pl_receiving *r, struct pl_watched *watched) {
    char text[400];

    snprintf(text, sizeof text, "topic %.200s does not exist%s", watched->topic, r->wanted_until_end ? "" : "; waiting for it");
    if (!watched->absent)
        log_line(r, EBP_LOG_WARNING, text);
    watched->absent = true;
}

static int32_t look_at_topic(struct pl_receiving *r, struct pl_watched *watched, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + ASK_MS;
    int n = 0;
    int32_t status;

    if (ebp_monotonic_ms() < watched->look_ms)
        return EB_OK;
    status = pl_query_partitions(&r->admin, watched->topic, until, &n, err);
    if (status == EB_GONE) {
        note_absent(r, watched);
        return EB_OK;
    }
    if (status == EB_OK)
        status = add_sources(r, watched, n, until, err);
    if (status == EB_OK)
        watched->look_ms = n > 0 ? ebp_monotonic_ms() + GROWTH_MS : INT64_MAX;
    return status;
}

/* ---- patterns ---- */

static int32_t add_watched(struct pl_receiving *r, const char *topic, bool absent, struct eb_error *err) {
    for (size_t i = 0; i < r->n_watched; i++)
        if (strcmp(r->watched[i].topic, topic) == 0)
            return EB_OK;
    if (!EBP_RESERVE(r->watched, r->watched_room, r->n_watched + 1))
        return ebp_no_memory(err);
    r->watched[r->n_watched] = (struct pl_watched){ .topic = strdup(topic), .absent = absent };
    return r->watched[r->n_watched++].topic ? EB_OK : ebp_no_memory(err);
}

static bool matches(struct pl_receiving *r, const char *topic) {
    bool is_one;

    pthread_mutex_lock(&r->lock);
    is_one = !r->closed && r->host->matches(r->host, topic);
    pthread_mutex_unlock(&r->lock);
    return is_one;
}

static int32_t look_for_topics(struct pl_receiving *r, struct eb_error *err) {
    static const char *const requests[] = { "", "/partitioned" };
    int64_t until = ebp_monotonic_ms() + ASK_MS;
    int32_t status = EB_OK;

    for (size_t i = 0; status == EB_OK && i < 2; i++) {
        struct pl_answer answer;
        const json_t *one;
        size_t at;
        status = pl_ask_namespace(&r->admin, requests[i], until, &answer, err);
        if (status == EB_OK && !json_is_array(answer.json))
            status = ebp_error_of_kind(
                err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                "namespace %s/%s: the answer about its topics is not one of Pulsar's; is admin_url right?", r->own->tenant,
                r->own->name_space);
        json_array_foreach((json_t *)answer.json, at, one) {
            const char *full = json_string_value(one);
            char name[PL_TOPIC_ROOM], spelt[PL_TOPIC_ROOM];
            int partition;
            if (status == EB_OK && full && pl_topic_of(r->own, full, name, &partition) && strncmp(name, "__", 2) != 0 &&
                pl_topic_name(r->own, name, spelt, NULL) == EB_OK && matches(r, name))
                status = add_watched(r, name, r->listed_once, err); /* a later one is new: from its beginning */
        }
        pl_answer_free(&answer);
    }
    r->listed_once = r->listed_once || status == EB_OK;
    return status;
}

/* ---- the thread ---- */

static bool has_pattern(const struct pl_receiving *r) {
    bool pattern = false;

    for (char **topic = r->topics; *topic; topic++)
        pattern = pattern || strchr(*topic, '*');
    return pattern;
}

/* Looks at all topics. Returns how long the next look may wait. */
static int64_t look_around(struct pl_receiving *r) {
    bool pattern = has_pattern(r), all_known = true;
    struct eb_error err = { 0 }, first = { 0 };

    if (pattern && look_for_topics(r, &err) != EB_OK)
        first = err;
    for (size_t i = 0; i < r->n_watched && !is_closed(r); i++) {
        if (look_at_topic(r, &r->watched[i], &err) < 0 && first.status == EB_OK)
            first = err;
        all_known = all_known && r->watched[i].known;
    }
    note_look(r, first.status != EB_OK ? &first : NULL);
    if (first.status != EB_OK)
        return r->own->topic_wait < 1000 ? r->own->topic_wait : 1000;
    r->looked_once = true;
    return pattern || !all_known ? r->own->topic_wait : IDLE_MS;
}

static void *watch(void *arg) {
    struct pl_receiving *r = arg;
    int64_t next_ms = 0, now;

    while (!is_closed(r)) {
        now = ebp_monotonic_ms();
        if (now >= next_ms)
            next_ms = ebp_monotonic_ms() + look_around(r);
        if (r->wanted_until_end && r->looked_once)
            pl_until_end_look(r, ebp_monotonic_ms() + ASK_MS);
        now = ebp_monotonic_ms();
        ebp_cond_wakeup_wait(&r->watch_changed, r->wanted_until_end && r->looked_once ? END_MS : next_ms - now);
        ebp_cond_wakeup_take(&r->watch_changed);
    }
    ebp_cond_wakeup_signal(&r->watch_ended);
    pl_receiving_unref(r);
    return NULL;
}

static char **copy_topics(const struct eb_subscription *wanted) {
    char **topics = calloc(wanted->n_topics + 1, sizeof *topics);

    for (size_t i = 0; topics && i < wanted->n_topics; i++)
        if (!(topics[i] = strdup(wanted->topics[i]))) {
            while (i > 0)
                free(topics[--i]);
            free(topics);
            return NULL;
        }
    return topics;
}

static int32_t copy_start(struct pl_receiving *r, struct eb_error *err) {
    const struct eb_point *start = r->wanted->start;

    r->start = (struct eb_point){ .size = sizeof r->start, .kind = start ? start->kind : EB_EARLIEST };
    if (start)
        r->start.time_ms = start->time_ms;
    if (start && start->kind == EB_POSITION && !ebp_text_dup(start->position, &r->start.position))
        return ebp_no_memory(err);
    return EB_OK;
}

/* Copies all that the thread needs: a request to a broker that does not answer may outlive the close. */
static int32_t copy_all(struct pl_receiving *r, struct eb_error *err) {
    int32_t status = EB_OK;

    r->wanted_until_end = r->wanted->until_end != 0;
    r->own = pl_settings_copy(r->set);
    r->topics = copy_topics(r->wanted);
    r->group = strdup(r->wanted->group);
    if (!r->own || !r->topics || !r->group)
        return ebp_no_memory(err);
    for (char **topic = r->topics; status == EB_OK && *topic; topic++)
        if (!strchr(*topic, '*'))
            status = add_watched(r, *topic, false, err);
    if (status == EB_OK)
        status = copy_start(r, err);
    r->admin = (struct pl_admin){ .host = r->host, .set = r->own };
    return status == EB_OK ? pl_http_open(r->own, &r->admin.http, err) : status;
}

int32_t pl_watch_start(struct pl_receiving *r, struct eb_error *err) {
    int32_t status = copy_all(r, err);
    int failed;

    if (status != EB_OK)
        return status;
    __atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
    failed = ebp_thread_start(&r->thread, watch, r, "pulsar-watch");
    if (!failed) {
        pthread_detach(r->thread);
        r->watching = true;
        return EB_OK;
    }
    pl_receiving_unref(r);
    errno = failed;
    return ebp_errno(err, EB_RETRIABLE, "cannot start a thread");
}

void pl_watch_stop(struct pl_receiving *r, int64_t timeout_ms) {
    ebp_cond_wakeup_signal(&r->watch_changed);
    if (r->watching)
        ebp_cond_wakeup_wait(&r->watch_ended, timeout_ms);
}

void pl_watch_free(struct pl_receiving *r) {
    for (struct pl_source *source = r->sources, *next; source; source = next) {
        next = source->next;
        free(source->topic);
        free(source->label);
        free(source);
    }
    for (size_t i = 0; i < r->n_watched; i++)
        free(r->watched[i].topic);
    free(r->watched);
    for (char **topic = r->topics; topic && *topic; topic++)
        free(*topic);
    free(r->topics);
    free(r->group);
    ebp_text_free(&r->start.position);
    pl_http_close(r->admin.http);
    pl_settings_free(r->own);
}
