/* client/client.c - see client.h. */
#include "client/client.h"
#include "client/log_bridge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help.h>
#include <eventbus/plugin-help/library_sockets.h>

/* Where Debian and its kin keep the certificates to trust; a libpulsar out of a wheel looks elsewhere. */
static const char system_ca[] = "/etc/ssl/certs/ca-certificates.crt";

/* ---- the login ---- */

/* A thread of the client's, at each login. The library frees the token. Without one the broker refuses the login. */
static char *give_token(void *arg) {
    const struct pl_settings *set = arg;
    struct eb_error why;
    char *token = NULL;

    if (pl_token(set, &token, &why) != EB_OK)
        pl_log_line(EBP_LOG_WARNING, why.text);
    return token ? token : strdup("");
}

/* ---- opening ---- */

static int32_t check_file(const char *key, const char *path, struct eb_error *err) {
    if (!path || access(path, R_OK) == 0)
        return EB_OK;
    ebp_errno(err, EB_PERMANENT, "%s: cannot read %s", key, path);
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_PERMANENT;
}

static int32_t check_files(const struct pl_settings *set, struct eb_error *err) {
    int32_t status = check_file("tls_ca", set->tls_ca, err);

    if (status == EB_OK)
        status = check_file("tls_cert", set->tls_cert, err);
    return status == EB_OK ? check_file("tls_key", set->tls_key, err) : status;
}

static void configure_tls(pulsar_client_configuration_t *conf, const struct pl_settings *set) {
    const char *ca = set->tls_ca ? set->tls_ca : access(system_ca, R_OK) == 0 ? system_ca : NULL;

    if (!pl_url_is_tls(set->url))
        return;
    pulsar_client_configuration_set_tls_allow_insecure_connection(conf, 0);
    pulsar_client_configuration_set_validate_hostname(conf, 1);
    if (ca)
        pulsar_client_configuration_set_tls_trust_certs_file_path(conf, ca);
    if (set->tls_cert) {
        pulsar_client_configuration_set_tls_certificate_file_path(conf, set->tls_cert);
        pulsar_client_configuration_set_tls_private_key_file_path(conf, set->tls_key);
    }
}

static pulsar_authentication_t *authentication(const struct pl_settings *set, struct pl_settings *own) {
    if (set->token || set->token_file || set->token_env)
        return pulsar_authentication_token_create_with_supplier(give_token, own);
    return set->tls_cert && pl_url_is_tls(set->url) ? pulsar_authentication_tls_create(set->tls_cert, set->tls_key) : NULL;
}

static int in_seconds(int64_t ms) {
    return ms < 1000 ? 1 : (int)(ms / 1000);
}

static pulsar_client_t *make_client(const struct pl_client *c) {
    pulsar_client_configuration_t *conf = pulsar_client_configuration_create();
    pulsar_authentication_t *auth = authentication(c->set, c->own);
    int64_t connect_ms = c->host->connect_timeout_ms;
    pulsar_client_t *client;

    pulsar_client_configuration_set_logger_t(conf, pl_log_bridge());
    pulsar_client_configuration_set_io_threads(conf, 1);
    pulsar_client_configuration_set_message_listener_threads(conf, 1);
    pulsar_client_configuration_set_stats_interval_in_seconds(conf, 0);
    pulsar_client_configuration_set_memory_limit(conf, 0); /* the bounds of the instances are the limit */
    pulsar_client_configuration_set_operation_timeout_seconds(conf, in_seconds(c->set->operation_timeout));
    pulsar_client_configuration_set_keep_alive_interval_in_seconds(conf, (unsigned)in_seconds(c->set->keepalive));
    pl_cxx_connecting(conf, connect_ms > 500 && connect_ms < 10000 ? (int)connect_ms : 10000, 1000);
    configure_tls(conf, c->set);
    if (auth)
        pulsar_client_configuration_set_auth(conf, auth);
    client = pulsar_client_create(c->set->url, conf);
    if (auth)
        pulsar_authentication_free(auth);
    pulsar_client_configuration_free(conf);
    return client;
}

static bool keeps_sockets;

static void keep_sockets(void) {
    pulsar_client_configuration_t *(*function)(void) = pulsar_client_configuration_create;
    void *address;

    memcpy(&address, &function, sizeof address);
    keeps_sockets = ebp_library_sockets_close_on_exec(address);
}

int32_t pl_client_open(struct pl_client *c, const struct eb_host *host, const struct pl_settings *set, struct eb_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct ebp_signals before;
    int32_t status = check_files(set, err);

    if (status != EB_OK || (status = pl_log_join(host, err)) != EB_OK)
        return status;
    pthread_once(&once, keep_sockets);
    if (!keeps_sockets)
        pl_log_line(EBP_LOG_DEBUG, "connections of libpulsar are inherited by the commands that the service starts");
    *c = (struct pl_client){ .host = host, .set = set, .own = pl_settings_copy(set) };
    if (c->own) {
        ebp_signals_block(&before); /* the threads that it starts inherit that */
        c->client = make_client(c);
        ebp_signals_restore(&before);
    }
    if (c->client)
        return EB_OK;
    pl_settings_free(c->own);
    pl_log_leave(host);
    return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory for a client of Pulsar");
}

const char *pl_client_address(const struct pl_client *c) {
    return c->set->url;
}

/* ---- closing ---- */

enum { CLOSE_AT_LEAST_MS = 300 }; /* how long the threads of a client take to end that has nothing open */

/* What is closed; the thread that does it and the caller that waits have a reference each. */
struct closing {
    pulsar_client_t *client;
    struct pl_settings *own;
    bool abort;
    void (*then)(void *arg);
    void *arg;
    struct ebp_cond_wakeup done;
    bool over; /* set before `done` is signalled */
    int refs;
};

static void closing_unref(struct closing *closing) {
    if (__atomic_sub_fetch(&closing->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    ebp_cond_wakeup_close(&closing->done);
    free(closing);
}

static void *run_closing(void *arg) {
    struct closing *closing = arg;

    /* Either ends the threads. */
    if ((!closing->abort || !pl_cxx_shutdown(closing->client)) && pulsar_client_close(closing->client) != pulsar_result_Ok)
        pl_cxx_shutdown(closing->client);
    pulsar_client_free(closing->client);
    pl_settings_free(closing->own);
    if (closing->then)
        closing->then(closing->arg);
    __atomic_store_n(&closing->over, true, __ATOMIC_RELEASE);
    ebp_cond_wakeup_signal(&closing->done);
    closing_unref(closing);
    return NULL;
}

bool pl_client_close(struct pl_client *c, bool abort, int64_t timeout_ms, void (*then)(void *arg), void *arg) {
    struct closing *closing = calloc(1, sizeof *closing);
    int64_t until = ebp_monotonic_ms() + (timeout_ms > CLOSE_AT_LEAST_MS ? timeout_ms : CLOSE_AT_LEAST_MS);
    bool over = false;
    pthread_t thread;

    if (!closing || !ebp_cond_wakeup_open(&closing->done)) {
        free(closing); /* without memory the client is left as it is: its threads read nothing that goes away */
        goto closed;
    }
    closing->client = c->client;
    closing->own = c->own;
    closing->abort = abort;
    closing->then = then;
    closing->arg = arg;
    closing->refs = 2;
    if (ebp_thread_start(&thread, run_closing, closing, "pulsar-close") != 0) {
        closing->refs = 1;
        closing_unref(closing);
        goto closed;
    }
    pthread_detach(thread);
    while (!(over = __atomic_load_n(&closing->over, __ATOMIC_ACQUIRE)) && ebp_monotonic_ms() < until)
        ebp_cond_wakeup_wait(&closing->done, until - ebp_monotonic_ms());
    closing_unref(closing);
closed:
    pl_log_leave(c->host);
    c->client = NULL;
    c->own = NULL;
    return over;
}
