/* plugins/kafka/client/fetch_wakeup.c - see fetch_wakeup.h. */
#include "fetch_wakeup.h"

#include <stdio.h>

#include "raw_options.h"

enum { PAUSE_MS = 10, HAS_BACKOFF = 0x02020000 }; /* between two checks of a full queue */

static int has_backoff(void) {
    return rd_kafka_version() >= HAS_BACKOFF;
}

void kf_fetch_wakeup_configure(rd_kafka_conf_t *conf) {
    char pause[12];

    snprintf(pause, sizeof pause, "%d", PAUSE_MS);
    if (has_backoff())
        rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", pause, NULL, 0);
}

void kf_fetch_wakeup_init(struct kf_fetch_wakeup *wakeup) {
    wakeup->due_ms = INT64_MAX;
}

void kf_fetch_wakeup_consumed(struct kf_fetch_wakeup *wakeup, int64_t now_ms) {
    if (wakeup->due_ms == INT64_MAX && !has_backoff())
        wakeup->due_ms = now_ms + PAUSE_MS;
}

static const char *first_of(const char *a, const char *b, const char *c) {
    return a ? a : b ? b : c ? c : "";
}

/* Sets the user and the password that are set already, which of all that wakes those threads changes least: they are read
 * when a connection is made, and only if the SASL mechanism uses them. */
static void wake_fetchers(rd_kafka_t *rk, const struct kf_settings *set) {
    rd_kafka_error_t *error = rd_kafka_sasl_set_credentials(
        rk, first_of(kf_raw_options_value(set, "sasl.username", ""), set->api_key, set->sasl_username),
        first_of(kf_raw_options_value(set, "sasl.password", ""), set->api_secret, set->sasl_password));

    rd_kafka_error_destroy(error); /* none is known to occur; fetching would then go on as without this */
}

void kf_fetch_wakeup_run(struct kf_fetch_wakeup *wakeup, rd_kafka_t *rk, const struct kf_settings *set, int64_t now_ms) {
    if (now_ms < wakeup->due_ms)
        return;
    wakeup->due_ms = INT64_MAX;
    wake_fetchers(rk, set);
}
