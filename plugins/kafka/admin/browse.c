/* plugins/kafka/admin/browse.c - reads a topic without a group; see admin.h.
 *
 * A position names one partition, but a walk that continues from the last message of the walk before has to continue in all
 * of them. So the end of the last walk is remembered, and used when the next one begins at exactly that message. */
#include "admin.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "position.h"
#include "client/fetch_wakeup.h"

/* One walk. */
struct walk {
    struct kf_admin *a;
    rd_kafka_topic_partition_list_t *at, *ends; /* of each partition, the next offset and the end; in one order */
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int begun;    /* partitions that are fetched from */
    int left_out; /* partitions without a leader */
    struct kf_fetch_wakeup fetch_wakeup;
};

/* ---- The client that fetches; it belongs to no group ---- */

static int32_t open_fetcher(struct kf_admin *a, struct eb_error *err) {
    rd_kafka_conf_t *conf;
    int32_t status;

    if (a->fetcher.rk)
        return EB_OK;
    conf = kf_conf_new(a->client.set, KF_CONSUMER, a->client.host->service, err);
    if (!conf)
        return EB_PERMANENT;
    if (!kf_conf_set(conf, "enable.partition.eof", "true", err)) {
        rd_kafka_conf_destroy(conf);
        return EB_PERMANENT;
    }
    status = kf_client_open(&a->fetcher, a->client.host, a->client.set, KF_FETCHER, conf, err);
    if (status == EB_OK)
        a->reader = (struct kf_reader){ .host = a->client.host, .registry = a->fetcher.registry };
    return status;
}

/* ---- Where to begin, where to end ---- */

static bool goes_on(const struct kf_admin *a, const char *topic, const struct eb_point *from) {
    return from->kind == EB_POSITION && a->browsed && a->next && strcmp(a->browsed, topic) == 0 &&
           strcmp(a->last, from->position.data) == 0;
}

static int32_t find_offsets(struct walk *w, const char *topic, const struct eb_point *from, int64_t until,
                            struct eb_error *err) {
    struct kf_admin *a = w->a;

    w->ends = rd_kafka_topic_partition_list_copy(w->at);
    int32_t status = kf_query_point(a, w->at, from, RD_KAFKA_OFFSET_BEGINNING, until, err);
    if (status == EB_OK)
        status = kf_query_offsets(a, w->ends, RD_KAFKA_OFFSET_END, until, err);
    for (int i = 0; status == EB_OK && goes_on(a, topic, from) && i < w->at->cnt; i++) {
        rd_kafka_topic_partition_t *one = &w->at->elems[i];
        int64_t named, next = kf_offset_in(a->next, topic, one->partition);
        if (next >= 0 && !kf_position_offset(from->position.data, one->partition, &named))
            one->offset = next;
    }
    return status;
}

/* Leaves partitions without a leader out, so that they hide no other. */
static int32_t leave_out_leaderless(struct walk *w, int64_t until, struct eb_error *err) {
    struct kf_bounds bounds = { .lows = w->at, .highs = w->ends };
    int32_t status = kf_query_bounds(w->a, &bounds, until, err);

    w->at = rd_kafka_topic_partition_list_new(bounds.lows->cnt);
    w->ends = NULL;
    for (int i = 0; i < bounds.lows->cnt; i++)
        if (bounds.lows->elems[i].err)
            w->left_out++;
        else
            rd_kafka_topic_partition_list_add(w->at, bounds.lows->elems[i].topic, bounds.lows->elems[i].partition);
    kf_bounds_free(&bounds);
    return status;
}

static int32_t find_range(struct walk *w, const char *topic, const struct eb_point *from, int64_t until, struct eb_error *err) {
    struct eb_error why = { 0 };
    int32_t status = kf_query_partitions(w->a, topic, until, &w->at, err);

    if (status != EB_OK)
        return status;
    status = find_offsets(w, topic, from, until, &why);
    if (status == EB_RETRIABLE && why.native == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        status = leave_out_leaderless(w, until, &why);
        if (status == EB_OK)
            status = find_offsets(w, topic, from, until, &why);
    }
    if (status != EB_OK && err)
        *err = why;
    return status;
}

/* Keeps where this walk has ended, instead of the last one. */
static void remember(struct walk *w, const char *topic) {
    struct kf_admin *a = w->a;

    free(a->browsed);
    a->browsed = strdup(topic);
    kf_topic_list_free(a->next);
    a->next = rd_kafka_topic_partition_list_copy(w->at);
}

/* ---- Fetching ---- */

static int32_t begin(struct walk *w, const char *topic, struct eb_error *err) {
    int32_t status = open_fetcher(w->a, err);

    if (status != EB_OK)
        return status;
    w->topic = rd_kafka_topic_new(w->a->fetcher.rk, topic, NULL);
    w->queue = rd_kafka_queue_new(w->a->fetcher.rk);
    for (; w->topic && w->begun < w->at->cnt; w->begun++) {
        const rd_kafka_topic_partition_t *one = &w->at->elems[w->begun];
        if (one->offset < w->ends->elems[w->begun].offset &&
            rd_kafka_consume_start_queue(w->topic, one->partition, one->offset, w->queue) != 0)
            return kf_failed(err, rd_kafka_last_error(), "reading topic %s", topic);
    }
    return w->topic ? EB_OK : kf_failed(err, rd_kafka_last_error(), "reading topic %s", topic);
}

static void end(struct walk *w) {
    for (int i = 0; i < w->begun; i++)
        if (w->topic)
            rd_kafka_consume_stop(w->topic, w->at->elems[i].partition);
    if (w->topic)
        rd_kafka_topic_destroy(w->topic);
    if (w->queue)
        rd_kafka_queue_destroy(w->queue);
    kf_topic_list_free(w->at);
    kf_topic_list_free(w->ends);
}

static bool is_over(const struct walk *w) {
    for (int i = 0; i < w->at->cnt; i++)
        if (w->at->elems[i].offset < w->ends->elems[i].offset)
            return false;
    return true;
}

/* ---- One message ---- */

/* Reads a record, and waits for its schema if need be. */
static int32_t read_patiently(struct kf_admin *a, const rd_kafka_message_t *record, const char *topic,
                              struct eb_message *message, int64_t until, struct eb_error *err) {
    struct sr_registry *registry = a->reader.registry;
    int32_t status;

    while ((status = kf_reader_read(&a->reader, record, topic, message)) == EB_EMPTY && ebp_monotonic_ms() < until) {
        struct pollfd fd = { .fd = sr_fd(registry), .events = POLLIN };
        poll(&fd, 1, 100);
        sr_poll(registry);
    }
    if (status == EB_EMPTY && sr_link_status(registry, err) == EB_OK)
        ebp_error(err, EB_RETRIABLE, 0, "the schema registry does not answer");
    return status == EB_EMPTY ? EB_RETRIABLE : status == EB_OK ? EB_OK : ebp_no_memory(err);
}

/* Delivers a record to `each`, if it is a message in front of the end. Returns EB_END if `each` wants no more. */
static int32_t deliver_one(struct walk *w, const rd_kafka_message_t *record, const char *topic, int64_t until,
                           int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    rd_kafka_topic_partition_t *one = rd_kafka_topic_partition_list_find(w->at, topic, record->partition);
    int64_t last = kf_offset_in(w->ends, topic, record->partition);
    struct eb_message message;

    if (record->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && one) {
        one->offset = record->offset > one->offset ? record->offset : one->offset;
        return EB_OK;
    }
    if (record->err)
        return kf_admin_failed(w->a, err, record->err, "reading topic %s", topic);
    if (!one || record->offset >= last) {
        if (one && one->offset < last)
            one->offset = last; /* up to there are only markers of transactions */
        return EB_OK;
    }
    int32_t status = read_patiently(w->a, record, topic, &message, until, err);
    if (status != EB_OK)
        return status;
    message.partition = (uint32_t)record->partition;
    one->offset = record->offset + 1;
    snprintf(w->a->last, sizeof w->a->last, "%s", message.position.data);
    return each(arg, &message) == 0 ? EB_OK : EB_END;
}

int32_t kf_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct walk w = { .a = self };
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    int32_t status = kf_position_check(from, err);

    if (status == EB_OK)
        status = find_range(&w, topic, from, until, err);
    if (status == EB_OK && !is_over(&w))
        status = begin(&w, topic, err);
    kf_fetch_wakeup_init(&w.fetch_wakeup);
    while (status == EB_OK && !is_over(&w)) {
        rd_kafka_message_t *record = rd_kafka_consume_queue(w.queue, 10);
        int64_t now = ebp_monotonic_ms();
        kf_fetch_wakeup_run(&w.fetch_wakeup, w.a->fetcher.rk, w.a->client.set, now);
        if (!record && now >= until)
            status = kf_admin_failed(w.a, err, RD_KAFKA_RESP_ERR__TIMED_OUT, "reading topic %s", topic);
        if (!record)
            continue;
        kf_fetch_wakeup_consumed(&w.fetch_wakeup, now);
        status = deliver_one(&w, record, topic, now + timeout_ms, each, arg, err);
        until = ebp_monotonic_ms() + timeout_ms; /* the walk goes on as long as messages come, whatever `each` takes */
        rd_kafka_message_destroy(record);
    }
    if (w.at && status >= EB_OK)
        remember(&w, topic);
    if (status == EB_OK && w.left_out > 0)
        status = ebp_error(err, EB_PERMANENT, 0, "topic %s: %d partition(s) have no leader and cannot be read", topic,
                           w.left_out);
    end(&w);
    return status == EB_END ? EB_OK : status == EB_GONE ? EB_END : status;
}
