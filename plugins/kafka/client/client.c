/* plugins/kafka/client/client.c - see client.h. */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/log.h>

#include "error.h"
#include "client_reaper.h"
#include "cloexec.h"
#include "stats.h"

enum {
    SET_BACK_MS = 1000,      /* a clock that is set back by less is being kept right */
    STUCK_MS = 2000,         /* how long the cluster may take to answer after the clock was set back */
    SILENCE_MS = 2500,       /* after how long at most a cluster that has not answered yet counts as unreachable */
    REGISTRY_PROBE_MS = 2000 /* how long a registry that has not answered yet keeps the link from coming up */
};

static void on_queue(rd_kafka_t *rk, void *arg) {
    (void)rk;
    ebp_wakeup_signal(arg);
}

static int32_t open_all(struct kf_client *client, enum kf_role role, rd_kafka_conf_t *conf, struct eb_error *err) {
    int32_t status = EB_OK;

    if (!ebp_wakeup_open(&client->wakeup))
        status = ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, errno, "cannot open an eventfd: %s", strerror(errno));
    else if (client->set->registry.urls)
        status = sr_open(&client->registry_settings, &client->registry, err);
    if (status != EB_OK) {
        rd_kafka_conf_destroy(conf);
        return status;
    }
    client->rk = kf_conf_new_client(conf, role, err);
    if (!client->rk)
        return EB_PERMANENT;
    kf_set_cloexec_on_pipes();
    if (role == KF_CONSUMER)
        rd_kafka_poll_set_consumer(client->rk);
    client->queue = role == KF_CONSUMER ? rd_kafka_queue_get_consumer(client->rk) : rd_kafka_queue_get_main(client->rk);
    rd_kafka_queue_cb_event_enable(client->queue, on_queue, &client->wakeup);
    return EB_OK;
}

int32_t kf_client_open(struct kf_client *client, const struct eb_host *host, const struct kf_settings *set, enum kf_role role,
                       rd_kafka_conf_t *conf, struct eb_error *err) {
    client->host = host;
    ebp_link_init(&client->link.reported, host);
    client->set = set;
    client->registry_settings = set->registry;
    client->registry_settings.connect_timeout_ms = host->connect_timeout_ms;
    client->opened_ms = ebp_monotonic_ms();
    client->wall_offset_ms = ebp_wall_ms() - client->opened_ms;
    client->wakeup.fd = -1;
    client->log_bridge = kf_log_bridge_new(host);
    client->join_tracker = client->log_bridge ? &client->log_bridge->join_tracker : NULL;
    if (!client->log_bridge ||
        (role == KF_CONSUMER && kf_join_tracker_install(client->join_tracker, conf) != RD_KAFKA_RESP_ERR_NO_ERROR)) {
        rd_kafka_conf_destroy(conf);
        kf_log_bridge_free(client->log_bridge);
        return ebp_no_memory(err);
    }
    kf_log_bridge_install(client->log_bridge, conf);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_STATS | RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_REBALANCE |
                                       RD_KAFKA_EVENT_OFFSET_COMMIT);
    int32_t status = open_all(client, role, conf, err);
    if (status != EB_OK)
        kf_client_close(client);
    return status;
}

static void release_queue(struct kf_client *client) {
    if (client->queue) {
        rd_kafka_queue_cb_event_enable(client->queue, NULL, NULL);
        rd_kafka_queue_destroy(client->queue);
    }
    client->queue = NULL;
}

static void release(struct kf_client *client) {
    release_queue(client);
    sr_close(client->registry);
    ebp_wakeup_close(&client->wakeup);
    client->registry = NULL;
    client->rk = NULL;
}

void kf_client_close(struct kf_client *client) {
    release_queue(client);
    if (!client->rk) {
        kf_log_bridge_free(client->log_bridge);
    } else {
        kf_log_bridge_detach(client->log_bridge);
        if (!kf_reaper_destroy(client->rk, client->log_bridge))
            ebp_log(client->host, EBP_LOG_WARNING, "librdkafka does not end this client in time; it is left running");
    }
    release(client);
    client->log_bridge = NULL;
}

void kf_client_abandon(struct kf_client *client, bool leaving) {
    kf_log_bridge_detach(client->log_bridge);
    rd_kafka_queue_cb_event_enable(client->queue, NULL, NULL);
    kf_reaper_adopt(client->rk, client->queue, client->log_bridge, leaving);
    client->queue = NULL;
    client->log_bridge = NULL;
    release(client);
}

/* ---- Events ---- */

void kf_client_fail(struct kf_client *client, int32_t status, const struct eb_error *why) {
    if (client->status != EB_OK)
        return;
    client->status = status;
    client->why = *why;
    client->why.status = status;
}

static void fail_with_fatal_error(struct kf_client *client) {
    struct eb_error why;
    char text[512];
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(client->rk, text, sizeof text);

    ebp_error(&why, EB_FATAL, code, "%s", text);
    if (code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID)
        ebp_error_of_kind(&why, EB_PERMANENT, EB_KIND_NAME, 0,
                          "the consumer's name is in use by another worker, which has joined "
                          "the group under it (group.instance.id); give each worker its own --name, or leave it out, or set "
                          "static_member = no");
    kf_client_fail(client, why.status, &why);
}

/* Returns what the user cannot know: traps of versions, and what usually causes an error of librdkafka's. NULL: nothing. */
static const char *hint_for(const struct kf_client *client, rd_kafka_resp_err_t code, const char *text) {
    const char *mechanism = kf_conf_mechanism(client->set);

    if (code == RD_KAFKA_RESP_ERR__BAD_MSG)
        return "this is not a response of Kafka: is it the broker's address, and does it expect TLS (security)?";
    if (code == RD_KAFKA_RESP_ERR__SSL && (strstr(text, "unexpected eof") || strstr(text, "wrong version number")))
        return "does it speak TLS at this port (security)?";
    if (code == RD_KAFKA_RESP_ERR__SSL && strstr(text, "certificate verify failed"))
        return "is it signed by a CA of ssl_ca, and is it for the host name that bootstrap_servers has?";
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && mechanism && strncmp(mechanism, "SCRAM", 5) == 0 &&
        rd_kafka_version() < 0x02060100)
        return "or it is Kafka 4, whose SCRAM librdkafka below 2.6.1 cannot do: use PLAIN, or a newer librdkafka";
    return NULL;
}

static bool is_connection_error(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return true;
    default:
        return false;
    }
}

static void on_error(struct kf_client *client, rd_kafka_resp_err_t code, const char *text) {
    char line[1024];

    if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_fatal_error(client->rk, NULL, 0)) {
        fail_with_fatal_error(client);
    } else if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        snprintf(line, sizeof line, "%s: %s", client->set->bootstrap_servers, text);
        kf_link_failed(&client->link, code, line,
                       "they give no cause: brokers that expect TLS or SASL end connections "
                       "like this (security)",
                       ebp_monotonic_ms());
    } else if (is_connection_error(code)) {
        kf_link_failed(&client->link, code, text, hint_for(client, code, text ? text : ""), ebp_monotonic_ms());
    } else {
        ebp_log(client->host, EBP_LOG_WARNING, "%s", text && *text ? text : rd_kafka_err2str(code));
    }
}

void kf_client_handle_event(struct kf_client *client, rd_kafka_event_t *event) {
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_ERROR:
        on_error(client, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        break;
    case RD_KAFKA_EVENT_STATS:
        kf_stats_report(client->host, rd_kafka_event_stats(event));
        break;
    default:
        break;
    }
}

/* ---- In the loop ---- */

/* Returns how long the cluster may take to answer first: short enough that the cause is reported within connect_timeout. */
static int64_t silence_ms(const struct eb_host *host) {
    return ebp_earlier(host->connect_timeout_ms / 2, SILENCE_MS);
}

/* Reports a server that accepts the connection and never answers; librdkafka reports that much later. */
static void check_silence(struct kf_client *client) {
    struct kf_link *link = &client->link;
    int64_t now = ebp_monotonic_ms();
    char line[400];

    if (link->reached || link->doubted || now < client->opened_ms + silence_ms(client->host))
        return;
    snprintf(line, sizeof line, "%.300s: no answer", client->set->bootstrap_servers);
    kf_link_failed(link, RD_KAFKA_RESP_ERR__TIMED_OUT, line, "is Kafka at this address, and is security right?", now);
}

static void check_registry(struct kf_client *client) {
    struct eb_error why, turned_away;
    int32_t status = sr_link_status(client->registry, &why), hello = sr_probe(client->registry, &turned_away);

    if (status == EB_OK && hello == EB_EMPTY && ebp_monotonic_ms() < client->opened_ms + REGISTRY_PROBE_MS)
        status = EB_EMPTY;
    if (status != EB_OK && hello == EB_PERMANENT) {
        status = EB_PERMANENT;
        why = turned_away;
    }
    kf_link_set_registry(&client->link, status, &why);
}

/* Fails a client that does not reach the cluster after the wall clock was set back, so that the host opens it anew.
 * librdkafka's threads wait on condition variables of C11, which go by the wall clock: if that is set back by a day while
 * they wait to connect again, they connect a day later. A client that is connected waits for its sockets. */
static void check_clock(struct kf_client *client) {
    int64_t before_ms = client->wall_offset_ms, now_ms = ebp_monotonic_ms();
    struct kf_link *link = &client->link;
    struct eb_error why;

    client->wall_offset_ms = ebp_wall_ms() - now_ms;
    if (before_ms - client->wall_offset_ms >= SET_BACK_MS) {
        client->clock_stuck_ms = now_ms;
        link->doubted = true; /* so the cluster is asked at once */
        link->doubted_ms = now_ms;
    }
    if (link->reached && !link->doubted)
        client->clock_stuck_ms = 0;
    if (client->clock_stuck_ms == 0 || now_ms < client->clock_stuck_ms + STUCK_MS)
        return;
    ebp_error(&why, EB_FATAL, 0, "the wall clock was set back, by which librdkafka waits to connect again");
    kf_client_fail(client, EB_FATAL, &why);
}

size_t kf_client_poll(struct kf_client *client) {
    size_t news = 0;

    if (client->registry) {
        news = sr_poll(client->registry);
        check_registry(client);
    }
    bool reached = client->link.reached;
    check_silence(client);
    check_clock(client);
    kf_link_check(&client->link, client->rk, ebp_monotonic_ms());
    if (client->link.reached && !reached)
        kf_set_cloexec_on_pipes(); /* librdkafka knows the other brokers now */
    return news;
}

void kf_client_wait(struct kf_client *client, int64_t until_ms) {
    int64_t due_ms = ebp_earlier(kf_link_due_ms(&client->link), until_ms), now_ms = ebp_monotonic_ms();
    struct pollfd registry = { .fd = client->registry ? sr_fd(client->registry) : -1, .events = POLLIN };

    if (client->link.doubted && client->link.doubted_ms + 1000 > now_ms)
        due_ms = ebp_earlier(due_ms, client->link.doubted_ms + 1000);
    ebp_wakeup_wait(&client->wakeup, &registry, 1, due_ms - now_ms);
}
