/* plugins/common/registry/http.c - see http.h. The descriptor is an epoll of libcurl's sockets and of a timer, which serves
 * libcurl's time-outs and the owner's alarm. */
#include "http.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utlist.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "cloexec.h"

struct sr_http {
    const struct sr_settings *settings;
    CURLM *multi;
    struct curl_slist *headers; /* the same for all transfers */
    struct sr_transfer *transfers;
    int epoll, timer;
    int64_t curl_due, alarm, armed; /* ebp_monotonic_ms; INT64_MAX: never. armed: what the timer is set to */
};

struct sr_transfer {
    struct sr_transfer *prev, *next;
    CURL *easy;
    void *owner;
    char *body, *response; /* response: grows as it comes */
    size_t len, room;
    bool cut, no_memory;
    char detail[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows in curl_multi_init */
}

/* ---- The descriptor ---------------------------------------------------------------------------------------------- */

static void arm(struct sr_http *http) {
    int64_t at = ebp_earlier(http->curl_due, http->alarm);
    struct itimerspec spec = { 0 };

    if (at == http->armed)
        return;
    http->armed = at;
    if (at != INT64_MAX)
        spec.it_value = ebp_timespec(at > 0 ? at : 1); /* 0 would switch it off */
    timerfd_settime(http->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

void sr_http_alarm(struct sr_http *http, int64_t at_ms) {
    http->alarm = at_ms;
    arm(http);
}

int sr_http_fd(const struct sr_http *http) {
    return http->epoll;
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_data) {
    struct sr_http *http = arg;
    struct epoll_event event = { .data.fd = fd };

    (void)easy, (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL); /* fails if it is closed by now: it has left then */
        return 0;
    }
    event.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(http->epoll, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT)
        epoll_ctl(http->epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

static int set_due(CURLM *multi, long timeout_ms, void *arg) {
    struct sr_http *http = arg;

    (void)multi;
    http->curl_due = timeout_ms < 0 ? INT64_MAX : ebp_monotonic_ms() + timeout_ms;
    arm(http);
    return 0;
}

/* Close-on-exec, so that a program that a receiver starts inherits no connection. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)arg, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool make_headers(struct sr_http *http) {
    static const char *const all[] = {
        "Accept: application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
        "Content-Type: application/vnd.schemaregistry.v1+json", "Expect:"
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct curl_slist *longer = curl_slist_append(http->headers, all[i]);
        if (!longer)
            return false;
        http->headers = longer;
    }
    return true;
}

int32_t sr_http_make(const struct sr_settings *settings, struct sr_http **out, struct eb_error *err) {
    struct sr_http *http = calloc(1, sizeof *http);
    struct epoll_event event = { .events = EPOLLIN };

    pthread_once(&once, start_curl);
    if (!http)
        return ebp_no_memory(err);
    *http = (struct sr_http){ .settings = settings, .curl_due = INT64_MAX, .alarm = INT64_MAX, .armed = INT64_MAX };
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    http->multi = sr_multi_init();
    event.data.fd = http->timer;
    if (http->epoll < 0 || http->timer < 0 || epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->timer, &event) < 0) {
        int32_t status = ebp_error_of_kind(err, EB_FATAL, EB_KIND_SYSTEM, errno,
                                           "schema registry: cannot make a descriptor: %s", strerror(errno));
        sr_http_free(http);
        return status;
    }
    if (!http->multi || !make_headers(http)) {
        sr_http_free(http);
        return ebp_no_memory(err);
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_due);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    *out = http;
    return EB_OK;
}

/* ---- Transfers --------------------------------------------------------------------------------------------------- */

static void transfer_free(struct sr_http *http, struct sr_transfer *transfer) {
    if (transfer->easy) {
        curl_multi_remove_handle(http->multi, transfer->easy);
        curl_easy_cleanup(transfer->easy);
    }
    DL_DELETE(http->transfers, transfer);
    free(transfer->body);
    free(transfer->response);
    free(transfer);
}

void sr_http_free(struct sr_http *http) {
    if (!http)
        return;
    while (http->transfers)
        transfer_free(http, http->transfers);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    if (http->timer >= 0)
        close(http->timer);
    if (http->epoll >= 0)
        close(http->epoll);
    free(http);
}

/* Another number than that of the bytes given ends the transfer. */
static size_t take(char *data, size_t size, size_t n, void *arg) {
    struct sr_transfer *transfer = arg;
    size_t more = size * n;

    transfer->cut = more > SR_RESPONSE_MAX - transfer->len;
    transfer->no_memory = !transfer->cut && !EBP_RESERVE(transfer->response, transfer->room, transfer->len + more);
    if (transfer->cut || transfer->no_memory)
        return 0;
    memcpy(transfer->response + transfer->len, data, more);
    transfer->len += more;
    return more;
}

static void set_security(CURL *easy, const struct sr_settings *settings) {
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->ca) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* these alone, not the system's beside them */
    }
    if (settings->cert) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->cert_key ? settings->cert_key : settings->cert);
    }
    if (settings->cert_key_password)
        curl_easy_setopt(easy, CURLOPT_KEYPASSWD, settings->cert_key_password);
    if (settings->key && settings->secret) {
        curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(easy, CURLOPT_USERNAME, settings->key);
        curl_easy_setopt(easy, CURLOPT_PASSWORD, settings->secret);
    }
}

/* Returns false without memory for libcurl's copy of the URL. */
static bool set_up(struct sr_http *http, struct sr_transfer *transfer, const char *url) {
    const struct sr_settings *settings = http->settings;
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "eventbus");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_ms > 0 ? settings->timeout_ms : 10000));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(settings->connect_timeout_ms > 0 ? settings->connect_timeout_ms : 5000));
#if LIBCURL_VERSION_NUM >= 0x075700 /* does not wait, at close, for a name that is being resolved */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    set_security(easy, settings);
    if (transfer->body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->body);
    }
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

struct sr_transfer *sr_http_start(struct sr_http *http, const char *url, const char *body, void *owner) {
    struct sr_transfer *transfer = calloc(1, sizeof *transfer);

    if (!transfer)
        return NULL;
    transfer->owner = owner;
    transfer->easy = curl_easy_init();
    transfer->body = body ? strdup(body) : NULL;
    DL_PREPEND(http->transfers, transfer);
    if (!transfer->easy || (body && !transfer->body) || !set_up(http, transfer, url) ||
        curl_multi_add_handle(http->multi, transfer->easy) != CURLM_OK) {
        transfer_free(http, transfer);
        return NULL;
    }
    return transfer;
}

/* ---- Results ----------------------------------------------------------------------------------------------------- */

static struct sr_transfer_result result_of(const struct sr_transfer *transfer, CURLcode code) {
    struct sr_transfer_result result = { .owner = transfer->owner };
    curl_off_t after = 0;

    result.response = (struct sr_response){ .body = transfer->response ? transfer->response : "",
                                            .len = transfer->len,
                                            .cut = transfer->cut };
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &result.response.http);
    if (curl_easy_getinfo(transfer->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        result.retry_after_ms = after > SR_WAIT_MAX_MS / 1000 ? SR_WAIT_MAX_MS : after * 1000;
    if (code == CURLE_OK || transfer->cut)
        return result;
    result.native = (int64_t)code;
    result.failed = transfer->no_memory ? "out of memory" : *transfer->detail ? transfer->detail : curl_easy_strerror(code);
    return result;
}

/* libcurl's names of epoll's events. */
static int what_of(uint32_t events) {
    return (events & EPOLLIN ? CURL_CSELECT_IN : 0) | (events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
           (events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
}

static void work_on_ready(struct sr_http *http) {
    struct epoll_event ready[16];
    int running, n = epoll_wait(http->epoll, ready, sizeof ready / sizeof *ready, 0);

    for (int i = 0; i < n; i++) {
        uint64_t times;
        if (ready[i].data.fd == http->timer) {
            if (read(http->timer, &times, sizeof times) > 0)
                http->armed = INT64_MAX; /* it has expired: `arm` sets it again */
            continue;
        }
        curl_multi_socket_action(http->multi, ready[i].data.fd, what_of(ready[i].events), &running);
    }
    if (http->curl_due <= ebp_monotonic_ms()) {
        http->curl_due = INT64_MAX; /* libcurl calls set_due with the next one, if any */
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void sr_http_work(struct sr_http *http, sr_transfer_ended_fn *ended, void *arg) {
    CURLMsg *message;
    int left;

    work_on_ready(http);
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct sr_transfer *transfer;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* gone with the handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        struct sr_transfer_result result = result_of(transfer, code);
        ended(arg, &result);
        transfer_free(http, transfer);
    }
    arm(http);
}
