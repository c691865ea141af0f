/* admin_write.c - moves groups, trims, makes and removes topics. See admin.h. */
#include "admin.h"

#include <stdlib.h>
#include <string.h>

static int32_t no_topic(const char *topic, struct eb_error *err) {
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %.300s does not exist", topic);
}

/* Makes the stream of a topic; one that exists stays as it is. */
static int32_t make_topic(struct admin *a, const char *topic, int64_t until, struct eb_error *err) {
    char stream[EBN_NAME_MAX + 1], subject[EBN_SUBJECT_ROOM];
    struct ebn_answer answer;
    int32_t status = ebn_check_name("topic", topic, err);

    if (status != EB_OK)
        return status;
    ebn_name(topic, stream);
    ebn_subject(a->settings, topic, subject);
    status = ebn_request(a, "STREAM.CREATE", stream, NULL, ebn_stream_config(a->settings, stream, subject), until, &answer,
                         err);
    if (status == EB_OK && answer.http != 0 && answer.code != EBN_STREAM_EXISTS)
        status = ebn_answer_failed(&answer, err, "topic", topic);
    ebn_answer_free(&answer);
    return status;
}

/* Finds a group. Returns EB_GONE, and leaves the error as it is, if the group does not exist. */
static int32_t find_group(struct admin *a, const char *stream, const char *group, int64_t until, char *durable,
                          struct ebn_consumer_info *info, struct eb_error *err) {
    struct ebn_answer answer;
    int32_t status;

    if (!ebn_name(group, durable))
        return EB_GONE;
    status = ebn_request(a, "CONSUMER.INFO", stream, durable, strdup(""), until, &answer, err);
    if (status != EB_OK)
        return status;
    if (answer.code == EBN_CONSUMER_NOT_FOUND || answer.code == EBN_STREAM_NOT_FOUND)
        status = EB_GONE;
    else if (answer.http != 0 || !ebn_consumer_info_read(answer.root, info))
        status = ebn_answer_failed(&answer, err, "group", group);
    ebn_answer_free(&answer);
    return status;
}

/* Sends a request of which only the error matters. `gone`: the code for what does not exist. */
static int32_t change(struct admin *a, const char *request, const char *stream, const char *consumer, char *text, int64_t until,
                      int gone, struct eb_error *err) {
    struct ebn_answer answer;
    int32_t status = ebn_request(a, request, stream, consumer, text, until, &answer, err);

    if (status == EB_OK && answer.http != 0)
        status = answer.code == gone ? EB_GONE : ebn_answer_failed(&answer, err, request, stream);
    ebn_answer_free(&answer);
    return status;
}

/* EB_PERMANENT: the group has live members. JetStream cannot move its consumer, but only remove it and make it anew, and what they
 * have in flight would settle the new one's. */
static int32_t check_members(struct admin *a, const char *topic, const char *stream, const char *group, int64_t until,
                             struct eb_error *err) {
    char durable[EBN_NAME_MAX + 1];
    struct ebn_members members;
    int32_t status = ebn_name(group, durable) ? ebn_find_members(a, stream, durable, until, &members, err) : EB_GONE;

    if (status != EB_OK || members.n == 0)
        return status;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "topic %.200s: group %.200s has %zu live members: %s; stop them first (one that was killed counts "
                             "until its lease is over)",
                             topic, group, members.n, members.names);
}

/* Removes the group's consumer and makes it anew. */
static int32_t move(struct admin *a, const char *stream, const char *durable, int64_t ack_wait_ms, uint64_t to, int64_t until,
                    struct eb_error *err) {
    char position[EBN_POSITION_ROOM];
    struct eb_point point = { .size = sizeof point, .kind = EB_POSITION };
    const struct ebn_consumer_config config = {
        .stream = stream, .durable = durable, .start = &point, .ack_wait_ms = ack_wait_ms
    };
    int32_t status = change(a, "CONSUMER.DELETE", stream, durable, strdup(""), until, EBN_CONSUMER_NOT_FOUND, err);

    ebn_position_text(to, position);
    point.position = ebp_text_of(position);
    if (status == EB_OK || status == EB_GONE)
        status = change(a, "CONSUMER.DURABLE.CREATE", stream, durable, ebn_consumer_request(&config), until,
                        EBN_STREAM_NOT_FOUND, err);
    return status;
}

int32_t ebn_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                       int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                       struct eb_error *err) {
    struct admin *a = self;
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    char stream[EBN_NAME_MAX + 1], durable[EBN_NAME_MAX + 1], before[EBN_POSITION_ROOM], after[EBN_POSITION_ROOM];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .after = after };
    struct ebn_stream_info found = { .last = 0 };
    struct ebn_consumer_info had = { .ack_wait_ms = 0 };
    bool changes = !(flags & EB_DRY_RUN);
    uint64_t sequence = 1;
    int32_t status = ebn_check_point(to, err);

    if (status == EB_OK && flags & EB_CREATE && (status = ebn_check_name("topic", topic, err)) == EB_OK)
        status = ebn_check_name("group", group, err);
    if (status != EB_OK)
        return status;
    int32_t has_topic = ebn_find_topic(a, topic, until, stream, &found, err), has_group = EB_GONE;
    if (has_topic == EB_GONE && !(flags & EB_CREATE))
        return no_topic(topic, err);
    if (has_topic == EB_OK)
        has_group = find_group(a, stream, group, until, durable, &had, err);
    else if (has_topic != EB_GONE)
        return has_topic;
    if (has_group == EB_GONE && !(flags & EB_CREATE))
        return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "topic %.300s has no group %.200s", topic, group);
    if (has_group != EB_OK && has_group != EB_GONE)
        return has_group;
    status = ebn_find_point(a, topic, &found, to, until, &sequence, err);
    if (status == EB_OK && has_group == EB_OK)
        status = check_members(a, topic, stream, group, until, err);
    if (status == EB_OK && has_topic == EB_GONE && changes)
        status = make_topic(a, topic, until, err);
    ebn_name(group, durable);
    if (status == EB_OK && changes)
        status = move(a, stream, durable, had.ack_wait_ms > 0 ? had.ack_wait_ms : a->settings->lease, sequence, until, err);
    if (status != EB_OK)
        return status;
    if (has_group == EB_OK) {
        uint64_t at = had.ack_pending > 0 ? had.ack_floor : had.delivered;
        ebn_position_text(at + 1, before);
        info.before = before;
    }
    ebn_position_text(sequence, after);
    each(arg, &info);
    return EB_OK;
}

/* What the groups of a topic have not settled. */
struct unread {
    uint64_t first; /* the sequence of the first such message, or of one before it */
    bool in_flight;
};

static int32_t look_at_group(void *arg, const char *group, const struct ebn_consumer_info *info) {
    struct unread *unread = arg;
    uint64_t at = (info->ack_pending > 0 ? info->ack_floor : info->delivered) + 1;

    (void)group;
    unread->first = at < unread->first ? at : unread->first;
    unread->in_flight = unread->in_flight || info->ack_pending > 0;
    return 0;
}

/* Removes the messages before a sequence. A purge makes servers forget which messages are to be delivered again, so that
 * nats-server 2.9 never does: where a group has some in flight, they are removed one by one. */
static int32_t remove_before(struct admin *a, const char *stream, uint64_t first, uint64_t before, bool one_by_one,
                             int64_t until, struct eb_error *err) {
    char text[64];
    int32_t status = EB_OK;

    if (!one_by_one) {
        snprintf(text, sizeof text, "{\"seq\":%llu}", (unsigned long long)before);
        return change(a, "STREAM.PURGE", stream, NULL, strdup(text), until, EBN_STREAM_NOT_FOUND, err);
    }
    for (; first < before && status == EB_OK; first++) {
        snprintf(text, sizeof text, "{\"seq\":%llu,\"no_erase\":true}", (unsigned long long)first);
        status = change(a, "STREAM.MSG.DELETE", stream, NULL, strdup(text), until, EBN_STREAM_NOT_FOUND, err);
        if (status == EB_PERMANENT && err && (err->native == EBN_NO_MESSAGE || err->native == EBN_SEQUENCE_NOT_FOUND))
            status = EB_OK; /* a gap */
    }
    if (status != EB_OK && status != EB_GONE)
        ebp_error_context(err, "trimmed up to position %llu, one by one since a group has messages in flight",
                          (unsigned long long)first - 1);
    return status;
}

int32_t ebn_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                       struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    char stream[EBN_NAME_MAX + 1];
    struct ebn_stream_info info;
    struct unread unread = { .first = UINT64_MAX };
    uint64_t sequence = 1;
    bool stopped;
    int32_t status = ebn_check_point(before, err);

    if (status == EB_OK)
        status = ebn_find_topic(self, topic, until, stream, &info, err);
    if (status == EB_OK)
        status = ebn_find_point(self, topic, &info, before, until, &sequence, err);
    if (status == EB_OK)
        status = ebn_each_group(self, stream, (int32_t)(until - ebp_monotonic_ms()), look_at_group, &unread, &stopped, err);
    if (!unread_too && unread.first < sequence)
        sequence = unread.first;
    if (status == EB_OK && sequence > info.first)
        status = remove_before(self, stream, info.first, sequence, unread.in_flight, until, err);
    return status == EB_GONE ? no_topic(topic, err) : status;
}

int32_t ebn_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                         struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + timeout_ms;
    char stream[EBN_NAME_MAX + 1];
    struct ebn_stream_info info;

    if (partitions > 1)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic %.300s with %u partitions: a stream of NATS has no partitions", topic, partitions);
    if (!(flags & EB_DRY_RUN))
        return make_topic(self, topic, until, err);
    int32_t status = ebn_check_name("topic", topic, err);
    if (status == EB_OK)
        status = ebn_find_topic(self, topic, until, stream, &info, err);
    return status == EB_GONE ? EB_OK : status;
}

/* A group with live members stays: they would make it anew, and get everything again. */
struct removing {
    struct admin *admin;
    const char *topic, *stream;
    int64_t until;
    int32_t status;
    struct eb_error *err;
};

static int32_t check_group(void *arg, const char *group, const struct ebn_consumer_info *info) {
    struct removing *r = arg;

    (void)info;
    r->status = check_members(r->admin, r->topic, r->stream, group, r->until, r->err);
    return r->status != EB_OK;
}

int32_t ebn_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    char stream[EBN_NAME_MAX + 1], durable[EBN_NAME_MAX + 1];
    struct removing r = {
        .admin = self, .topic = topic, .stream = stream, .until = ebp_monotonic_ms() + timeout_ms, .status = EB_OK, .err = err
    };
    struct ebn_stream_info found;
    struct ebn_consumer_info info;
    bool stopped = false;
    int32_t status = ebn_find_topic(self, topic, r.until, stream, &found, err);

    if (status == EB_OK && group)
        status = find_group(self, stream, group, r.until, durable, &info, err);
    if (status == EB_OK && group)
        check_group(&r, group, &info);
    else if (status == EB_OK)
        status = ebn_each_group(self, stream, timeout_ms, check_group, &r, &stopped, err);
    if (status != EB_OK || r.status != EB_OK)
        return status != EB_OK ? status : r.status;
    return group ? change(self, "CONSUMER.DELETE", stream, durable, strdup(""), r.until, EBN_CONSUMER_NOT_FOUND, err)
                 : change(self, "STREAM.DELETE", stream, NULL, strdup(""), r.until, EBN_STREAM_NOT_FOUND, err);
}
