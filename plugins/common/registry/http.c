/* plugins/common/registry/http.c - see http.h. The descriptor is an epoll that holds libcurl's sockets and a timer for both
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
#include <time.h>
#include <unistd.h>

#include "fail.h"
#include "cloexec.h"

struct sr_http {
    const struct sr_settings *settings;
    CURLM *multi;
    struct curl_slist *headers;         /* the same for all requests */
    struct sr_request *requests;
    int epoll, timer;
    int64_t curl_due, alarm, armed;     /* sr_now_ms; INT64_MAX: never. armed: what the timer is set to */
};

struct sr_request {
    struct sr_request *prev, *next;
    CURL *easy;
    void *owner;
    char *body, *answer;                /* answer: grows as it comes */
    size_t len, room;
    bool cut, no_memory;
    char detail[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);              /* a failure shows in curl_multi_init */
}

int64_t sr_now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- The descriptor ---------------------------------------------------------------------------------------------- */

static void arm(struct sr_http *http) {
    int64_t at = http->curl_due < http->alarm ? http->curl_due : http->alarm;
    struct itimerspec spec = {0};

    if (at == http->armed)
        return;
    http->armed = at;
    if (at != INT64_MAX) {
        at = at > 0 ? at : 1;                           /* 0 would switch it off */
        spec.it_value = (struct timespec){.tv_sec = at / 1000, .tv_nsec = at % 1000 * 1000000};
    }
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
    struct epoll_event event = {.data.fd = fd};

    (void)easy, (void)socket_data;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL); /* closed by now, perhaps: then it has left by itself */
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
    http->curl_due = timeout_ms < 0 ? INT64_MAX : sr_now_ms() + timeout_ms;
    arm(http);
    return 0;
}

/* A program that a receiver starts inherits no connection. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)arg, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool headers_made(struct sr_http *http) {
    static const char *const all[] = {
        "Accept: application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json",
        "Content-Type: application/vnd.schemaregistry.v1+json", "Expect:"};

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
    struct epoll_event event = {.events = EPOLLIN};

    pthread_once(&once, start_curl);
    if (!http)
        return sr_no_memory(err);
    *http = (struct sr_http){.settings = settings, .curl_due = INT64_MAX, .alarm = INT64_MAX, .armed = INT64_MAX};
    http->epoll = epoll_create1(EPOLL_CLOEXEC);
    http->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    http->multi = sr_multi_init();
    event.data.fd = http->timer;
    if (http->epoll < 0 || http->timer < 0 || epoll_ctl(http->epoll, EPOLL_CTL_ADD, http->timer, &event) < 0) {
        int32_t status =
            sr_fail(err, EB_FATAL, EB_KIND_SYSTEM, errno, "schema registry: no descriptor: %s", strerror(errno));
        sr_http_free(http);
        return status;
    }
    if (!http->multi || !headers_made(http)) {
        sr_http_free(http);
        return sr_no_memory(err);
    }
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, set_due);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    *out = http;
    return EB_OK;
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

static void request_free(struct sr_http *http, struct sr_request *request) {
    if (request->easy) {
        curl_multi_remove_handle(http->multi, request->easy);
        curl_easy_cleanup(request->easy);
    }
    if (request->next)
        request->next->prev = request->prev;
    if (request->prev)
        request->prev->next = request->next;
    else if (http->requests == request)
        http->requests = request->next;
    free(request->body);
    free(request->answer);
    free(request);
}

void sr_http_free(struct sr_http *http) {
    if (!http)
        return;
    while (http->requests)
        request_free(http, http->requests);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->headers);
    if (http->timer >= 0)
        close(http->timer);
    if (http->epoll >= 0)
        close(http->epoll);
    free(http);
}

static bool grown(struct sr_request *request, size_t need) {
    size_t room = request->room ? request->room : 1024;

    while (room < need)
        room *= 2;
    if (room == request->room)
        return true;
    char *bigger = realloc(request->answer, room);
    if (!bigger)
        return false;
    request->answer = bigger;
    request->room = room;
    return true;
}

/* Another number than that of the bytes given ends the request. */
static size_t take(char *data, size_t size, size_t n, void *arg) {
    struct sr_request *request = arg;
    size_t more = size * n;

    request->cut = more > SR_ANSWER_MAX - request->len;
    request->no_memory = !request->cut && !grown(request, request->len + more);
    if (request->cut || request->no_memory)
        return 0;
    memcpy(request->answer + request->len, data, more);
    request->len += more;
    return more;
}

static void set_security(CURL *easy, const struct sr_settings *settings) {
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (settings->ca) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);   /* these alone, not the system's beside them */
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

/* What holds a copy of what it is given can fail for memory. */
static bool set_up(struct sr_http *http, struct sr_request *request, const char *url) {
    const struct sr_settings *settings = http->settings;
    CURL *easy = request->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "eventbus");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->detail);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_ms > 0 ? settings->timeout_ms : 10000));
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(settings->connect_timeout_ms > 0 ? settings->connect_timeout_ms : 5000));
#if LIBCURL_VERSION_NUM >= 0x075700        /* does not wait, at close, for a name that is being resolved */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    set_security(easy, settings);
    if (request->body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
}

struct sr_request *sr_http_start(struct sr_http *http, const char *url, const char *body, void *owner) {
    struct sr_request *request = calloc(1, sizeof *request);

    if (!request)
        return NULL;
    request->owner = owner;
    request->easy = curl_easy_init();
    request->body = body ? strdup(body) : NULL;
    request->next = http->requests;
    if (request->next)
        request->next->prev = request;
    http->requests = request;
    if (!request->easy || (body && !request->body) || !set_up(http, request, url) ||
        curl_multi_add_handle(http->multi, request->easy) != CURLM_OK) {
        request_free(http, request);
        return NULL;
    }
    return request;
}

/* ---- Their end --------------------------------------------------------------------------------------------------- */

static struct sr_outcome outcome_of(const struct sr_request *request, CURLcode code) {
    struct sr_outcome outcome = {.owner = request->owner};
    curl_off_t after = 0;

    outcome.answer = (struct sr_answer){.body = request->answer ? request->answer : "", .len = request->len,
                                        .cut = request->cut};
    curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &outcome.answer.http);
    if (curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        outcome.retry_after_ms = after > SR_WAIT_MAX_MS / 1000 ? SR_WAIT_MAX_MS : after * 1000;
    if (code == CURLE_OK || request->cut)
        return outcome;
    outcome.native = (int64_t)code;
    outcome.failed = request->no_memory ? "no memory" : *request->detail ? request->detail : curl_easy_strerror(code);
    return outcome;
}

/* epoll's events in libcurl's words. */
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
                http->armed = INT64_MAX;                /* it has rung: set it again, whatever to */
            continue;
        }
        curl_multi_socket_action(http->multi, ready[i].data.fd, what_of(ready[i].events), &running);
    }
    if (http->curl_due <= sr_now_ms()) {
        http->curl_due = INT64_MAX;                     /* libcurl tells the next one, if there is any */
        curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void sr_http_work(struct sr_http *http, sr_ended_fn *ended, void *arg) {
    CURLMsg *message;
    int left;

    work_on_ready(http);
    while ((message = curl_multi_info_read(http->multi, &left))) {
        struct sr_request *request;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;           /* gone with the handle */
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&request);
        struct sr_outcome outcome = outcome_of(request, code);
        ended(arg, &outcome);
        request_free(http, request);
    }
    arm(http);
}
