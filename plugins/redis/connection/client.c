/* plugins/redis/connection/client.c - see client.h. */
#include "connection/client.h"

#include <string.h>

#include "clock.h"
#include "error.h"
#include "connection/server_error.h"

enum { ARGUMENTS = 16 };

static struct rd_client *client_of(const struct rd_conn *conn) {
    return conn->owner;
}

static void on_ready(struct rd_conn *conn) {
    rd_link_up(&client_of(conn)->link);
}

static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_client *client = client_of(conn);

    client->lost = true;
    client->why = *why;
    rd_link_down(&client->link, why);
}

int32_t rd_client_open(struct rd_client *client, const struct eb_host *host, const struct rd_settings *set,
                      struct eb_error *err) {
    int32_t status;

    *client = (struct rd_client){ .link.host = host, .bell.fd = -1 };
    rd_conn_init(&client->conn, &client->target, client, on_ready, on_lost);
    status = rd_target_open(&client->target, host, set, err);
    if (status == EB_OK && !rd_bell_open(&client->bell))
        status = rd_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status != EB_OK)
        rd_client_close(client);
    return status;
}

void rd_client_close(struct rd_client *client) {
    rd_conn_close(&client->conn);
    rd_target_close(&client->target);
    rd_arena_free(&client->arena);
    rd_bell_close(&client->bell);
}

/* The answer's arena becomes ours, the one of the answer before goes back. */
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

static void wait_until(struct rd_client *client, int64_t until_ms) {
    struct pollfd wait = rd_conn_poll(&client->conn);

    rd_bell_wait(&client->bell, &wait, 1, rd_earlier(until_ms, rd_conn_due_ms(&client->conn)));
}

static int32_t give_up(const struct rd_client *client, struct eb_error *err) {
    if (!client->why.text[0])
        return rd_error(err, EB_RETRIABLE, 0, "redis at %s did not answer in time", client->target.url.shown);
    if (err)
        *err = client->why;
    return EB_RETRIABLE;
}

static int32_t get_ready(struct rd_client *client, int64_t until_ms, struct eb_error *err) {
    client->why = (struct eb_error){0};
    rd_conn_work(&client->conn);
    while (!rd_conn_is_ready(&client->conn)) {
        if (rd_ticks_ms() >= until_ms)
            return give_up(client, err);
        wait_until(client, until_ms);
        rd_conn_work(&client->conn);
    }
    return EB_OK;
}

int32_t rd_client_request(struct rd_client *client, int64_t until_ms, const char *const *argv, const struct rd_node **reply,
               struct eb_error *err) {
    size_t lens[ARGUMENTS], n = 0;
    int32_t status = get_ready(client, until_ms, err);

    if (status != EB_OK)
        return status;
    for (; n < ARGUMENTS && argv[n]; n++)
        lens[n] = strlen(argv[n]);
    client->reply = NULL;
    client->lost = false;
    if (!rd_conn_command(&client->conn, on_reply, 0, 0, n, argv, lens))
        return rd_no_memory(err);
    rd_conn_work(&client->conn);
    while (!client->reply && !client->lost && rd_ticks_ms() < until_ms) {
        wait_until(client, until_ms);
        rd_conn_work(&client->conn);
    }
    if (client->reply) {
        *reply = client->reply;
        return EB_OK;
    }
    if (!client->lost) {                                 /* or the answer would be taken for one to the next question */
        rd_error(&client->why, EB_RETRIABLE, 0, "redis at %s did not answer in time", client->target.url.shown);
        rd_conn_fail(&client->conn, &client->why);
    }
    return give_up(client, err);
}

int32_t rd_client_error(const struct rd_client *client, const char *what, const char *topic, const struct rd_node *error,
                       struct eb_error *err) {
    int32_t status = rd_classify_error(error, what, err) == RD_UNAVAILABLE ? EB_RETRIABLE : EB_PERMANENT;

    rd_add_advice(err, error, client->target.user, topic);
    if (err)
        err->status = status;
    return status;
}

int32_t rd_client_request_for(struct rd_client *client, int64_t until_ms, const char *what, const char *topic, const char *const *argv,
                   const struct rd_node **reply, struct eb_error *err) {
    int32_t status = rd_client_request(client, until_ms, argv, reply, err);

    return status == EB_OK && rd_is_error(*reply) ? rd_client_error(client, what, topic, *reply, err) : status;
}
