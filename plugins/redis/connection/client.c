/* plugins/redis/connection/client.c - see client.h. */
#include "connection/client.h"

#include <stdio.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

static struct rd_client *client_of(const struct rd_conn *conn) {
    return conn->owner;
}

static void on_ready(struct rd_conn *conn) {
    ebp_link_up(&client_of(conn)->link);
}

static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_client *client = client_of(conn);

    client->lost = true;
    client->why = *why;
    ebp_link_down(&client->link, why);
}

int32_t rd_client_open(struct rd_client *client, const struct eb_host *host, const struct rd_settings *set,
                       struct eb_error *err) {
    int32_t status;

    *client = (struct rd_client){ .wakeup.fd = -1 };
    ebp_link_init(&client->link, host);
    rd_conn_init(&client->conn, &client->target, client, on_ready, on_lost);
    status = rd_target_open(&client->target, host, set, err);
    if (status == EB_OK && !ebp_wakeup_open(&client->wakeup))
        status = ebp_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status != EB_OK)
        rd_client_close(client);
    return status;
}

void rd_client_close(struct rd_client *client) {
    rd_conn_close(&client->conn);
    rd_target_close(&client->target);
    rd_arena_free(&client->arena);
    ebp_wakeup_close(&client->wakeup);
}

/* The reply's arena becomes ours; the connection gets the one of the reply before. */
static int32_t on_reply(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_client *client = client_of(conn);
    struct rd_arena arena = conn->arena;

    (void)arg;
    (void)err;
    conn->arena = client->arena;
    conn->arena.limit = arena.limit;
    client->arena = arena;
    client->reply = node;
    rd_conn_confirm(conn);
    return EB_OK;
}

static int32_t give_up(const struct rd_client *client, struct eb_error *err) {
    if (!client->why.text[0])
        return ebp_error(err, EB_RETRIABLE, 0, "redis at %s did not answer in time", client->target.url.shown);
    if (err)
        *err = client->why;
    return EB_RETRIABLE;
}

static int32_t get_ready(struct rd_client *client, int64_t until_ms, struct eb_error *err) {
    client->why = (struct eb_error){ 0 };
    rd_conn_work(&client->conn);
    while (!rd_conn_is_ready(&client->conn)) {
        if (ebp_boottime_ms() >= until_ms)
            return give_up(client, err);
        rd_conn_wait(&client->conn, &client->wakeup, until_ms);
        rd_conn_work(&client->conn);
    }
    return EB_OK;
}

int32_t rd_client_request(struct rd_client *client, int64_t until_ms, const char *const *argv, const struct rd_node **reply,
                          struct eb_error *err) {
    int32_t status = get_ready(client, until_ms, err);

    if (status != EB_OK)
        return status;
    client->reply = NULL;
    client->lost = false;
    if (!rd_conn_command_texts(&client->conn, on_reply, 0, argv))
        return ebp_no_memory(err);
    rd_conn_work(&client->conn);
    while (!client->reply && !client->lost && ebp_boottime_ms() < until_ms) {
        rd_conn_wait(&client->conn, &client->wakeup, until_ms);
        rd_conn_work(&client->conn);
    }
    if (client->reply) {
        *reply = client->reply;
        return EB_OK;
    }
    if (!client->lost) { /* a late reply must not be taken for that to the next command */
        ebp_error(&client->why, EB_RETRIABLE, 0, "redis at %s did not answer in time", client->target.url.shown);
        rd_conn_fail(&client->conn, &client->why);
    }
    return give_up(client, err);
}

int32_t rd_client_error(const struct rd_client *client, const char *doing, const char *topic, const struct rd_node *error,
                        struct eb_error *err) {
    char what[400];
    int32_t status;

    snprintf(what, sizeof what, "%s%s%s%s", doing, doing[0] && topic[0] ? " " : "", topic[0] ? "topic " : "", topic);
    status = rd_classify_error(error, what, err) == RD_UNAVAILABLE ? EB_RETRIABLE : EB_PERMANENT;
    rd_add_advice(err, error, client->target.user, topic);
    if (err)
        err->status = status;
    return status;
}

int32_t rd_client_request_for(struct rd_client *client, int64_t until_ms, const char *doing, const char *topic,
                              const char *const *argv, const struct rd_node **reply, struct eb_error *err) {
    int32_t status = rd_client_request(client, until_ms, argv, reply, err);

    return status == EB_OK && rd_is_error(*reply) ? rd_client_error(client, doing, topic, *reply, err) : status;
}
