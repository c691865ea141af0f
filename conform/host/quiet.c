/* conform/host/quiet.c - see quiet.h. */
#include "host/quiet.h"

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host, (void)level, (void)text;
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)host, (void)name, (void)value;
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host, (void)up, (void)why;
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    (void)host, (void)report;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    (void)host, (void)message;
    return EB_FULL;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)host, (void)tokens, (void)n, (void)status;
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host, (void)tokens, (void)n, (void)grace_ms;
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    (void)host, (void)topic;
    return 1;
}

static void on_busy(const struct eb_host *host, int32_t on) {
    (void)host, (void)on;
}

struct eb_host ebc_quiet_host(void *core, const char *name) {
    return (struct eb_host){ .size = sizeof(struct eb_host),
                             .core = core,
                             .instance = name,
                             .service = name,
                             .log = on_log,
                             .metric = on_metric,
                             .link = on_link,
                             .delivered = on_delivered,
                             .received = on_received,
                             .settled = on_settled,
                             .revoke = on_revoke,
                             .matches = on_matches,
                             .busy = on_busy,
                             .connect_timeout_ms = 5000 };
}
