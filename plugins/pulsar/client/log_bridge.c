/* client/log_bridge.c - see log_bridge.h. */
#include "client/log_bridge.h"

#include <pthread.h>
#include <string.h>
#include <eventbus/plugin-help.h>

enum { LINE_ROOM = 700, WARN_AGAIN_MS = 10000, LAST_MS = 30000, WARNED = 16 };

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
    } warned[WARNED];
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

    for (size_t i = 0; i < WARNED; i++) {
        if (bridge.warned[i].file == file && bridge.warned[i].line == line && bridge.warned[i].until_ms > now)
            return false;
        if (bridge.warned[i].until_ms < bridge.warned[oldest].until_ms)
            oldest = i;
    }
    bridge.warned[oldest].file = file;
    bridge.warned[oldest].line = line;
    bridge.warned[oldest].until_ms = now + WARN_AGAIN_MS;
    return true;
}

static bool is_enabled(pulsar_logger_level_t level, void *ctx) {
    (void)ctx;
    return level >= pulsar_INFO;
}

/* All that the library says of a login that a broker refuses is that the connection has ended. */
static const char disconnected[] = "the broker closed the connection, as it does if it refuses the token or certificate";

static void on_line(pulsar_logger_level_t level, const char *file, int number, const char *line, void *ctx) {
    char text[LINE_ROOM] = "libpulsar: ";
    size_t begin = strlen(text);

    (void)ctx;
    pl_log_clean(line, text + begin, sizeof text - begin);
    pthread_mutex_lock(&bridge.lock);
    if (level >= pulsar_WARN) {
        ebp_one_line(bridge.last, sizeof bridge.last, text + begin, strlen(text + begin));
        bridge.last_ms = ebp_monotonic_ms();
    } else if (strstr(line, "Connection disconnected")) {
        snprintf(bridge.last, sizeof bridge.last, "%s", disconnected);
        bridge.last_ms = ebp_monotonic_ms();
    }
    if (bridge.n > 0) {
        int32_t as = level >= pulsar_ERROR && is_news(file, number) ? EBP_LOG_WARNING
                     : level >= pulsar_WARN                         ? EBP_LOG_INFO
                                                                    : EBP_LOG_DEBUG;
        bridge.hosts[0]->log(bridge.hosts[0], as, text);
    }
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
