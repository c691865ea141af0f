/* plugins/redis/admin/browse.c - reads a topic without a group. */
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "admin/admin.h"
#include "connection/server_error.h"
#include "position.h"

enum { PAGE = 100 };

struct walk {
    struct rd_admin *admin;
    const char *topic;
    struct rd_id from, end;
    int32_t timeout_ms;
    int64_t until_ms; /* for the next reply */
    size_t page;
    int32_t (*each)(void *, const struct eb_message *);
    void *arg;
    bool stop;
};

static int32_t unexpected_reply(const struct walk *walk, struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, 0, "topic %s: unexpected reply to XRANGE", walk->topic);
}

static int32_t show(struct walk *walk, const struct rd_node *entry, struct eb_error *err) {
    struct eb_message message = { .size = sizeof message, .topic = { walk->topic, strlen(walk->topic) } };
    struct rd_entry_read read;
    struct rd_id id;

    if (!rd_is_array(entry, 2) || !rd_id_of_entry(entry, &id))
        return unexpected_reply(walk, err);
    rd_entry_take(&entry->items[1], id, &read, &message);
    walk->from = rd_id_after(id);
    walk->stop = walk->each(walk->arg, &message) != 0;
    return EB_OK;
}

/* EB_OK: there may be more; EB_END; or negative. If the reply was too large, the next page is smaller. */
static int32_t read_page(struct walk *walk, struct eb_error *err) {
    char from[RD_ID_ROOM], end[RD_ID_ROOM], count[24];
    const char *argv[] = { "XRANGE", walk->topic, from, end, "COUNT", count, NULL };
    const struct rd_node *reply;
    int32_t status;

    walk->until_ms = ebp_boottime_ms() + walk->timeout_ms; /* for this page: the walk goes on while entries come */
    rd_id_print(walk->from, from);
    rd_id_print(walk->end, end);
    snprintf(count, sizeof count, "%zu", walk->page);
    status = rd_client_request_for(&walk->admin->client, walk->until_ms, "", walk->topic, argv, &reply, err);
    if (status == EB_RETRIABLE && walk->admin->client.conn.overran && walk->page > 1) {
        walk->page /= 4;
        walk->page += walk->page == 0;
        return EB_OK;
    }
    if (status != EB_OK)
        return status;
    if (reply->type != REDIS_REPLY_ARRAY)
        return unexpected_reply(walk, err);
    for (size_t i = 0; i < reply->n && status == EB_OK && !walk->stop; i++)
        status = show(walk, &reply->items[i], err);
    return status == EB_OK && (walk->stop || reply->n < walk->page) ? EB_END : status;
}

/* EB_OK: the stream exists and is empty; EB_END: it does not exist; or negative. */
static int32_t check_empty(struct walk *walk, struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = rd_client_request(&walk->admin->client, walk->until_ms,
                                       (const char *[]){ "XINFO", "STREAM", walk->topic, NULL }, &reply, err);

    if (status != EB_OK || !rd_is_error(reply))
        return status;
    if (rd_classify_error(reply, "", NULL) == RD_NO_GROUP)
        return EB_END;
    return rd_client_error(&walk->admin->client, "", walk->topic, reply, err);
}

/* Finds the last entry. EB_OK; EB_END: the topic does not exist; or negative. */
static int32_t find_end(struct walk *walk, struct eb_error *err) {
    const char *argv[] = { "XREVRANGE", walk->topic, "+", "-", "COUNT", "1", NULL };
    const struct rd_node *reply;
    int32_t status;

    status = rd_client_request_for(&walk->admin->client, walk->until_ms, "", walk->topic, argv, &reply, err);
    if (status != EB_OK)
        return status;
    if (reply->type != REDIS_REPLY_ARRAY)
        return unexpected_reply(walk, err);
    if (reply->n == 0)
        return check_empty(walk, err);
    return rd_id_of_entry(&reply->items[0], &walk->end) ? EB_OK : unexpected_reply(walk, err);
}

int32_t rd_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct walk walk = {
        .admin = self,
        .topic = topic,
        .timeout_ms = timeout_ms,
        .until_ms = ebp_boottime_ms() + timeout_ms,
        .page = PAGE,
        .each = each,
        .arg = arg,
    };
    int32_t status = rd_point_check(from, err);

    if (status == EB_OK)
        status = find_end(&walk, err);
    if (status != EB_OK || from->kind == EB_LATEST)
        return status;
    walk.from = rd_point_first(from);
    while (status == EB_OK && !walk.stop && rd_id_compare(walk.from, walk.end) <= 0)
        status = read_page(&walk, err);
    return status == EB_END ? EB_OK : status;
}
