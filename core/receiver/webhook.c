/* core/receiver/webhook.c - a URL as receiver, with libcurl: see receiver.h.
 *
 * The status line of the response decides. What follows it is read for a moment, so that the connection can be used again and a
 * failure has its detail. It is not waited for: it may break off, never end, or have any size. */
#include "receiver/receiver.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <curl/curl.h>
#include <eventbus/version.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "signal/event.h"

enum {
    REST_MS = 250,         /* how long the rest of a response is read once its status is known */
    MOST_BODY = 1 << 16,   /* bytes of the body that are read */
    MOST_HEADERS = 1 << 18 /* bytes of headers; more than that end the request */
};

struct webhook {
    struct ebi_receiver receiver;
    struct ebi_webhook_settings settings;
    struct ebi_cancel *cancel;
    CURLM *multi; /* keeps the connection from run to run */
    CURL *curl;
    struct curl_slist *headers;
    struct ebi_bytes json;
    size_t header_bytes, body_bytes; /* of the response at hand */
    struct ebi_detail detail;
};

/* How a request ended. */
struct ending {
    long status;   /* of the response, from 200 on; 0: there was no response */
    CURLcode code; /* why there was no response */
    bool cancelled;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows in curl_easy_init */
}

/* ---- Callbacks of curl ---- */

static size_t take_body(char *data, size_t size, size_t n, void *arg) {
    struct webhook *hook = arg;

    ebi_detail_add(&hook->detail, data, size * n);
    hook->body_bytes += size * n;
    return hook->body_bytes > MOST_BODY ? 0 : size * n;
}

static size_t take_header(char *data, size_t size, size_t n, void *arg) {
    struct webhook *hook = arg;

    (void)data;
    hook->header_bytes += size * n;
    return hook->header_bytes > MOST_HEADERS ? 0 : size * n;
}

/* Opens a socket that programs started by a receiver do not inherit. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)arg, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* ---- What an ending means ---- */

static bool may_pass(long status) {
    return status == 408 || status == 425 || status == 429 || status >= 500;
}

static void classify_http(struct webhook *hook, long status, struct ebi_run *out) {
    curl_off_t after = 0;

    if (status < 300) {
        out->status = EB_OK;
        return;
    }
    out->status = ebi_error(&out->error, may_pass(status) ? EB_RETRIABLE : EB_PERMANENT, EB_KIND_NONE, "HTTP status %ld%s",
                            status, status < 400 ? "; redirects are not followed" : "");
    ebi_detail_line(&hook->detail, hook->settings.detail, &hook->json, out->detail);
    if (out->status == EB_RETRIABLE && curl_easy_getinfo(hook->curl, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        out->wait_ms = after > hook->settings.retry_max_ms / 1000 ? hook->settings.retry_max_ms : after * 1000;
}

/* Whether this process cannot open a socket: tried here, as the resolver does not report it. */
static bool lacks_sockets(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0)
        close(fd);
    return fd < 0;
}

/* Whether the cause of a request without a response is this machine, and not the network or the server. */
static bool is_own_trouble(CURLcode code) {
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_SSL_CACERT_BADFILE: /* this machine's certificates cannot be read */
    case CURLE_SSL_CERTPROBLEM:
        return true;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return lacks_sockets();
    default:
        return false;
    }
}

/* Sets why there was no response. Each cause may pass, so the failure is retriable: the URL itself was checked before. */
static void classify_no_response(const struct webhook *hook, CURLcode code, const char *detail, struct ebi_run *out) {
    const char *why = *detail ? detail : curl_easy_strerror(code);

    if (is_own_trouble(code)) {
        out->cause = EBI_OWN_TROUBLE;
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_SYSTEM, "cannot send a request: %s%s", why,
                                lacks_sockets() ? ", as there are no sockets left (ulimit -n, memory)" : "");
    } else if (code == CURLE_OPERATION_TIMEDOUT)
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_NONE, "no answer in %lld ms (receiver_timeout)",
                                (long long)hook->settings.timeout_ms);
    else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY)
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_NONE, "what answers there does not speak HTTP: %s", why);
    else
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_NONE, "%s", why);
}

/* ---- One request ---- */

/* Whether curl is done with the request. */
static bool is_done(const struct webhook *hook, CURLcode *code) {
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(hook->multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return true;
        }
    return false;
}

static struct ending perform(const struct webhook *hook) {
    struct curl_waitfd cancel = { .fd = hook->cancel->fd, .events = CURL_WAIT_POLLIN };
    int64_t by_ms = ebi_ticks_ms() + hook->settings.timeout_ms;
    struct ending ending = { .code = CURLE_OPERATION_TIMEDOUT };

    for (;;) {
        int running;
        long status = 0;

        if (curl_multi_perform(hook->multi, &running) != CURLM_OK) {
            ending.code = CURLE_OUT_OF_MEMORY;
            return ending;
        }
        curl_easy_getinfo(hook->curl, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && !ending.status) { /* a status below 200 is followed by another one */
            int64_t rest_ms = ebi_ticks_ms() + REST_MS;

            ending.status = status;
            by_ms = rest_ms < by_ms ? rest_ms : by_ms;
        }
        if (is_done(hook, &ending.code))
            return ending;
        ending.cancelled = atomic_load(&hook->cancel->now);
        int64_t left = by_ms - ebi_ticks_ms();
        if (left <= 0 || ending.cancelled)
            return ending;
        curl_multi_poll(hook->multi, &cancel, 1, left > 60000 ? 60000 : (int)left, NULL);
    }
}

static void run(struct ebi_receiver *receiver, const struct eb_event *event, struct ebi_run *out) {
    struct webhook *hook = (struct webhook *)receiver;
    char detail[CURL_ERROR_SIZE] = "";

    snprintf(out->receiver, sizeof out->receiver, "webhook");
    ebi_bytes_clear(&hook->json);
    hook->header_bytes = hook->body_bytes = hook->detail.len = 0;
    out->status = ebi_event_to_cloudevent(event, &hook->json, &out->error);
    if (out->status != EB_OK) {
        out->cause = out->status == EB_PERMANENT ? EBI_RECEIVERS_FAULT : EBI_OWN_TROUBLE;
        return;
    }
    curl_easy_setopt(hook->curl, CURLOPT_POSTFIELDS, hook->json.data);
    curl_easy_setopt(hook->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)hook->json.len);
    curl_easy_setopt(hook->curl, CURLOPT_ERRORBUFFER, detail);
    struct ending ending = { .code = CURLE_OUT_OF_MEMORY };
    if (curl_multi_add_handle(hook->multi, hook->curl) == CURLM_OK) {
        ending = perform(hook);
        curl_multi_remove_handle(hook->multi, hook->curl); /* a connection whose response is not complete is closed */
    }
    curl_easy_setopt(hook->curl, CURLOPT_ERRORBUFFER, NULL);
    if (ending.status)
        classify_http(hook, ending.status, out);
    else if (ending.cancelled)
        out->status = EB_GONE;
    else
        classify_no_response(hook, ending.code, detail, out);
}

/* ---- Creating a receiver ---- */

static void webhook_free(struct ebi_receiver *receiver) {
    struct webhook *hook = (struct webhook *)receiver;

    curl_easy_cleanup(hook->curl);
    curl_multi_cleanup(hook->multi);
    curl_slist_free_all(hook->headers);
    ebi_bytes_free(&hook->json);
    free(hook);
}

static bool is_loopback_name(const char *name) {
    static const char local[] = "localhost";
    size_t len = strlen(name), n = sizeof local - 1;

    if (len > 0 && name[len - 1] == '.')
        len--;
    return len >= n && strncasecmp(name + len - n, local, n) == 0 && (len == n || name[len - n - 1] == '.');
}

static bool is_loopback_address(const char *text) {
    struct in_addr v4;
    struct in6_addr v6;

    if (inet_pton(AF_INET6, text, &v6) == 1) {
        if (!IN6_IS_ADDR_V4MAPPED(&v6))
            return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6);
        memcpy(&v4, v6.s6_addr + 12, sizeof v4);
    } else if (!inet_aton(text, &v4)) {
        return false;
    }
    return ntohl(v4.s_addr) >> 24 == 127 || v4.s_addr == htonl(INADDR_ANY);
}

/* Whether the URL is of this machine, which no proxy can reach for it. */
static bool is_on_this_machine(const char *url) {
    CURLU *parts = curl_url();
    char *host = NULL;
    bool own = false;

    if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
        size_t len = strlen(host);

        if (*host == '[' && host[len - 1] == ']') {
            host[len - 1] = '\0';
            own = is_loopback_address(host + 1);
        } else {
            own = is_loopback_name(host) || is_loopback_address(host);
        }
    }
    curl_free(host);
    curl_url_cleanup(parts);
    return own;
}

static bool set_up(struct webhook *hook) {
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/cloudevents+json; charset=UTF-8");

    hook->headers = headers;
    if (headers && (headers = curl_slist_append(headers, "Expect:")))
        hook->headers = headers;
    hook->multi = curl_multi_init();
    hook->curl = curl_easy_init();
    if (!headers || !hook->curl || !hook->multi)
        return false;
    curl_easy_setopt(hook->curl, CURLOPT_URL, hook->settings.url);
    curl_easy_setopt(hook->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(hook->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(hook->curl, CURLOPT_HTTPHEADER, hook->headers);
    curl_easy_setopt(hook->curl, CURLOPT_USERAGENT, "eventbus/" EB_VERSION);
    curl_easy_setopt(hook->curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(hook->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(hook->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(hook->curl, CURLOPT_WRITEDATA, hook);
    curl_easy_setopt(hook->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(hook->curl, CURLOPT_HEADERDATA, hook);
    curl_easy_setopt(hook->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(hook->curl, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a name server that hangs */
    if (!hook->settings.proxies || is_on_this_machine(hook->settings.url))
        curl_easy_setopt(hook->curl, CURLOPT_PROXY, ""); /* no proxy, whatever the environment says */
    return true;
}

struct ebi_receiver *ebi_webhook_create(const void *settings, struct ebi_cancel *cancel, struct eb_error *err) {
    struct webhook *hook = calloc(1, sizeof *hook);

    pthread_once(&once, start_curl);
    if (!hook) {
        ebi_error_memory(err);
        return NULL;
    }
    hook->receiver = (struct ebi_receiver){ run, webhook_free };
    hook->settings = *(const struct ebi_webhook_settings *)settings;
    hook->cancel = cancel;
    if (!set_up(hook)) {
        webhook_free(&hook->receiver);
        ebi_error_memory(err);
        return NULL;
    }
    return &hook->receiver;
}

enum eb_status ebi_webhook_check(const char *url, struct eb_error *err) {
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is not an http:// or https:// URL");
    CURLU *parts = curl_url();
    if (!parts)
        return ebi_error_memory(err);
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_cleanup(parts);
    if (code == CURLUE_OUT_OF_MEMORY)
        return ebi_error_memory(err);
    if (code != CURLUE_OK)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "is not a URL: %s", curl_url_strerror(code));
    return EB_OK;
}
