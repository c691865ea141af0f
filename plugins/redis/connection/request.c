/* plugins/redis/connection/request.c - see request.h. */
#include "connection/request.h"

#include <string.h>

#include "clock.h"
#include "error.h"
#include "connection/server_error.h"

enum { ARGUMENTS = 16 };

static struct rd_asker *asker_of(const struct rd_conn *conn) {
    return conn->owner;
}

static void on_ready(struct rd_conn *conn) {
    rd_line_up(&asker_of(conn)->line);
}

static void on_lost(struct rd_conn *conn, const struct eb_error *why) {
    struct rd_asker *asker = asker_of(conn);

    asker->lost = true;
    asker->why = *why;
    rd_line_down(&asker->line, why);
}

int32_t rd_asker_open(struct rd_asker *asker, const struct eb_host *host, const struct rd_settings *set,
                      struct eb_error *err) {
    int32_t status;

    *asker = (struct rd_asker){ .line.host = host, .bell.fd = -1 };
    rd_conn_init(&asker->conn, &asker->target, asker, on_ready, on_lost);
    status = rd_target_open(&asker->target, host, set, err);
    if (status == EB_OK && !rd_bell_open(&asker->bell))
        status = rd_errno(err, EB_FATAL, "cannot make an eventfd");
    if (status != EB_OK)
        rd_asker_close(asker);
    return status;
}

void rd_asker_close(struct rd_asker *asker) {
    rd_conn_close(&asker->conn);
    rd_target_close(&asker->target);
    rd_arena_free(&asker->arena);
    rd_bell_close(&asker->bell);
}

/* The answer's arena becomes ours, the one of the answer before goes back. */
static int32_t on_answer(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_asker *asker = asker_of(conn);
    struct rd_arena arena = conn->arena;

    (void)arg;
    (void)err;
    conn->arena = asker->arena;
    conn->arena.limit = arena.limit;
    asker->arena = arena;
    asker->answer = node;
    rd_conn_works(conn);
    return EB_OK;
}

static void wait_until(struct rd_asker *asker, int64_t until_ms) {
    struct pollfd wait = rd_conn_poll(&asker->conn);

    rd_bell_wait(&asker->bell, &wait, 1, rd_earlier(until_ms, rd_conn_due_ms(&asker->conn)));
}

static int32_t give_up(const struct rd_asker *asker, struct eb_error *err) {
    if (!asker->why.text[0])
        return rd_error(err, EB_RETRIABLE, 0, "redis at %s did not answer in time", asker->target.url.shown);
    if (err)
        *err = asker->why;
    return EB_RETRIABLE;
}

static int32_t get_ready(struct rd_asker *asker, int64_t until_ms, struct eb_error *err) {
    asker->why = (struct eb_error){0};
    rd_conn_work(&asker->conn);
    while (!rd_conn_is_ready(&asker->conn)) {
        if (rd_ticks_ms() >= until_ms)
            return give_up(asker, err);
        wait_until(asker, until_ms);
        rd_conn_work(&asker->conn);
    }
    return EB_OK;
}

int32_t rd_ask(struct rd_asker *asker, int64_t until_ms, const char *const *argv, const struct rd_node **answer,
               struct eb_error *err) {
    size_t lens[ARGUMENTS], n = 0;
    int32_t status = get_ready(asker, until_ms, err);

    if (status != EB_OK)
        return status;
    for (; n < ARGUMENTS && argv[n]; n++)
        lens[n] = strlen(argv[n]);
    asker->answer = NULL;
    asker->lost = false;
    if (!rd_conn_ask(&asker->conn, on_answer, 0, 0, n, argv, lens))
        return rd_no_memory(err);
    rd_conn_work(&asker->conn);
    while (!asker->answer && !asker->lost && rd_ticks_ms() < until_ms) {
        wait_until(asker, until_ms);
        rd_conn_work(&asker->conn);
    }
    if (asker->answer) {
        *answer = asker->answer;
        return EB_OK;
    }
    if (!asker->lost) {                                 /* or the answer would be taken for one to the next question */
        rd_error(&asker->why, EB_RETRIABLE, 0, "redis at %s did not answer in time", asker->target.url.shown);
        rd_conn_fail(&asker->conn, &asker->why);
    }
    return give_up(asker, err);
}

int32_t rd_ask_refused(const struct rd_asker *asker, const char *what, const char *topic, const struct rd_node *error,
                       struct eb_error *err) {
    int32_t status = rd_refusal(error, what, err) == RD_SERVER ? EB_RETRIABLE : EB_PERMANENT;

    rd_advise(err, error, asker->target.user, topic);
    if (err)
        err->status = status;
    return status;
}

int32_t rd_ask_for(struct rd_asker *asker, int64_t until_ms, const char *what, const char *topic, const char *const *argv,
                   const struct rd_node **answer, struct eb_error *err) {
    int32_t status = rd_ask(asker, until_ms, argv, answer, err);

    return status == EB_OK && rd_is_error(*answer) ? rd_ask_refused(asker, what, topic, *answer, err) : status;
}
