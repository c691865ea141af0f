/* plugins/redis/admin/browse.c - reading a topic without a group. */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "clock.h"
#include "error.h"
#include "position.h"
#include "connection/server_error.h"

enum { PAGE = 100 };

struct walk {
    struct rd_admin *admin;
    const char *topic;
    struct rd_id from, end;
    int64_t until_ms;
    size_t page;
    int32_t (*each)(void *, const struct eb_message *);
    void *arg;
    bool stop;
};

static int32_t unexpected_reply(const struct walk *walk, struct eb_error *err) {
    return rd_error(err, EB_RETRIABLE, 0, "topic %s: the answer to XRANGE is none", walk->topic);
}

static int32_t tell(struct walk *walk, const struct rd_node *entry, struct eb_error *err) {
    struct eb_message message = { .size = sizeof message, .topic = { walk->topic, strlen(walk->topic) } };
    struct rd_entry_read read;
    struct rd_id id;

    if (!rd_is_array(entry, 2) || !rd_is_text(&entry->items[0]) || !rd_id_parse(entry->items[0].text, &id))
        return unexpected_reply(walk, err);
    rd_entry_take(&entry->items[1], id, &read, &message);
    walk->from = rd_id_after(id);
    walk->stop = walk->each(walk->arg, &message) != 0;
    return EB_OK;
}

/* EB_OK: there may be more; EB_END, or negative. A page that is too large for an answer is tried again, smaller. */
static int32_t tell_page(struct walk *walk, struct eb_error *err) {
    char what[300], from[RD_ID_ROOM], end[RD_ID_ROOM], count[24];
    const char *argv[] = { "XRANGE", walk->topic, from, end, "COUNT", count, NULL };
    const struct rd_node *reply;
    int32_t status;

    rd_id_print(walk->from, from);
    rd_id_print(walk->end, end);
    snprintf(count, sizeof count, "%zu", walk->page);
    snprintf(what, sizeof what, "topic %s", walk->topic);
    status = rd_client_request_for(&walk->admin->client, walk->until_ms, what, walk->topic, argv, &reply, err);
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
        status = tell(walk, &reply->items[i], err);
    return status == EB_OK && (walk->stop || reply->n < walk->page) ? EB_END : status;
}

static bool find_from(const struct eb_point *point, struct rd_id *from) {
    *from = (struct rd_id){0};
    if (point->kind == EB_TIME && point->time_ms > 0)
        from->ms = (uint64_t)point->time_ms;
    if (point->kind == EB_POSITION)
        rd_id_parse(point->position.data, from);
    return point->kind != EB_LATEST;
}

/* EB_OK: the stream is there, without entries; EB_END, or negative. */
static int32_t look_at_empty(struct walk *walk, struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = rd_client_request(&walk->admin->client, walk->until_ms, (const char *[]){ "XINFO", "STREAM", walk->topic, NULL },
                            &reply, err);

    if (status == EB_OK && rd_is_error(reply) && rd_classify_error(reply, "", NULL) == RD_NO_GROUP)
        return EB_END;
    return status == EB_OK && rd_is_error(reply) ? rd_client_error(&walk->admin->client, "topic", walk->topic, reply, err) : status;
}

/* Where the topic ends now. EB_OK, EB_END: it does not exist, or negative. */
static int32_t find_end(struct walk *walk, struct eb_error *err) {
    const char *argv[] = { "XREVRANGE", walk->topic, "+", "-", "COUNT", "1", NULL };
    const struct rd_node *reply;
    char what[300];
    int32_t status;

    snprintf(what, sizeof what, "topic %s", walk->topic);
    status = rd_client_request_for(&walk->admin->client, walk->until_ms, what, walk->topic, argv, &reply, err);
    if (status != EB_OK)
        return status;
    if (reply->type != REDIS_REPLY_ARRAY)
        return unexpected_reply(walk, err);
    if (reply->n == 0)
        return look_at_empty(walk, err);
    if (!rd_is_array(&reply->items[0], 1) || !rd_is_text(&reply->items[0].items[0]) ||
        !rd_id_parse(reply->items[0].items[0].text, &walk->end))
        return unexpected_reply(walk, err);
    return EB_OK;
}

int32_t rd_admin_browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                        int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    struct walk walk = { .admin = self, .topic = topic, .until_ms = rd_ticks_ms() + timeout_ms, .page = PAGE,
                         .each = each, .arg = arg };
    int32_t status = rd_point_check(from, err);

    if (status == EB_OK)
        status = find_end(&walk, err);
    if (status != EB_OK || !find_from(from, &walk.from))
        return status;
    while (status == EB_OK && !walk.stop && rd_id_compare(walk.from, walk.end) <= 0)
        status = tell_page(&walk, err);
    return status == EB_END ? EB_OK : status;
}
