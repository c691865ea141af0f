/* plugins/kafka/admin/admin.c - the admin instance; requests to the cluster and their errors; see admin.h. */
#include "admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRACE_MS = 500 }; /* librdkafka reports itself that the time of a request is over */

/* ---- The instance ---- */

int32_t kf_admin_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct kf_admin *a = calloc(1, sizeof *a);
    rd_kafka_conf_t *conf = a ? kf_conf_new(settings, KF_ADMIN, host->service, err) : NULL;
    int32_t status = EB_PERMANENT;

    if (!a)
        return ebp_no_memory(err);
    if (conf)
        status = kf_client_open(&a->client, host, settings, KF_ADMIN, conf, err);
    if (status != EB_OK) {
        free(a);
        return status;
    }
    a->results = rd_kafka_queue_new(a->client.rk);
    *self = a;
    return EB_OK;
}

void kf_admin_close(void *self) {
    struct kf_admin *a = self;

    if (a->fetcher.rk)
        kf_client_close(&a->fetcher);
    kf_topic_list_free(a->next);
    rd_kafka_queue_destroy(a->results);
    kf_client_close(&a->client);
    kf_reader_free(&a->reader);
    free(a->browsed);
    free(a);
}

/* ---- Errors ---- */

/* Passes on the connection errors that librdkafka has reported meanwhile. */
static void drain_errors(struct kf_admin *a) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(a->client.queue, 0))) {
        kf_client_handle_event(&a->client, event);
        rd_kafka_event_destroy(event);
    }
}

static bool is_connection_error(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE;
}

static bool was_reached(const struct kf_admin *a) {
    char *cluster = rd_kafka_clusterid(a->client.rk, 0);

    if (cluster)
        rd_kafka_mem_free(a->client.rk, cluster);
    return cluster != NULL;
}

int32_t kf_admin_failed(struct kf_admin *a, struct eb_error *err, rd_kafka_resp_err_t code, const char *format, ...) {
    char what[400];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    drain_errors(a);
    if (!is_connection_error(code) || (!a->client.link.why.text[0] && was_reached(a)))
        return kf_failed(err, code, "%s", what);
    if (a->client.link.why.text[0])
        return ebp_error(err, EB_RETRIABLE, code, "%s: %s", what, a->client.link.why.text);
    return ebp_error(err, EB_RETRIABLE, code, "%s: %.300s: no answer; is Kafka at this address, and is security right?", what,
                     a->client.set->bootstrap_servers);
}

const char *kf_right_missing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? ", which takes the ACL Describe on the group" : "";
}

/* ---- Requests ---- */

int kf_left_ms(int64_t until) {
    int64_t ms = until - ebp_monotonic_ms();

    return ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

rd_kafka_AdminOptions_t *kf_request_begin(struct kf_admin *a, rd_kafka_admin_op_t op, int64_t until) {
    char why[200];

    a->options = rd_kafka_AdminOptions_new(a->client.rk, op);
    rd_kafka_AdminOptions_set_opaque(a->options, (void *)++a->n_requests);
    rd_kafka_AdminOptions_set_request_timeout(a->options, kf_left_ms(until), why, sizeof why);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS || op == RD_KAFKA_ADMIN_OP_DELETERECORDS)
        rd_kafka_AdminOptions_set_operation_timeout(a->options, kf_left_ms(until), why, sizeof why);
    return a->options;
}

/* The result of the latest request. The result of an earlier one that was given up may still come, for example after the
 * process stood still. */
static rd_kafka_event_t *take_result(struct kf_admin *a, int64_t until) {
    rd_kafka_event_t *event;

    while ((event = rd_kafka_queue_poll(a->results, kf_left_ms(until + GRACE_MS))) &&
           (uintptr_t)rd_kafka_event_opaque(event) != a->n_requests)
        rd_kafka_event_destroy(event);
    return event;
}

rd_kafka_event_t *kf_request_result(struct kf_admin *a, int64_t until, const char *what, int32_t *status,
                                    struct eb_error *err) {
    rd_kafka_event_t *event = take_result(a, until);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;

    rd_kafka_AdminOptions_destroy(a->options);
    *status = EB_OK;
    if (!code)
        return event;
    *status = kf_admin_failed(a, err, code, "%s", what);
    if (event)
        rd_kafka_event_destroy(event);
    return NULL;
}
