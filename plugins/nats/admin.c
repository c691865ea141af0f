/* admin.c - the administration's requests, and how it finds topics, groups and points. See admin.h. */
#include "admin.h"

#include <stdlib.h>
#include <string.h>
#include "roles.h"

enum { REQUEST = 'r' };

natsMsg *ebn_next(struct admin *a, uint64_t number, bool deliveries, int64_t until) {
    uint32_t epoch = a->epoch;
    struct ebn_event event;

    for (;;) {
        while (ebn_take(a->connection, &event, 1) > 0) {
            if (event.kind == EBN_UP)
                a->epoch = event.epoch;
            a->up = event.kind == EBN_UP || (a->up && event.kind != EBN_DOWN);
            if (event.kind == EBN_MESSAGE && event.epoch == epoch && (event.what ? event.number == number : deliveries))
                return event.message;
            natsMsg_Destroy(event.message);
            if (event.kind != EBN_MESSAGE)
                return NULL;
        }
        if (ebp_monotonic_ms() >= until)
            return NULL;
        ebn_wait(a->connection, until - ebp_monotonic_ms());
    }
}

int32_t ebn_request(struct admin *a, const char *request, const char *stream, const char *consumer, char *text, int64_t until,
                    struct ebn_answer *answer, struct eb_error *err) {
    char subject[EBN_API_ROOM];
    natsMsg *message = NULL;
    int64_t begin = ebp_monotonic_ms();

    memset(answer, 0, sizeof *answer);
    if (!text)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    ebn_api(a->settings, request, stream, consumer, subject);
    do {
        uint64_t number = ++a->n_requests;
        if (a->up)
            ebn_send_text(a->connection, a->epoch, REQUEST, number, subject, text);
        message = ebn_next(a, number, false, until);
    } while (!message && ebp_monotonic_ms() < until);
    free(text);
    if (!message)
        return ebp_error(err, EB_RETRIABLE, 0, "%s in %lld ms (%s)", a->up ? "no answer from NATS" : "cannot reach NATS",
                         (long long)(ebp_monotonic_ms() - begin), request);
    ebn_answer_read(answer, message);
    natsMsg_Destroy(message);
    return EB_OK;
}

int32_t ebn_answer_failed(const struct ebn_answer *answer, struct eb_error *err, const char *what, const char *name) {
    return ebp_error(err, ebn_answer_may_change(answer) ? EB_RETRIABLE : EB_PERMANENT, answer->code, "%s %.300s: %s", what,
                     name, answer->text);
}

/* ---- Finding ---- */

int32_t ebn_find_topic(struct admin *a, const char *topic, int64_t until, char *stream, struct ebn_stream_info *info,
                       struct eb_error *err) {
    struct ebn_answer answer;
    int32_t status;

    if (!ebn_name(topic, stream))
        return EB_GONE;
    status = ebn_request(a, "STREAM.INFO", stream, NULL, strdup(""), until, &answer, err);
    if (status != EB_OK)
        return status;
    if (answer.code == EBN_STREAM_NOT_FOUND)
        status = EB_GONE;
    else if (answer.http != 0)
        status = ebn_answer_failed(&answer, err, "topic", topic);
    else if (!ebn_stream_info_read(answer.root, info))
        status = ebp_error(err, EB_RETRIABLE, 0, "topic %.300s: the server's answer says nothing of a stream", topic);
    ebn_answer_free(&answer);
    return status;
}

/* A consumer that begins at a time says with which message: it is made, read and left to end by itself. */
static int32_t find_time(struct admin *a, const struct ebn_stream_info *info, const struct eb_point *point, int64_t until,
                         uint64_t *sequence, struct eb_error *err) {
    const struct ebn_consumer_config config = { .stream = info->name, .start = point };
    struct ebn_consumer_info made;
    struct ebn_answer answer, gone;
    int32_t status = ebn_request(a, "CONSUMER.CREATE", info->name, NULL, ebn_consumer_request(&config), until, &answer, err);

    if (status != EB_OK)
        return status;
    if (answer.http != 0 || !ebn_consumer_info_read(answer.root, &made)) {
        status = ebn_answer_failed(&answer, err, "stream", info->name);
    } else {
        *sequence = made.pending > 0 ? made.delivered + 1 : info->last + 1; /* nothing is that young */
        if (ebn_request(a, "CONSUMER.DELETE", info->name, made.name, strdup(""), until, &gone, NULL) == EB_OK)
            ebn_answer_free(&gone);
    }
    ebn_answer_free(&answer);
    return status;
}

int32_t ebn_find_point(struct admin *a, const char *topic, const struct ebn_stream_info *info, const struct eb_point *point,
                       int64_t until, uint64_t *sequence, struct eb_error *err) {
    int32_t status = EB_OK;
    uint64_t asked = 0;

    *sequence = info->messages > 0 ? info->first : info->last + 1;
    if (!point || point->kind == EB_EARLIEST)
        return EB_OK;
    if (point->kind == EB_LATEST)
        asked = info->last + 1;
    else if (point->kind == EB_POSITION)
        status = ebn_position(point->position, &asked, err);
    else if (info->messages > 0)
        status = find_time(a, info, point, until, &asked, err);
    if (status != EB_OK)
        return status;
    if (point->kind == EB_POSITION && asked > info->last + 1)
        return ebp_error_of_kind(err, EB_END, EB_KIND_CONFIG, 0,
                                 "position %llu is after the end of topic %.300s, which is %llu", (unsigned long long)asked,
                                 topic, (unsigned long long)info->last + 1);
    if (asked > *sequence)
        *sequence = asked <= info->last + 1 ? asked : info->last + 1;
    return EB_OK;
}

int32_t ebn_each_group(struct admin *a, const char *stream, int32_t timeout_ms,
                       int32_t (*each)(void *, const char *, const struct ebn_consumer_info *), void *arg, bool *stopped,
                       struct eb_error *err) {
    struct ebn_consumer_info info;
    char group[EBN_NAME_MAX + 1], page[64];
    int32_t status = EB_OK;
    size_t at = 0, total = 1, n;

    *stopped = false;
    while (status == EB_OK && at < total && !*stopped) {
        struct ebn_answer answer;
        snprintf(page, sizeof page, "{\"offset\":%zu}", at);
        status = ebn_request(a, "CONSUMER.LIST", stream, NULL, strdup(page), ebp_monotonic_ms() + timeout_ms, &answer, err);
        if (status == EB_OK && answer.http != 0)
            status = answer.code == EBN_STREAM_NOT_FOUND ? EB_GONE : ebn_answer_failed(&answer, err, "stream", stream);
        const json_t *list = json_object_get(answer.root, "consumers");
        n = json_array_size(list);
        for (size_t i = 0; status == EB_OK && i < n && !*stopped; i++)
            if (ebn_consumer_info_read(json_array_get(list, i), &info) && info.durable && ebn_name_text(info.name, group))
                *stopped = each(arg, group, &info) != 0;
        total = n > 0 ? (size_t)json_integer_value(json_object_get(answer.root, "total")) : 0;
        at += n;
        ebn_answer_free(&answer);
    }
    return status;
}

/* See membership.c. */
int32_t ebn_find_members(struct admin *a, const char *stream, const char *durable, int64_t until, struct ebn_members *found,
                         struct eb_error *err) {
    char records[EBN_NAME_MAX + 16], text[EBN_API_ROOM], name[EBN_NAME_MAX + 1];
    struct ebn_answer answer;
    const char *subject;
    json_t *count;

    memset(found, 0, sizeof *found);
    free(ebn_members_config(a->settings, records));
    snprintf(text, sizeof text, "{\"subjects_filter\":\"%s.%%members.%s.%s.m.*\"}", a->settings->subject_prefix, stream,
             durable);
    int32_t status = ebn_request(a, "STREAM.INFO", records, NULL, strdup(text), until, &answer, err);
    if (status != EB_OK)
        return status;
    if (answer.http != 0 && answer.code != EBN_STREAM_NOT_FOUND)
        status = ebn_answer_failed(&answer, err, "members of", durable);
    json_object_foreach(json_object_get(json_object_get(answer.root, "state"), "subjects"), subject, count) {
        const char *last = strrchr(subject, '.');
        size_t at = strlen(found->names);
        if (last && ebn_name_text(last + 1, name))
            snprintf(found->names + at, sizeof found->names - at, "%s%s", found->n++ > 0 ? ", " : "", name);
    }
    ebn_answer_free(&answer);
    return status;
}

/* ---- Life ---- */

static int32_t admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct admin *a = calloc(1, sizeof *a);
    struct eb_error why = { .status = EB_RETRIABLE };

    if (!a)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    a->host = host;
    a->settings = settings;
    a->connection = ebn_connect(host, settings, 1024, "", &why);
    if (a->connection) {
        *self = a;
        return EB_OK;
    }
    free(a);
    if (err)
        *err = why;
    return why.status;
}

static void admin_close(void *self) {
    struct admin *a = self;

    ebn_disconnect(a->connection, true, 0);
    ebn_reading_free(&a->reading);
    free(a);
}

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EBN_ADMIN_TRAITS,
    .open = admin_open,
    .topics = ebn_admin_topics,
    .groups = ebn_admin_groups,
    .browse = ebn_admin_browse,
    .seek = ebn_admin_seek,
    .trim = ebn_admin_trim,
    .create = ebn_admin_create,
    .remove = ebn_admin_remove,
    .close = admin_close,
};
