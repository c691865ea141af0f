/* admin/query.c - what the broker knows of topics, partitions and positions; see admin.h. */
#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int32_t pl_no_topic(const char *topic, struct eb_error *err) {
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 404, "topic %s does not exist", topic);
}

/* ---- Topics ---- */

/* A 404 may be about the namespace, which no command here makes. */
static int32_t explain_missing(const struct pl_admin *a, const char *topic, struct eb_error *why, struct eb_error *err) {
    if (strstr(why->text, "Namespace not found") || strstr(why->text, "Tenant not found"))
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 404,
                                 "topic %s: Pulsar has no namespace %s/%s; `pulsar-admin namespaces create %s/%s` makes it",
                                 topic, a->set->tenant, a->set->name_space, a->set->tenant, a->set->name_space);
    return pl_no_topic(topic, err);
}

int32_t pl_query_partitions(struct pl_admin *a, const char *topic, int64_t until, int *n, struct eb_error *err) {
    struct pl_answer answer;
    struct eb_error why = { 0 };
    char name[PL_TOPIC_ROOM];
    int32_t status = pl_topic_name(a->set, topic, name, err);

    if (status != EB_OK)
        return status;
    status = pl_ask_topic(a, "GET", topic, -1, NULL, until, &answer, &why, "/partitions?checkAllowAutoCreation=false");
    int64_t found = status == EB_OK ? pl_number(answer.json, "partitions") : -1;
    pl_answer_free(&answer);
    if (status == EB_GONE)
        return explain_missing(a, topic, &why, err);
    if (status != EB_OK && err)
        *err = why;
    if (status == EB_OK && (found < 0 || found > 1000000))
        return pl_odd_answer(topic, "partitions", err);
    *n = (int)found;
    return status;
}

static int32_t query(struct pl_admin *a, const char *topic, int partition, const char *rest, int64_t until, json_t **json,
                     struct eb_error *err) {
    struct pl_answer answer;
    struct eb_error why = { 0 };
    int32_t status = pl_ask_topic(a, "GET", topic, partition, NULL, until, &answer, &why, "%s", rest);

    *json = NULL;
    if (status == EB_GONE)
        return explain_missing(a, topic, &why, err);
    if (status != EB_OK && err)
        *err = why;
    if (status == EB_OK && !json_is_object(answer.json)) {
        pl_answer_free(&answer);
        return pl_odd_answer(topic, "statistics", err);
    }
    *json = answer.json;
    return status;
}

int32_t pl_query_stats(struct pl_admin *a, const char *topic, int partition, int64_t until, json_t **json,
                       struct eb_error *err) {
    return query(a, topic, partition, "/stats?getPreciseBacklog=true", until, json, err);
}

int32_t pl_query_internal(struct pl_admin *a, const char *topic, int partition, int64_t until, json_t **json,
                          struct eb_error *err) {
    return query(a, topic, partition, "/internalStats", until, json, err);
}

/* ---- Where a partition begins and ends ---- */

bool pl_read_position(const json_t *json, int partition, struct pl_position *at) {
    const char *text = json_string_value(json);
    char *end;

    if (!text)
        return false;
    *at = (struct pl_position){ .ledger = strtoll(text, &end, 10), .partition = partition, .index = -1 };
    if (end == text || *end != ':')
        return false;
    text = end + 1;
    at->entry = strtoll(text, &end, 10);
    return end > text && at->ledger >= -1 && at->entry >= -1 && at->entry < INT64_MAX;
}

bool pl_bounds_of(const json_t *internal, int partition, struct pl_bounds *bounds) {
    const json_t *ledgers = json_object_get(internal, "ledgers");
    size_t n = json_array_size(ledgers);

    if (n == 0 || !pl_read_position(json_object_get(internal, "lastConfirmedEntry"), partition, &bounds->last))
        return false;
    int64_t first = pl_number(json_array_get(ledgers, 0), "ledgerId");
    int64_t current = pl_number(json_array_get(ledgers, n - 1), "ledgerId");
    bounds->first = (struct pl_position){ .ledger = first, .partition = partition, .index = -1 };
    bounds->end = bounds->last;
    bounds->end.entry++;
    if (current > bounds->end.ledger)
        bounds->end = (struct pl_position){ .ledger = current, .partition = partition, .index = -1 };
    if (pl_position_compare(&bounds->first, &bounds->end) > 0)
        bounds->first = bounds->end;
    return first >= 0 && bounds->last.ledger >= -1;
}

/* ---- Points ---- */

int32_t pl_check_point(const char *topic, int n, const struct eb_point *point, struct eb_error *err) {
    struct pl_position position;
    int32_t status = EB_OK;

    if (point->kind != EB_POSITION)
        return EB_OK;
    status = pl_position_parse(point->position, &position, err);
    if (status == EB_OK && position.partition >= n)
        status = ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                   "position %.72s names partition %d, and topic %s has %s", point->position.data,
                                   (int)position.partition, topic, n > 0 ? "fewer" : "no partitions");
    if (status == EB_OK && n > 0 && position.partition < 0)
        status = ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                   "position %.72s names no partition, and topic %s has %d: expected LEDGER:ENTRY:PARTITION",
                                   point->position.data, topic, n);
    return status;
}

/* Asks for the first entry that was sent at a time or later. */
static int32_t query_time(struct pl_admin *a, const char *topic, int partition, int64_t time_ms, int64_t until,
                          struct pl_position *at, struct eb_error *err) {
    struct pl_answer answer;
    int32_t status = pl_ask_topic(a, "GET", topic, partition, NULL, until, &answer, err, "/messageid/%lld",
                                  (long long)(time_ms > 0 ? time_ms : 0));

    if (status == EB_OK) {
        *at = (struct pl_position){ .ledger = pl_number(answer.json, "ledgerId"),
                                    .entry = pl_number(answer.json, "entryId"),
                                    .partition = partition,
                                    .index = -1 };
        if (!json_is_object(answer.json))
            status = pl_odd_answer(topic, "messages by their time", err);
    }
    pl_answer_free(&answer);
    return status;
}

int32_t pl_query_point(struct pl_admin *a, const char *topic, int partition, const struct eb_point *point,
                       const struct pl_bounds *bounds, int64_t until, struct pl_position *at, struct eb_error *err) {
    int32_t status = EB_OK;

    *at = point->kind == EB_LATEST ? bounds->end : bounds->first;
    if (point->kind == EB_TIME && pl_position_compare(&bounds->first, &bounds->end) < 0)
        status = query_time(a, topic, partition, point->time_ms, until, at, err);
    else if (point->kind == EB_POSITION)
        status = pl_position_parse(point->position, at, err);
    if (status != EB_OK)
        return status;
    if (at->partition != partition)
        return EB_EMPTY;
    if (at->index == 0)
        at->index = -1; /* the same place */
    if (pl_position_compare(at, &bounds->first) < 0)
        *at = bounds->first;
    if (pl_position_compare(at, &bounds->end) <= 0)
        return EB_OK;
    *at = bounds->end;
    if (point->kind != EB_POSITION)
        return EB_OK;
    char end[PL_POSITION_ROOM];
    pl_position_text(&bounds->end, end);
    return ebp_error_of_kind(err, EB_END, EB_KIND_CONFIG, 0, "position %.72s is after the end of topic %s, which is %s",
                             point->position.data, topic, end);
}
