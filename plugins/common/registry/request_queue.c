/* plugins/common/registry/request_queue.c - see request_queue.h. */
#include "request_queue.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "settings.h"

/* ---- What is known of a request ---- */

static void forget_error(struct sr_request *request) {
    free(request->why);
    request->why = NULL;
    request->status = EB_OK;
}

static void keep_error(struct sr_request *request, const struct eb_error *err) {
    free(request->why);
    request->why = strdup(err->text);
    request->status = err->status;
    request->kind = err->kind;
    request->native = err->native;
}

static int32_t kept_error(const struct sr_request *request, struct eb_error *err) {
    return ebp_error_of_kind(err, request->status, request->kind, request->native, "%s",
                             request->why ? request->why : "schema registry: out of memory for the cause");
}

static void set_wanted(struct sr_request_queue *queue, struct sr_request *request, bool wanted) {
    if (request->state == SR_BACKOFF && request->wanted != wanted)
        queue->wanted = wanted ? queue->wanted + 1 : queue->wanted - 1;
    request->wanted = wanted;
}

static void move(struct sr_request_queue *queue, struct sr_request *request, enum sr_state state) {
    set_wanted(queue, request, false);
    if (request->state == SR_QUEUED)
        DL_DELETE(queue->queued, request);
    if (request->state == SR_BACKOFF)
        DL_DELETE(queue->backoff, request);
    request->state = state;
    if (state == SR_QUEUED)
        DL_APPEND(queue->queued, request);
    if (state == SR_BACKOFF)
        DL_APPEND(queue->backoff, request);
}

/* When a request in backoff is queued again: its own wait is over, and a server may be tried. */
static int64_t due(const struct sr_request_queue *queue, const struct sr_request *request) {
    int64_t server = sr_servers_next(&queue->servers);

    return request->retry_ms > server ? request->retry_ms : server;
}

void sr_request_queue_call_at(struct sr_request_queue *queue, int64_t at_ms) {
    if (at_ms >= queue->alarm_ms)
        return;
    queue->alarm_ms = at_ms;
    sr_http_alarm(queue->http, at_ms);
}

int32_t sr_ask(struct sr_request_queue *queue, struct sr_request *request, struct eb_error *err) {
    bool send = request->state == SR_IDLE || (request->state == SR_REFUSED && request->retry_ms <= ebp_monotonic_ms());

    if (request->state == SR_KNOWN)
        return EB_OK;
    if (send) {
        forget_error(request);
        move(queue, request, SR_QUEUED);
        sr_request_queue_call_at(queue, ebp_monotonic_ms());
    } else if (request->state == SR_BACKOFF && !request->wanted) {
        set_wanted(queue, request, true);
        sr_request_queue_call_at(queue, due(queue, request));
    }
    return request->status == EB_OK ? EB_EMPTY : kept_error(request, err);
}

bool sr_request_is_idle(const struct sr_request *request) {
    return request->state != SR_QUEUED && request->state != SR_SENT && !request->wanted;
}

void sr_request_end(struct sr_request_queue *queue, struct sr_request *request) {
    move(queue, request, SR_IDLE);
    forget_error(request);
}

/* ---- The ways a request leaves the servers ---- */

static void finish(struct sr_request_queue *queue, struct sr_request *request, enum sr_state state) {
    request->rounds = 0;
    request->tried = 0;
    request->unconfirmed = 0;
    move(queue, request, state);
    queue->news++;
}

static void refuse(struct sr_request_queue *queue, struct sr_request *request, const struct eb_error *err) {
    keep_error(request, err);
    request->retry_ms = ebp_monotonic_ms() + SR_REFUSED_MS;
    finish(queue, request, SR_REFUSED);
}

/* No server is left for it in this round. err: the cause; NULL: the one that the request has kept. */
static void back_off(struct sr_request_queue *queue, struct sr_request *request, const struct eb_error *err) {
    if (err)
        keep_error(request, err);
    request->status = EB_RETRIABLE;
    if (request->tried != 0) /* it was sent, and has failed itself */
        request->retry_ms = ebp_monotonic_ms() + sr_wait(++request->rounds, &queue->servers.chance);
    request->tried = 0;
    move(queue, request, SR_BACKOFF);
    queue->news++;
}

/* ---- Sending ---- */

/* Prefers a server other than the one whose refusal is to be confirmed. */
static enum sr_choice choose(const struct sr_request_queue *queue, const struct sr_request *request, size_t *server) {
    int64_t now = ebp_monotonic_ms();
    enum sr_choice choice = sr_servers_choose(&queue->servers, now, request->tried | request->unconfirmed, server);

    if (choice == SR_ASK || request->unconfirmed == 0)
        return choice;
    return sr_servers_choose(&queue->servers, now, request->tried, server);
}

/* Sends it to a server that may be tried. Without one it stays queued, or backs off. */
static void send_one(struct sr_request_queue *queue, struct sr_request *request) {
    struct eb_error err;
    size_t server;
    enum sr_choice choice = choose(queue, request, &server);

    if (choice == SR_LATER)
        return;
    if (choice == SR_NONE) {
        back_off(queue, request, request->tried != 0 ? NULL : &queue->server_error);
        return;
    }
    if (!sr_request_send(queue, request, queue->servers.all[server].url)) {
        ebp_no_memory(&err);
        request->tried = ~0u;
        back_off(queue, request, &err);
        return;
    }
    request->server = server;
    request->began_ms = ebp_monotonic_ms();
    sr_servers_begin(&queue->servers, server);
    move(queue, request, SR_SENT);
    queue->sent++;
}

/* Tries each request once: one that waits for a server that is being tried does not keep others from theirs. */
static void send_queued(struct sr_request_queue *queue) {
    struct sr_request *request, *next;

    DL_FOREACH_SAFE(queue->queued, request, next) {
        if (queue->sent >= SR_AT_ONCE)
            return;
        send_one(queue, request);
    }
}

static void requeue_due(struct sr_request_queue *queue) {
    int64_t now = ebp_monotonic_ms();
    struct sr_request *request, *next;

    DL_FOREACH_SAFE(queue->backoff, request, next) {
        if (queue->wanted == 0)
            return;
        if (request->wanted && due(queue, request) <= now)
            move(queue, request, SR_QUEUED);
    }
}

/* ---- Responses ---- */

/* Whether the server rejects this client, or this client does not trust the server. */
static bool rejects_auth(const struct sr_transfer_result *result) {
    switch (result->failed ? result->native : CURLE_OK) {
    case CURLE_OK:
        return sr_response_rejects_auth(&result->response);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static void try_next_server(struct sr_request_queue *queue, struct sr_request *request, const struct sr_transfer_result *result,
                            const struct eb_error *err) {
    uint32_t bit = 1u << request->server;

    sr_servers_failed(&queue->servers, request->server, request->began_ms, ebp_monotonic_ms(), result->retry_after_ms);
    request->auth_rejected = rejects_auth(result) ? request->auth_rejected | bit : request->auth_rejected & ~bit;
    request->tried |= bit;
    move(queue, request, SR_QUEUED); /* where no server is left, send_one makes it back off */
    keep_error(request, err);
}

/* A registry that others give the same new subject at the same moment may answer 409 to those who come second, as to a
 * schema that is incompatible. One of several servers may not know an id yet that another has just given. Only the next
 * response tells which it was. */
static bool may_be_a_race(const struct sr_request *request, const struct sr_transfer_result *result) {
    return request->unconfirmed == 0 && result->response.http == (request->type == SR_REGISTER ? 409 : 404);
}

/* Unknown ids, one after the other in a partition, shall not each cost the wait that one is given. */
static int64_t confirm_wait_ms(struct sr_request_queue *queue) {
    if (queue->confirmed_ms + SR_REFUSED_MS <= ebp_monotonic_ms())
        queue->n_confirmed = 0;
    return queue->n_confirmed < SR_CONFIRMED_MAX ? SR_CONFIRM_MS : 0;
}

static void count_confirmed(struct sr_request_queue *queue) {
    if (queue->n_confirmed++ == 0)
        queue->confirmed_ms = ebp_monotonic_ms();
}

/* Sends it once more: a conflict at once; an id a moment later, since a server that follows another needs time. */
static void confirm(struct sr_request_queue *queue, struct sr_request *request) {
    int64_t wait = request->type == SR_REGISTER ? 0 : confirm_wait_ms(queue);

    request->unconfirmed = 1u << request->server;
    request->retry_ms = ebp_monotonic_ms() + wait;
    move(queue, request, wait > 0 ? SR_BACKOFF : SR_QUEUED);
    set_wanted(queue, request, wait > 0);
}

static void take_refusal(struct sr_request_queue *queue, struct sr_request *request, const struct sr_transfer_result *result,
                         const struct eb_error *err) {
    sr_servers_responded(&queue->servers, request->server);
    if (may_be_a_race(request, result)) {
        confirm(queue, request);
        return;
    }
    if (request->type == SR_LOOKUP && request->unconfirmed != 0)
        count_confirmed(queue);
    refuse(queue, request, err);
}

static void take_result(void *arg, const struct sr_transfer_result *result) {
    struct sr_request_queue *queue = arg;
    struct sr_request *request = result->owner;
    const char *server = queue->servers.all[request->server].url;
    struct eb_error err;
    int32_t status;

    if (result->failed)
        status = ebp_error(&err, EB_RETRIABLE, result->native, "%s", result->failed);
    else
        status = sr_request_take_response(queue, request, &result->response, &err);
    queue->sent--;
    if (status == EB_OK) {
        sr_servers_responded(&queue->servers, request->server);
        forget_error(request);
        finish(queue, request, SR_KNOWN);
        return;
    }
    if (status != EB_PERMANENT) {
        queue->server_error = err;
        ebp_error_context(&queue->server_error, "schema registry %s", server);
    }
    sr_request_context(request, server, &err);
    if (status == EB_PERMANENT)
        take_refusal(queue, request, result, &err);
    else
        try_next_server(queue, request, result, &err);
}

void sr_request_queue_work(struct sr_request_queue *queue) {
    const struct sr_request *request;

    requeue_due(queue);
    send_queued(queue);
    sr_http_work(queue->http, take_result, queue);
    send_queued(queue);          /* fewer are under way now, or one goes to another server */
    queue->alarm_ms = INT64_MAX; /* what is still queued waits for a response */
    DL_FOREACH(queue->backoff, request) {
        if (queue->wanted == 0)
            break;
        if (request->wanted && due(queue, request) < queue->alarm_ms)
            queue->alarm_ms = due(queue, request);
    }
    sr_http_alarm(queue->http, queue->alarm_ms);
}
