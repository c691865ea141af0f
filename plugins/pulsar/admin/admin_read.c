/* admin/admin_read.c - lists topics and groups; see admin.h. */
#include "admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Which topics there are ---- */

/* The names of a namespace's topics, sorted, each once. */
struct names {
    char **list;
    size_t n, room;
};

static void free_names(struct names *names) {
    for (size_t i = 0; i < names->n; i++)
        free(names->list[i]);
    free(names->list);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Adds the topics of an answer, without their partitions. */
static int32_t add_names(const struct pl_admin *a, const json_t *array, struct names *names, struct eb_error *err) {
    char name[PL_TOPIC_ROOM];
    const json_t *one;
    size_t i;
    int partition;

    json_array_foreach((json_t *)array, i, one) {
        const char *full = json_string_value(one);
        if (!full || !pl_topic_of(a->set, full, name, &partition) || strncmp(name, "__", 2) == 0)
            continue; /* __change_events and the like are the broker's own */
        if (!EBP_RESERVE(names->list, names->room, names->n + 1) || !(names->list[names->n] = strdup(name)))
            return ebp_no_memory(err);
        names->n++;
    }
    return EB_OK;
}

static void sort_names(struct names *names) {
    size_t kept = 0;

    if (names->n > 0)
        qsort(names->list, names->n, sizeof *names->list, by_text);
    for (size_t i = 0; i < names->n; i++)
        if (kept > 0 && strcmp(names->list[i], names->list[kept - 1]) == 0)
            free(names->list[i]);
        else
            names->list[kept++] = names->list[i];
    names->n = kept;
}

/* The topics that are not partitioned, and the partitions, come with the first request; partitioned topics, also those of which
 * no partition was ever used, with the second. */
static int32_t query_names(struct pl_admin *a, int64_t until, struct names *names, struct eb_error *err) {
    static const char *const requests[] = { "", "/partitioned" };
    int32_t status = EB_OK;

    for (size_t i = 0; status == EB_OK && i < 2; i++) {
        struct pl_answer answer;
        status = pl_ask_namespace(a, requests[i], until, &answer, err);
        if (status == EB_GONE)
            status = err->status = EB_PERMANENT;
        if (status == EB_OK && !json_is_array(answer.json))
            status = ebp_error(err, EB_PERMANENT, 0,
                               "namespace %s/%s: the answer about its topics is not one of Pulsar's; is admin_url right?",
                               a->set->tenant, a->set->name_space);
        if (status == EB_OK)
            status = add_names(a, answer.json, names, err);
        pl_answer_free(&answer);
    }
    sort_names(names);
    return status;
}

/* ---- One topic ---- */

/* Reads ISO 8601 as the broker writes it, 2026-11-30T19:03:41.123Z or with +00:00 at its end; -1: it is something else. */
static int64_t read_time(const char *text) {
    struct tm tm = { 0 };
    const char *at = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    int64_t ms = 0, scale = 100;
    int hours, minutes;
    char sign;

    if (!at)
        return -1;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++, scale /= 10)
            ms += (*at - '0') * scale;
    ms += (int64_t)timegm(&tm) * 1000;
    if (sscanf(at, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-'))
        ms -= (sign == '+' ? 60000 : -60000) * (int64_t)(hours * 60 + minutes);
    return ms;
}

/* When the first or the last message of a partition was sent; -1: unknown, or there is none. */
static int64_t query_edge(struct pl_admin *a, const char *topic, int partition, const char *edge, int64_t until) {
    struct pl_answer answer;
    int32_t status = pl_ask_topic(a, "GET", topic, partition, NULL, until, &answer, NULL,
                                  "/examinemessage?initialPosition=%s&messagePosition=1", edge);

    pl_answer_free(&answer);
    return status == EB_OK ? read_time(pl_http_header(a->http, "X-Pulsar-publish-time")) : -1;
}

/* How many messages a partition holds; -1: unknown. The broker counts entries, and messages only since it has loaded the topic:
 * both are the same messages if all entries came since then and none was removed. */
static int64_t messages_of(const json_t *stats, const json_t *internal) {
    int64_t entries = pl_number(internal, "numberOfEntries"), added = pl_number(internal, "entriesAddedCounter");

    return entries == 0 ? 0 : entries > 0 && entries == added ? pl_number(stats, "msgInCounter") : -1;
}

static int64_t sum_of(int64_t sum, int64_t more) {
    return sum < 0 || more < 0 || __builtin_add_overflow(sum, more, &sum) ? -1 : sum;
}

/* Adds a partition to its topic. */
static int32_t add_partition(struct pl_admin *a, const char *topic, int partition, int64_t until, struct eb_topic_info *info,
                             struct eb_error *err) {
    json_t *stats = NULL, *internal = NULL;
    int32_t status = pl_query_stats(a, topic, partition, until, &stats, err);

    if (status == EB_OK)
        status = pl_query_internal(a, topic, partition, until, &internal, err);
    if (status == EB_OK) {
        int64_t messages = messages_of(stats, internal), oldest = -1, newest = -1;
        if (messages != 0) {
            oldest = query_edge(a, topic, partition, "earliest", until);
            newest = query_edge(a, topic, partition, "latest", until);
        }
        info->messages = sum_of(info->messages, messages);
        info->bytes = sum_of(info->bytes, pl_number(stats, "storageSize"));
        if (oldest >= 0 && (info->oldest_ms < 0 || oldest < info->oldest_ms))
            info->oldest_ms = oldest;
        info->newest_ms = newest > info->newest_ms ? newest : info->newest_ms;
    }
    json_decref(stats);
    json_decref(internal);
    return status;
}

static int32_t describe(struct pl_admin *a, const char *topic, int64_t until, struct eb_topic_info *info,
                        struct eb_error *err) {
    int n = 0;
    int32_t status = pl_query_partitions(a, topic, until, &n, err);

    *info = (struct eb_topic_info){
        .size = sizeof *info, .name = topic, .partitions = n > 0 ? n : 1, .oldest_ms = -1, .newest_ms = -1
    };
    for (int i = n > 0 ? 0 : -1; status == EB_OK && i < n; i++)
        status = add_partition(a, topic, i, until, info, err);
    return status;
}

/* What was listed of some topics stays; the first reason why others were not is returned in the end. */
struct left_out {
    size_t n;
    struct eb_error why;
};

/* Returns EB_OK where the walk goes on. */
static int32_t leave_out(struct left_out *left, int32_t status, const struct eb_error *why) {
    if (status == EB_FATAL || why->native == ENOMEM)
        return EB_FATAL;
    if (left->n++ == 0)
        left->why = *why;
    return EB_OK;
}

static int32_t end_walk(const struct left_out *left, const char *what, struct eb_error *err) {
    if (left->n == 0)
        return EB_OK;
    return ebp_error_of_kind(err, left->why.status < 0 ? left->why.status : EB_PERMANENT, left->why.kind, left->why.native,
                             "%zu %s could not be listed: %s", left->n, what, left->why.text);
}

int32_t pl_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *err) {
    struct pl_admin *a = self;
    struct names names = { 0 };
    struct left_out left = { 0 };
    int32_t status = query_names(a, ebp_monotonic_ms() + timeout_ms, &names, err);
    bool more = true;

    for (size_t i = 0; status == EB_OK && more && i < names.n; i++) {
        struct eb_topic_info info;
        struct eb_error why = { 0 };
        int32_t found = describe(a, names.list[i], ebp_monotonic_ms() + timeout_ms, &info, &why);
        if (found == EB_OK)
            more = each(arg, &info) == 0;
        else if (found != EB_GONE) /* removed meanwhile */
            status = leave_out(&left, found, &why);
    }
    free_names(&names);
    return status != EB_OK || !more ? status : end_walk(&left, "topic(s)", err);
}

/* ---- Groups ---- */

struct walk {
    struct pl_admin *a;
    const char *group; /* NULL: all */
    int32_t timeout_ms;
    int32_t (*each)(void *, const struct eb_group_info *);
    void *arg;
    bool over;
};

static void show_group(struct walk *w, const char *topic, int partition, const char *group, const json_t *subscription,
                       const json_t *cursor, const struct pl_bounds *bounds) {
    char part[16] = "", state[40], position[PL_POSITION_ROOM], end[PL_POSITION_ROOM];
    struct pl_position next = bounds->first;
    int64_t lag = pl_lag(w->a, topic, partition, group, subscription, cursor, ebp_monotonic_ms() + w->timeout_ms);

    pl_next_of(cursor, partition, &next);
    if (pl_position_compare(&next, &bounds->first) < 0)
        next = bounds->first;
    pl_position_text(&next, position);
    pl_position_text(&bounds->end, end);
    if (partition >= 0)
        snprintf(part, sizeof part, "%d", partition);
    snprintf(state, sizeof state, "msgBacklog %lld", (long long)pl_number(subscription, "msgBacklog"));
    const struct eb_group_info info = { .size = sizeof info,
                                        .topic = topic,
                                        .group = group,
                                        .partition = part,
                                        .position = position,
                                        .end = end,
                                        .lag = lag,
                                        .unsettled = pl_unsettled(subscription),
                                        .members = (int64_t)pl_members(subscription),
                                        .state = lag < 0 ? state : NULL };
    w->over = w->each(w->arg, &info) != 0;
}

static int32_t walk_partition(struct walk *w, const char *topic, int partition, struct eb_error *err) {
    int64_t until = ebp_monotonic_ms() + w->timeout_ms;
    json_t *stats = NULL, *internal = NULL, *subscription;
    struct pl_bounds bounds;
    const char *name;
    int32_t status = pl_query_stats(w->a, topic, partition, until, &stats, err);

    if (status == EB_OK)
        status = pl_query_internal(w->a, topic, partition, until, &internal, err);
    if (status == EB_OK && !pl_bounds_of(internal, partition, &bounds))
        status = pl_odd_answer(topic, "ledgers", err);
    if (status == EB_OK)
        json_object_foreach(json_object_get(stats, "subscriptions"), name, subscription) {
            const json_t *cursor = pl_cursor(internal, name);
            if (w->over || !cursor || !pl_is_group(name, subscription) || (w->group && strcmp(w->group, name) != 0))
                continue;
            show_group(w, topic, partition, name, subscription, cursor, &bounds);
        }
    json_decref(stats);
    json_decref(internal);
    return status;
}

static int32_t walk_topic(struct walk *w, const char *topic, struct eb_error *err) {
    int n = 0;
    int32_t status = pl_query_partitions(w->a, topic, ebp_monotonic_ms() + w->timeout_ms, &n, err);

    for (int i = n > 0 ? 0 : -1; status == EB_OK && !w->over && i < n; i++)
        status = walk_partition(w, topic, i, err);
    return status;
}

int32_t pl_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct walk w = { .a = self, .group = group, .timeout_ms = timeout_ms, .each = each, .arg = arg };
    struct names names = { 0 };
    struct left_out left = { 0 };
    int32_t status;

    if (topic) {
        status = walk_topic(&w, topic, err);
        return status == EB_GONE ? EB_OK : status;
    }
    status = query_names(w.a, ebp_monotonic_ms() + timeout_ms, &names, err);
    for (size_t i = 0; status == EB_OK && !w.over && i < names.n; i++) {
        struct eb_error why = { 0 };
        int32_t found = walk_topic(&w, names.list[i], &why);
        if (found != EB_OK && found != EB_GONE)
            status = leave_out(&left, found, &why);
    }
    free_names(&names);
    return status != EB_OK || w.over ? status : end_walk(&left, "topic(s)' groups", err);
}
