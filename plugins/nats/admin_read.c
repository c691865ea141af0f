/* admin_read.c - lists topics and groups, and browses messages. See admin.h. */
#include "admin.h"

#include <stdlib.h>
#include <string.h>

/* Calls `each` for the streams that are topics, until it returns other than 0. Others keep streams in the same account. */
static int32_t each_topic(struct admin *a, int32_t timeout_ms,
                          int32_t (*each)(void *, const char *topic, const struct ebn_stream_info *), void *arg,
                          struct eb_error *err) {
    char topic[EBN_NAME_MAX + 1], subject[EBN_SUBJECT_ROOM], page[64];
    struct ebn_stream_info info;
    int32_t status = EB_OK;
    size_t at = 0, total = 1, n;
    bool stopped = false;

    while (status == EB_OK && at < total && !stopped) {
        struct ebn_answer answer;
        snprintf(page, sizeof page, "{\"offset\":%zu}", at);
        status = ebn_request(a, "STREAM.LIST", NULL, NULL, strdup(page), ebp_monotonic_ms() + timeout_ms, &answer, err);
        if (status == EB_OK && answer.http != 0)
            status = ebn_answer_failed(&answer, err, "list of", "streams");
        const json_t *list = json_object_get(answer.root, "streams");
        n = json_array_size(list);
        for (size_t i = 0; status == EB_OK && i < n && !stopped; i++) {
            if (!ebn_stream_info_read(json_array_get(list, i), &info) || !ebn_name_text(info.name, topic))
                continue;
            ebn_subject(a->settings, topic, subject);
            if (strcmp(subject, info.subject) == 0)
                stopped = each(arg, topic, &info) != 0;
        }
        total = n > 0 ? (size_t)json_integer_value(json_object_get(answer.root, "total")) : 0;
        at += n;
        ebn_answer_free(&answer);
    }
    return status;
}

struct topics {
    int32_t (*each)(void *, const struct eb_topic_info *);
    void *arg;
};

static int32_t tell_topic(void *arg, const char *topic, const struct ebn_stream_info *found) {
    const struct topics *t = arg;
    const struct eb_topic_info info = { .size = sizeof info,
                                        .name = topic,
                                        .partitions = 1,
                                        .messages = (int64_t)found->messages,
                                        .bytes = (int64_t)found->bytes,
                                        .oldest_ms = found->first_ms,
                                        .newest_ms = found->last_ms };
    return t->each(t->arg, &info);
}

int32_t ebn_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                         struct eb_error *err) {
    struct topics topics = { each, arg };

    return each_topic(self, timeout_ms, tell_topic, &topics, err);
}

/* ---- Groups ---- */

struct groups {
    struct admin *admin;
    const char *topic, *stream, *group; /* at work; group: wanted, or NULL */
    uint64_t last;
    int32_t timeout_ms, status;
    int32_t (*each)(void *, const struct eb_group_info *);
    void *arg;
    struct eb_error *err;
    bool stopped;
};

static int32_t tell_group(void *arg, const char *group, const struct ebn_consumer_info *found) {
    struct groups *g = arg;
    struct ebn_members members;
    char position[EBN_POSITION_ROOM], end[EBN_POSITION_ROOM];
    struct eb_group_info info = { .size = sizeof info,
                                  .topic = g->topic,
                                  .group = group,
                                  .partition = "",
                                  .position = position,
                                  .end = end,
                                  .lag = (int64_t)(found->pending + found->ack_pending),
                                  .unsettled = (int64_t)found->ack_pending,
                                  .members = -1 };

    if (g->group && strcmp(g->group, group) != 0)
        return 0;
    g->status = ebn_find_members(g->admin, g->stream, found->name, ebp_monotonic_ms() + g->timeout_ms, &members, g->err);
    if (g->status != EB_OK)
        return 1;
    info.members = (int64_t)members.n;
    uint64_t at = found->ack_pending > 0 ? found->ack_floor : found->delivered;
    ebn_position_text(at + 1, position);
    ebn_position_text(g->last + 1, end);
    return g->each(g->arg, &info);
}

static int32_t groups_of_topic(void *arg, const char *topic, const struct ebn_stream_info *info) {
    struct groups *g = arg;

    g->topic = topic;
    g->last = info->last;
    g->stream = info->name;
    int32_t status = ebn_each_group(g->admin, info->name, g->timeout_ms, tell_group, g, &g->stopped, g->err);
    if (status != EB_OK && status != EB_GONE) /* removed meanwhile */
        g->status = status;
    return g->stopped || g->status != EB_OK;
}

int32_t ebn_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                         int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct groups g = { .admin = self, .group = group, .timeout_ms = timeout_ms, .each = each, .arg = arg, .err = err };
    struct ebn_stream_info info;
    char stream[EBN_NAME_MAX + 1];
    int32_t status;

    if (topic) {
        status = ebn_find_topic(self, topic, ebp_monotonic_ms() + timeout_ms, stream, &info, err);
        if (status == EB_OK)
            groups_of_topic(&g, topic, &info);
        return status == EB_GONE ? EB_OK : status != EB_OK ? status : g.status;
    }
    status = each_topic(self, timeout_ms, groups_of_topic, &g, err);
    return status != EB_OK ? status : g.status;
}

/* ---- Browsing ---- */

struct browsing {
    struct admin *admin;
    const char *topic;
    struct ebn_stream_info info;
    uint64_t at; /* the next sequence to read */
    int32_t timeout_ms;
    int64_t until_ms; /* when the next message must be there */
    int32_t (*each)(void *, const struct eb_message *);
    void *arg;
    char reader[256]; /* the consumer's name; "": to be made */
    bool stopped;
};

enum { PAGE = 256 };

/* Makes a consumer that ends by itself and leaves no trace in a group. */
static int32_t make_reader(struct browsing *b, struct eb_error *err) {
    char position[EBN_POSITION_ROOM];
    struct eb_point from = { .size = sizeof from, .kind = EB_POSITION };
    const struct ebn_consumer_config config = { .stream = b->info.name, .start = &from };
    struct ebn_consumer_info made;
    struct ebn_answer answer;

    ebn_position_text(b->at, position);
    from.position = ebp_text_of(position);
    int32_t status = ebn_request(b->admin, "CONSUMER.CREATE", b->info.name, NULL, ebn_consumer_request(&config),
                                 ebp_monotonic_ms() + b->timeout_ms, &answer, err);
    if (status != EB_OK)
        return status;
    if (answer.http != 0 || !ebn_consumer_info_read(answer.root, &made))
        status = ebn_answer_failed(&answer, err, "topic", b->topic);
    else
        snprintf(b->reader, sizeof b->reader, "%s", made.name);
    ebn_answer_free(&answer);
    return status;
}

/* Gives one message to the host. Returns false for a status, which ends the page. */
static bool show(struct browsing *b, natsMsg *message, int32_t *status, struct eb_error *err) {
    struct ebn_delivered delivered;
    struct eb_message shown;

    if (!ebn_delivered_read(message, &delivered))
        return false;
    if (!ebp_text_is(delivered.stream, b->info.name) || delivered.sequence < b->at)
        return true; /* of an earlier request */
    b->at = delivered.pending > 0 ? delivered.sequence + 1 : UINT64_MAX;
    if (delivered.sequence > b->info.last)
        return true;
    *status = ebn_message_read(&b->admin->reading, message, b->topic, &delivered, &shown, err);
    shown.deliveries = 0;
    if (*status == EB_OK)
        b->stopped = b->each(b->arg, &shown) != 0;
    return true;
}

/* Reads up to PAGE messages. A reader that is gone, since `each` took long or the server was restarted, is made anew. */
static int32_t read_page(struct browsing *b, struct eb_error *err) {
    struct admin *a = b->admin;
    char subject[EBN_API_ROOM], text[96];
    uint64_t number = ++a->n_requests;
    int32_t status = EB_OK;
    bool more = true;
    int n = 0;

    ebn_api(a->settings, "CONSUMER.MSG.NEXT", b->info.name, b->reader, subject);
    snprintf(text, sizeof text, "{\"batch\":%d,\"no_wait\":true}", PAGE);
    if (!a->up || !ebn_send_text(a->connection, a->epoch, 'r', number, subject, text))
        more = false;
    for (; more && n < PAGE && status == EB_OK && !b->stopped && b->at <= b->info.last; n++) {
        natsMsg *message = ebn_next(a, number, true, b->until_ms);
        more = message && show(b, message, &status, err);
        natsMsg_Destroy(message);
        if (more)
            b->until_ms = ebp_monotonic_ms() + b->timeout_ms;
    }
    if (!more)
        b->reader[0] = 0;
    if (!more && ebp_monotonic_ms() >= b->until_ms)
        return ebp_error(err, EB_RETRIABLE, 0, "topic %.300s: no message in %d ms", b->topic, (int)b->timeout_ms);
    return status;
}

int32_t ebn_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                         int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct browsing b = { .admin = self, .topic = topic, .timeout_ms = timeout_ms, .each = each, .arg = arg };
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    char stream[EBN_NAME_MAX + 1];
    struct ebn_answer answer;
    int32_t status = ebn_check_point(from, err);

    if (status == EB_OK)
        status = ebn_find_topic(self, topic, until, stream, &b.info, err);
    if (status != EB_OK)
        return status == EB_GONE ? EB_END : status;
    status = ebn_find_point(self, topic, &b.info, from, until, &b.at, err);
    if (status == EB_END)
        return EB_OK; /* there is nothing after the end */
    b.until_ms = ebp_monotonic_ms() + timeout_ms;
    while (status == EB_OK && !b.stopped && b.info.messages > 0 && b.at <= b.info.last) {
        if (!b.reader[0])
            status = make_reader(&b, err);
        if (status == EB_OK)
            status = read_page(&b, err);
    }
    if (b.reader[0] && ebn_request(self, "CONSUMER.DELETE", b.info.name, b.reader, strdup(""), ebp_monotonic_ms() + timeout_ms,
                                   &answer, NULL) == EB_OK)
        ebn_answer_free(&answer);
    return status;
}
