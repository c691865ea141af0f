/* client/log_bridge.c - see log_bridge.h. */
#include "client/log_bridge.h"

#include <pthread.h>
#include <string.h>
#include <eventbus/plugin-help.h>

enum { LINE_ROOM = 700, SAY_AGAIN_MS = 10000, LAST_MS = 30000, SAID = 16 };

/* The lock guards all of it. */
static struct {
    pthread_mutex_t lock;
    const struct eb_host **hosts;
    size_t n, room;
    char last[PL_LOG_LAST_ROOM];
    int64_t last_ms;
    struct {
        const char *file; /* where the library logs from: a constant of its own */
        int line;
        int64_t until_ms;
    } said[SAID];
    struct pl_log_listener *listeners;
    uint64_t n_listeners; /* that ever were: their numbers */
} bridge = { .lock = PTHREAD_MUTEX_INITIALIZER };

int32_t pl_log_join(const struct eb_host *host, struct eb_error *err) {
    int32_t status = EB_OK;

    pthread_mutex_lock(&bridge.lock);
    if (EBP_RESERVE(bridge.hosts, bridge.room, bridge.n + 1))
        bridge.hosts[bridge.n++] = host;
    else
        status = ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    pthread_mutex_unlock(&bridge.lock);
    return status;
}

void pl_log_leave(const struct eb_host *host) {
    pthread_mutex_lock(&bridge.lock);
    for (size_t i = 0; i < bridge.n; i++)
        if (bridge.hosts[i] == host) {
            bridge.hosts[i] = bridge.hosts[--bridge.n];
            break;
        }
    if (bridge.n == 0) {
        free(bridge.hosts);
        bridge.hosts = NULL;
        bridge.room = 0;
    }
    pthread_mutex_unlock(&bridge.lock);
}

/* ---- listeners ---- */

/* The number of a listener, and not its address, which a later one may have. */
static _Thread_local uint64_t heard_by;

void pl_log_listen(struct pl_log_listener *listener) {
    pthread_mutex_lock(&bridge.lock);
    listener->number = ++bridge.n_listeners;
    listener->next = bridge.listeners;
    bridge.listeners = listener;
    pthread_mutex_unlock(&bridge.lock);
}

void pl_log_unlisten(struct pl_log_listener *listener) {
    struct pl_log_listener **place = &bridge.listeners;

    pthread_mutex_lock(&bridge.lock);
    while (*place && *place != listener)
        place = &(*place)->next;
    if (*place)
        *place = listener->next;
    pthread_mutex_unlock(&bridge.lock);
}

void pl_log_heard_here(const struct pl_log_listener *listener) {
    heard_by = listener->number;
}

/* With the lock. */
static void tell_listener(const char *line) {
    struct pl_log_listener *listener = heard_by ? bridge.listeners : NULL;

    while (listener && listener->number != heard_by)
        listener = listener->next;
    if (listener)
        listener->line(listener->arg, line);
}

/* ---- lines ---- */

static bool is_of_token(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.=+/", c));
}

/* A JSON Web Token begins with the base64 of '{"', which is "eyJ". */
void pl_log_clean(const char *line, char *out, size_t room) {
    size_t at;

    ebp_one_line(out, room, line, strlen(line));
    for (char *token = out; (token = strstr(token, "eyJ")); token += 3) {
        for (at = 0; is_of_token(token[at]); at++)
            continue;
        memmove(token + 3, token + at, strlen(token + at) + 1);
        memcpy(token, "***", 3);
    }
}

void pl_log_line(int32_t level, const char *text) {
    pthread_mutex_lock(&bridge.lock);
    if (bridge.n > 0)
        bridge.hosts[0]->log(bridge.hosts[0], level, text);
    pthread_mutex_unlock(&bridge.lock);
}

/* With the lock. The library logs an error for each failed try; whether this place has not done so for a while. */
static bool is_news(const char *file, int line) {
    int64_t now = ebp_monotonic_ms();
    size_t oldest = 0;

    for (size_t i = 0; i < SAID; i++) {
        if (bridge.said[i].file == file && bridge.said[i].line == line && bridge.said[i].until_ms > now)
            return false;
        if (bridge.said[i].until_ms < bridge.said[oldest].until_ms)
            oldest = i;
    }
    bridge.said[oldest].file = file;
    bridge.said[oldest].line = line;
    bridge.said[oldest].until_ms = now + SAY_AGAIN_MS;
    return true;
}

static bool is_enabled(pulsar_logger_level_t level, void *ctx) {
    (void)ctx;
    return level >= pulsar_INFO;
}

/* All that the library says of a login that a broker refuses is that the connection has ended. */
static const char disconnected[] = "the broker closed the connection, as it does if it refuses the token or certificate";

/* Takes out what says nothing to an operator. */
static void cut(char *text, const char *what) {
    char *at = strstr(text, what);

    if (at)
        memmove(at, at + strlen(what), strlen(at + strlen(what)) + 1);
}

/* With the lock. Keeps a line that says why there is no connection, without its "[FROM -> TO] "; what follows from that is left
 * out. */
static void keep_last(const char *line) {
    const char *begin = *line == '[' ? strstr(line, "] ") : NULL;

    if (strstr(line, "artition") || strstr(line, "Connection closed"))
        return;
    begin = begin ? begin + 2 : line;
    ebp_one_line(bridge.last, sizeof bridge.last, begin, strlen(begin));
    cut(bridge.last, " to 0.0.0.0:0");
    bridge.last_ms = ebp_monotonic_ms();
}

/* The plugin reports itself what a line of the library's means for the operator: by the link, or by a message's error. So no
 * line is a warning here, and what is said at each try is said once. */
static void on_line(pulsar_logger_level_t level, const char *file, int number, const char *line, void *ctx) {
    char text[LINE_ROOM] = "libpulsar: ";
    size_t begin = strlen(text);

    (void)ctx;
    pl_log_clean(line, text + begin, sizeof text - begin);
    pthread_mutex_lock(&bridge.lock);
    tell_listener(line);
    if (level >= pulsar_WARN)
        keep_last(text + begin);
    else if (strstr(line, "Connection disconnected") && strncmp(line, "[<none>", 7) != 0) /* one that was there */
        keep_last(disconnected);
    if (bridge.n > 0)
        bridge.hosts[0]->log(bridge.hosts[0], level >= pulsar_ERROR && is_news(file, number) ? EBP_LOG_INFO : EBP_LOG_DEBUG,
                             text);
    pthread_mutex_unlock(&bridge.lock);
}

pulsar_logger_t pl_log_bridge(void) {
    return (pulsar_logger_t){ .ctx = NULL, .is_enabled = is_enabled, .log = on_line };
}

bool pl_log_last(char out[PL_LOG_LAST_ROOM]) {
    bool fresh;

    pthread_mutex_lock(&bridge.lock);
    fresh = bridge.last[0] && ebp_monotonic_ms() - bridge.last_ms < LAST_MS;
    if (fresh)
        memcpy(out, bridge.last, PL_LOG_LAST_ROOM);
    pthread_mutex_unlock(&bridge.lock);
    return fresh;
}
