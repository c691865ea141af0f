/* login.c - the options of libnats for each server. See login.h. */
#include "login.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/library_sockets.h>

enum { DELIVERY_THREADS = 2 }; /* of all connections of the process; a thread for each subscription would end at its own time */

int32_t ebn_no_memory(struct eb_error *err) {
    return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, 0, "out of memory");
}

static pthread_once_t opened = PTHREAD_ONCE_INIT;
static natsStatus open_status;

/* libnats has no way to open its socket close-on-exec, and keeps it for itself while it connects and logs in. */
static void keep_sockets(void) {
    natsStatus (*function)(natsConnection **, natsOptions *) = natsConnection_Connect;
    void *address;

    memcpy(&address, &function, sizeof address);
    ebp_library_sockets_close_on_exec(address);
}

/* nats_Open ignores SIGPIPE for the whole process, which belongs to the service. The host blocks the signal in its threads and
 * libnats's own inherit that. */
static void open_library(void) {
    struct sigaction before;
    bool known = sigaction(SIGPIPE, NULL, &before) == 0;

    open_status = nats_Open(-1);
    if (open_status == NATS_OK)
        nats_SetMessageDeliveryPoolSize(DELIVERY_THREADS);
    keep_sockets();
    if (known)
        sigaction(SIGPIPE, &before, NULL);
}

int32_t ebn_library(struct eb_error *err) {
    pthread_once(&opened, open_library);
    if (open_status == NATS_OK)
        return EB_OK;
    return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, open_status, "cannot start libnats: %s",
                             natsStatus_GetText(open_status));
}

/* Splits scheme://[login@]host[:port][/...]: copies the host, writes host:port. */
static void read_url(const char *url, char *host, char *server) {
    const char *at = strstr(url, "://") + 3, *end = at + strcspn(at, "/?"), *login = memrchr(at, '@', (size_t)(end - at));
    const char *port;

    if (login)
        at = login + 1;
    if (*at == '[' && memchr(at, ']', (size_t)(end - at))) {
        const char *close = memchr(at, ']', (size_t)(end - at));
        snprintf(host, EBN_SERVER_ROOM, "%.*s", (int)(close - at - 1), at + 1);
        port = close[1] == ':' ? close + 2 : end;
    } else {
        const char *colon = memchr(at, ':', (size_t)(end - at));
        snprintf(host, EBN_SERVER_ROOM, "%.*s", (int)((colon ? colon : end) - at), at);
        port = colon ? colon + 1 : end;
    }
    snprintf(server, EBN_SERVER_ROOM, port < end ? "%.100s:%.*s" : "%.100s:4222", host, (int)(end - port), port);
}

/* One option that libnats may refuse: the first failure is kept, with the key that it belongs to. */
struct attempt {
    natsStatus status;
    const char *key, *value;
};

static void try_option(struct attempt *a, natsStatus status, const char *key, const char *value) {
    if (a->status != NATS_OK || status == NATS_OK)
        return;
    a->status = status;
    a->key = key;
    a->value = value;
}

static void set_tls(natsOptions *o, const struct settings *set, const char *host, struct attempt *a) {
    try_option(a, natsOptions_SetSecure(o, true), "url", NULL);
    if (set->tls_ca)
        try_option(a, natsOptions_LoadCATrustedCertificates(o, set->tls_ca), "tls_ca", set->tls_ca);
    if (set->tls_cert)
        try_option(a, natsOptions_LoadCertificatesChain(o, set->tls_cert, set->tls_key), "tls_cert", set->tls_cert);
    try_option(a, natsOptions_SetExpectedHostname(o, set->tls_server_name ? set->tls_server_name : host), "tls_server_name",
               NULL);
}

static void set_login(natsOptions *o, const struct settings *set, struct attempt *a) {
    if (set->user)
        try_option(a, natsOptions_SetUserInfo(o, set->user, set->password ? set->password : ""), "user", NULL);
    if (set->token)
        try_option(a, natsOptions_SetToken(o, set->token), "token", NULL);
    if (set->credentials)
        try_option(a, natsOptions_SetUserCredentialsFromFiles(o, set->credentials, NULL), "credentials", set->credentials);
}

/* Reconnecting is connection.c's: a connection that libnats makes again by itself would keep half of what was under way. */
static void set_connection(natsOptions *o, const struct eb_host *host, const struct settings *set, const char *url,
                           struct attempt *a) {
    char name[160];

    snprintf(name, sizeof name, "eventbus %.140s", host->service);
    try_option(a, natsOptions_SetURL(o, url), "url", NULL);
    try_option(a, natsOptions_SetName(o, name), "url", NULL);
    try_option(a, natsOptions_SetTimeout(o, set->login_timeout), "login_timeout", NULL);
    try_option(a, natsOptions_UseGlobalMessageDelivery(o, true), "url", NULL);
    try_option(a, natsOptions_SetAllowReconnect(o, false), "url", NULL);
    try_option(a, natsOptions_SetPingInterval(o, 10000), "url", NULL);
    try_option(a, natsOptions_SetMaxPingsOut(o, 2), "url", NULL);
    try_option(a, natsOptions_SetWriteDeadline(o, 10000), "url", NULL);
    try_option(a, natsOptions_SetIOBufSize(o, 128 * 1024), "url", NULL);
}

static int32_t refused(const struct attempt *a, struct eb_error *err) {
    natsStatus last = NATS_OK;
    const char *detail = nats_GetLastError(&last);

    if (a->status == NATS_NO_MEMORY)
        return ebn_no_memory(err);
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, a->status, "%s: libnats does not take it%s%.200s: %s%s%.200s",
                             a->key, a->value ? ", " : "", a->value ? a->value : "", natsStatus_GetText(a->status),
                             a->value && detail ? ": " : "", a->value && detail ? detail : "");
}

/* A file that is not there: libnats finds it at each connect, and calls it a broker that is away. */
static int32_t check_file(const char *key, const char *path, struct eb_error *err) {
    if (!path || access(path, R_OK) == 0)
        return EB_OK;
    ebp_errno(err, EB_PERMANENT, "%s: cannot read %.300s", key, path);
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_PERMANENT;
}

static int32_t make(const struct eb_host *host, const struct settings *set, size_t i, natsOptions **options, char *server,
                    struct eb_error *err) {
    struct attempt a = { .status = NATS_OK };
    char name[EBN_SERVER_ROOM];

    if (check_file("tls_ca", set->tls_ca, err) != EB_OK || check_file("tls_cert", set->tls_cert, err) != EB_OK ||
        check_file("tls_key", set->tls_key, err) != EB_OK || check_file("credentials", set->credentials, err) != EB_OK)
        return EB_PERMANENT;
    read_url(set->url[i], name, server);
    try_option(&a, natsOptions_Create(options), "url", NULL);
    if (a.status == NATS_OK) {
        set_connection(*options, host, set, set->url[i], &a);
        set_login(*options, set, &a);
        if (strncmp(set->url[i], "tls://", 6) == 0)
            set_tls(*options, set, name, &a);
    }
    return a.status == NATS_OK ? EB_OK : refused(&a, err);
}

int32_t ebn_logins(const struct eb_host *host, const struct settings *settings, struct ebn_logins *logins,
                   struct eb_error *err) {
    int32_t status = EB_OK;
    size_t n = 0;

    while (settings->url[n])
        n++;
    logins->options = calloc(n, sizeof *logins->options);
    logins->servers = calloc(n, sizeof *logins->servers);
    if (!logins->options || !logins->servers)
        return ebn_no_memory(err);
    for (; logins->n < n && status == EB_OK; logins->n++)
        status = make(host, settings, logins->n, &logins->options[logins->n], logins->servers[logins->n], err);
    return status;
}

void ebn_logins_free(struct ebn_logins *logins) {
    for (size_t i = 0; i < logins->n; i++)
        natsOptions_Destroy(logins->options[i]);
    free(logins->options);
    free(logins->servers);
}
