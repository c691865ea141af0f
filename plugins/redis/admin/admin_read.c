/* plugins/redis/admin/admin_read.c - lists topics and groups as they are now. */
#include "admin/admin.h"

#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/log.h>

#include "admin/scan.h"
#include "connection/server_error.h"
#include "entry.h"
#include "options.h"

int32_t rd_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct rd_admin *admin = calloc(1, sizeof *admin);
    int32_t status;

    if (!admin)
        return ebp_no_memory(err);
    admin->set = settings;
    status = rd_client_open(&admin->client, host, settings, err);
    if (status == EB_OK)
        *self = admin;
    else
        free(admin);
    return status;
}

void rd_admin_close(void *self) {
    struct rd_admin *admin = self;

    rd_client_close(&admin->client);
    free(admin);
}

/* ---- topics ---- */

/* EB_OK with the reply; EB_GONE: the key is not a stream, or not any more; or negative. */
static int32_t request_about(struct rd_admin *admin, int64_t until_ms, const char *topic, const char *const *argv,
                             const struct rd_node **reply, struct eb_error *err) {
    int32_t status = rd_client_request(&admin->client, until_ms, argv, reply, err);

    if (status != EB_OK || !rd_is_error(*reply))
        return status;
    if (rd_error_is(*reply, "WRONGTYPE") || rd_classify_error(*reply, "", NULL) == RD_NO_GROUP)
        return EB_GONE;
    return rd_client_error(&admin->client, "", topic, *reply, err);
}

/* Reads the id of the first or the last entry; an empty stream has none. */
static int32_t read_edge(struct rd_admin *admin, int64_t until_ms, const char *topic, bool last, bool *found, struct rd_id *id,
                         struct eb_error *err) {
    const char *argv[] = { last ? "XREVRANGE" : "XRANGE", topic, last ? "+" : "-", last ? "-" : "+", "COUNT", "1", NULL };
    const struct rd_node *reply;
    int32_t status = request_about(admin, until_ms, topic, argv, &reply, err);

    *found = status == EB_OK && rd_is_array(reply, 1) && rd_id_of_entry(&reply->items[0], id);
    return status;
}

static int32_t read_number(struct rd_admin *admin, int64_t until_ms, const char *topic, const char *const *argv,
                           int64_t *number, struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = request_about(admin, until_ms, topic, argv, &reply, err);

    *number = status == EB_OK && rd_is_integer(reply) ? reply->number : -1;
    return status;
}

static int32_t read_topic(struct rd_admin *admin, int64_t until_ms, const char *topic, struct eb_topic_info *info,
                          struct eb_error *err) {
    struct rd_id first = { 0 }, last = { 0 };
    bool found_first = false, found_last = false;
    int32_t status;

    *info = (struct eb_topic_info){ .size = sizeof *info, .name = topic, .partitions = 1 };
    status = read_number(admin, until_ms, topic, (const char *[]){ "XLEN", topic, NULL }, &info->messages, err);
    if (status == EB_OK)
        status = read_edge(admin, until_ms, topic, false, &found_first, &first, err);
    if (status == EB_OK)
        status = read_edge(admin, until_ms, topic, true, &found_last, &last, err);
    info->oldest_ms = found_first ? (int64_t)first.ms : -1;
    info->newest_ms = found_last ? (int64_t)last.ms : -1;
    if (status == EB_OK && read_number(admin, until_ms, topic, (const char *[]){ "MEMORY", "USAGE", topic, NULL }, &info->bytes,
                                       NULL) == EB_RETRIABLE)
        info->bytes = -1; /* unknown: the user may not ask for it */
    return status;
}

/* ---- if some topics cannot be read, the others are listed ---- */

enum { LOGGED_MAX = 20 };

/* The topics that a walk over all of them leaves out. */
struct left_out {
    size_t n;
};

/* Logs a topic that the user may not read, and leaves it out; any other failure ends the walk. */
static int32_t leave_out(const struct rd_admin *admin, struct left_out *left, int32_t status, const struct eb_error *why,
                         struct eb_error *err) {
    if (status == EB_OK || status == EB_GONE) /* gone: it is not a stream any more */
        return EB_OK;
    if (status != EB_PERMANENT) {
        if (err)
            *err = *why;
        return status;
    }
    if (++left->n <= LOGGED_MAX)
        ebp_log(admin->client.target.host, EBP_LOG_WARNING, "%s; it is left out", why->text);
    return EB_OK;
}

static int32_t end_walk(const struct left_out *left, size_t n, int32_t status, struct eb_error *err) {
    if (status != EB_OK || left->n == 0)
        return status;
    return ebp_error(err, EB_PERMANENT, 0, "%zu of %zu topics are left out, each with its reason above%s", left->n, n,
                     left->n > LOGGED_MAX ? ", but for those beyond 20" : "");
}

int32_t rd_admin_topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                        struct eb_error *err) {
    struct rd_admin *admin = self;
    struct rd_topic_names names = { 0 };
    struct left_out left = { 0 };
    bool stop = false;
    int32_t status = rd_topic_names_scan(&names, &admin->client, ebp_boottime_ms() + timeout_ms, err);

    for (size_t i = 0; i < names.n && status == EB_OK && !stop; i++) {
        struct eb_topic_info info;
        struct eb_error why = { 0 };
        status = read_topic(admin, ebp_boottime_ms() + timeout_ms, names.names[i], &info, &why);
        if (status == EB_OK)
            stop = each(arg, &info) != 0;
        status = leave_out(admin, &left, status, &why, err);
    }
    status = stop ? EB_OK : end_walk(&left, names.n, status, err);
    rd_topic_names_free(&names);
    return status;
}

/* ---- groups ---- */

struct group {
    char *name;
    struct rd_id at;
    int64_t lag, pending;
};

struct groups {
    struct group *list;
    size_t n;
};

static void free_groups(struct groups *groups) {
    for (size_t i = 0; i < groups->n; i++)
        free(groups->list[i].name);
    free(groups->list);
}

static bool read_group(const struct rd_node *row, struct group *group) {
    const struct rd_node *name = rd_value_of(row, "name"), *pending = rd_value_of(row, "pending");
    const struct rd_node *at = rd_value_of(row, "last-delivered-id"), *lag = rd_value_of(row, "lag");

    if (!name || !rd_is_text(name) || !pending || !rd_is_integer(pending) || !at || !rd_id_of(at, &group->at))
        return false;
    group->pending = pending->number;
    group->lag = lag && rd_is_integer(lag) ? lag->number : -1;
    group->name = strdup(name->text);
    return group->name != NULL;
}

static int32_t read_groups(struct rd_admin *admin, int64_t until_ms, const char *topic, struct groups *groups,
                           struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = request_about(admin, until_ms, topic, (const char *[]){ "XINFO", "GROUPS", topic, NULL }, &reply, err);

    *groups = (struct groups){ 0 };
    if (status != EB_OK || reply->type != REDIS_REPLY_ARRAY)
        return status;
    groups->list = calloc(reply->n + 1, sizeof *groups->list);
    if (!groups->list)
        return ebp_no_memory(err);
    for (; groups->n < reply->n; groups->n++)
        if (!read_group(&reply->items[groups->n], &groups->list[groups->n]))
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XINFO GROUPS", topic);
    return EB_OK;
}

/* The lag that the server reports is a count of its own, which can be far too high after a restart from its log. A
 * group that has been given the last entry lags by nothing, and no group lags by more entries than there are. */
static int32_t correct_lag(struct rd_admin *admin, int64_t until_ms, const char *topic, struct rd_id last, struct group *group,
                           struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status;

    if (rd_id_compare(group->at, last) >= 0) {
        group->lag = 0;
        return EB_OK;
    }
    status = request_about(admin, until_ms, topic, (const char *[]){ "XLEN", topic, NULL }, &reply, err);
    if (status == EB_OK && rd_is_integer(reply) && group->lag > reply->number)
        group->lag = -1;
    return status;
}

/* Servers before 7.0 do not report the lag, and later ones not always. Then the entries behind the group are
 * counted. */
static int32_t count_lag(struct rd_admin *admin, int64_t until_ms, const char *topic, struct group *group,
                         struct eb_error *err) {
    struct rd_id from = group->at;

    for (group->lag = 0;;) {
        const struct rd_node *reply;
        char start[RD_ID_ROOM];
        int32_t status;
        rd_id_print(rd_id_after(from), start);
        status = request_about(admin, until_ms, topic, (const char *[]){ "XRANGE", topic, start, "+", "COUNT", "1000", NULL },
                               &reply, err);
        if (status != EB_OK || !rd_is_array(reply, 1))
            return status;
        group->lag += (int64_t)reply->n;
        if (!rd_id_of_entry(&reply->items[reply->n - 1], &from))
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XRANGE", topic);
    }
}

/* ---- what is pending ---- */

/* Counts the pending entries up to an id. */
static int32_t count_pending(struct rd_admin *admin, int64_t until_ms, const char *topic, const struct group *group,
                             const char *end, int64_t *n, struct eb_error *err) {
    struct rd_id from = { 0 };

    for (*n = 0;;) {
        const struct rd_node *reply, *last;
        char start[RD_ID_ROOM];
        int32_t status;
        rd_id_print(from, start);
        status = request_about(admin, until_ms, topic,
                               (const char *[]){ "XPENDING", topic, group->name, start, end, "1000", NULL }, &reply, err);
        if (status != EB_OK || !rd_is_array(reply, 1))
            return status;
        *n += (int64_t)reply->n;
        last = &reply->items[reply->n - 1];
        if (!rd_is_array(last, 1) || !rd_id_of(&last->items[0], &from))
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XPENDING", topic);
        from = rd_id_after(from);
    }
}

/* What is pending in a group. */
struct pending {
    int64_t before; /* how many do not stand behind the group, where the lag counts them already */
    bool any;
    struct rd_id oldest;
};

/* XGROUP SETID moves a group back and leaves what is pending. */
static int32_t read_pending(struct rd_admin *admin, int64_t until_ms, const char *topic, const struct group *group,
                            struct pending *pending, struct eb_error *err) {
    const struct rd_node *reply;
    struct rd_id newest;
    char at[RD_ID_ROOM];
    int32_t status;

    *pending = (struct pending){ 0 };
    if (group->pending == 0)
        return EB_OK;
    status = request_about(admin, until_ms, topic, (const char *[]){ "XPENDING", topic, group->name, NULL }, &reply, err);
    if (status != EB_OK || !rd_is_array(reply, 3) || !rd_id_of(&reply->items[1], &pending->oldest) ||
        !rd_id_of(&reply->items[2], &newest))
        return status; /* settled meanwhile */
    pending->any = true;
    pending->before = group->pending;
    if (rd_id_compare(newest, group->at) <= 0)
        return EB_OK;
    rd_id_print(group->at, at);
    return count_pending(admin, until_ms, topic, group, at, &pending->before, err);
}

/* Prints the first position that the group has not settled, and the end of the topic, which may have lost its last entries. */
static void print_positions(const struct group *group, const struct pending *pending, struct rd_id last,
                            char position[RD_ID_ROOM], char end[RD_ID_ROOM]) {
    struct rd_id next = rd_id_after(group->at);

    if (pending->any && rd_id_compare(pending->oldest, next) < 0)
        next = pending->oldest;
    rd_id_print(next, position);
    rd_id_print(rd_id_after(rd_id_compare(last, group->at) < 0 ? group->at : last), end);
}

/* Counts the live members, those that sent a command within claim_after. Returned entries are unsettled at nobody. */
static int32_t read_members(struct rd_admin *admin, int64_t until_ms, const struct group *group, struct eb_group_info *info,
                            struct eb_error *err) {
    const struct rd_node *reply;
    const char *argv[] = { "XINFO", "CONSUMERS", info->topic, info->group, NULL };
    int32_t status = request_about(admin, until_ms, info->topic, argv, &reply, err);

    info->unsettled = group->pending;
    if (status == EB_PERMANENT) { /* unknown: the user may not ask for it */
        info->members = -1;
        return EB_OK;
    }
    for (size_t i = 0; status == EB_OK && reply->type == REDIS_REPLY_ARRAY && i < reply->n; i++) {
        struct rd_consumer_info member;
        if (!rd_consumer_info(&reply->items[i], &member))
            return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XINFO CONSUMERS", info->topic);
        if (strcmp(member.name, rd_returned_consumer) == 0)
            info->unsettled -= member.pending;
        else
            info->members += member.idle_ms < admin->set->claim_after;
    }
    return status;
}

static int32_t list_group(struct rd_admin *admin, int64_t until_ms, const char *topic, struct group *group,
                          int32_t (*each)(void *, const struct eb_group_info *), void *arg, bool *stop, struct eb_error *err) {
    struct eb_group_info info = { .size = sizeof info, .topic = topic, .group = group->name, .partition = "" };
    char position[RD_ID_ROOM], end[RD_ID_ROOM];
    struct rd_id last = { 0 };
    struct pending pending = { 0 };
    bool found;
    int32_t status = read_edge(admin, until_ms, topic, true, &found, &last, err);

    if (status == EB_OK)
        status = correct_lag(admin, until_ms, topic, last, group, err);
    if (status == EB_OK && group->lag < 0)
        status = count_lag(admin, until_ms, topic, group, err);
    if (status == EB_OK)
        status = read_pending(admin, until_ms, topic, group, &pending, err);
    if (status == EB_OK)
        status = read_members(admin, until_ms, group, &info, err);
    if (status != EB_OK)
        return status;
    print_positions(group, &pending, last, position, end);
    info.position = position;
    info.end = end;
    info.lag = group->lag + pending.before;
    *stop = each(arg, &info) != 0;
    return EB_OK;
}

static int32_t list_groups(struct rd_admin *admin, int32_t timeout_ms, const char *topic, const char *wanted,
                           int32_t (*each)(void *, const struct eb_group_info *), void *arg, bool *stop, struct eb_error *err) {
    struct groups groups;
    int32_t status = read_groups(admin, ebp_boottime_ms() + timeout_ms, topic, &groups, err);

    for (size_t i = 0; i < groups.n && status == EB_OK && !*stop; i++) {
        if (wanted && strcmp(wanted, groups.list[i].name) != 0)
            continue;
        status = list_group(admin, ebp_boottime_ms() + timeout_ms, topic, &groups.list[i], each, arg, stop, err);
        if (status == EB_GONE) /* it was removed meanwhile */
            status = EB_OK;
    }
    free_groups(&groups);
    return status == EB_GONE ? EB_OK : status;
}

int32_t rd_admin_groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    struct rd_admin *admin = self;
    struct rd_topic_names names = { 0 };
    struct left_out left = { 0 };
    bool stop = false;
    int32_t status;

    if (topic)
        return list_groups(admin, timeout_ms, topic, group, each, arg, &stop, err);
    status = rd_topic_names_scan(&names, &admin->client, ebp_boottime_ms() + timeout_ms, err);
    for (size_t i = 0; i < names.n && status == EB_OK && !stop; i++) {
        struct eb_error why = { 0 };
        status = list_groups(admin, timeout_ms, names.names[i], group, each, arg, &stop, &why);
        status = leave_out(admin, &left, status, &why, err);
    }
    status = stop ? EB_OK : end_walk(&left, names.n, status, err);
    rd_topic_names_free(&names);
    return status;
}
