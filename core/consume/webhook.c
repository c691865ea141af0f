/* core/consume/webhook.c - a web address as receiver, on libcurl: see outside.h. */
#include "consume/outside.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>
#include <eventbus/version.h>

#include "base/bytes.h"
#include "base/error.h"
#include "signal/event.h"

struct webhook {
    struct ebi_outside outside;
    struct ebi_webhook_settings settings;
    struct ebi_cancel *cancel;
    CURL *curl;                         /* keeps its connection from run to run */
    struct curl_slist *headers;
    struct ebi_bytes json;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);              /* a failure shows in curl_easy_init */
}

/* What the other side says is of no use to us, and of no bound: its first bytes are enough to keep the connection. */
static size_t ignore(char *data, size_t size, size_t n, void *arg) {
    size_t *seen = arg;

    (void)data;
    *seen += size * n;
    return *seen > 1 << 20 ? 0 : size * n;
}

static int cancelled(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    struct ebi_cancel *cancel = arg;

    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&cancel->now);
}

static bool may_pass(long code) {
    return code == 408 || code == 425 || code == 429 || code >= 500;
}

static void judge_answer(const struct webhook *hook, struct ebi_run *out) {
    long code = 0;
    curl_off_t after = 0;

    curl_easy_getinfo(hook->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code >= 200 && code < 300) {
        out->status = EB_OK;
        return;
    }
    out->status = ebi_error(&out->error, may_pass(code) ? EB_RETRIABLE : EB_PERMANENT, EB_KIND_NONE,
                            "HTTP status %ld%s", code, code >= 300 && code < 400 ? "; redirects are not followed" : "");
    if (out->status == EB_RETRIABLE && curl_easy_getinfo(hook->curl, CURLINFO_RETRY_AFTER, &after) == CURLE_OK &&
        after > 0)
        out->wait_ms = after > hook->settings.retry_max_ms / 1000 ? hook->settings.retry_max_ms : after * 1000;
}

static void judge(const struct webhook *hook, CURLcode code, size_t seen, const char *detail, struct ebi_run *out) {
    if (code == CURLE_ABORTED_BY_CALLBACK && atomic_load(&hook->cancel->now))
        out->status = EB_GONE;
    else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && seen > 0))
        judge_answer(hook, out);
    else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        out->status = ebi_error(&out->error, EB_PERMANENT, EB_KIND_CONFIG, "not a web address: %s",
                                curl_easy_strerror(code));
    else
        out->status = ebi_error(&out->error, EB_RETRIABLE, EB_KIND_NONE, "%s", *detail ? detail : curl_easy_strerror(code));
}

static void run(struct ebi_outside *outside, const struct eb_event *event, struct ebi_run *out) {
    struct webhook *hook = (struct webhook *)outside;
    char detail[CURL_ERROR_SIZE] = "";
    size_t seen = 0;

    snprintf(out->receiver, sizeof out->receiver, "webhook");
    ebi_bytes_clear(&hook->json);
    out->status = ebi_event_to_cloudevent(event, &hook->json, &out->error);
    if (out->status != EB_OK)
        return;
    curl_easy_setopt(hook->curl, CURLOPT_POSTFIELDS, hook->json.data);
    curl_easy_setopt(hook->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)hook->json.len);
    curl_easy_setopt(hook->curl, CURLOPT_WRITEDATA, &seen);
    curl_easy_setopt(hook->curl, CURLOPT_ERRORBUFFER, detail);
    CURLcode code = curl_easy_perform(hook->curl);
    curl_easy_setopt(hook->curl, CURLOPT_ERRORBUFFER, NULL);
    judge(hook, code, seen, detail, out);
}

static void webhook_free(struct ebi_outside *outside) {
    struct webhook *hook = (struct webhook *)outside;

    curl_easy_cleanup(hook->curl);
    curl_slist_free_all(hook->headers);
    ebi_bytes_free(&hook->json);
    free(hook);
}

static bool set_up(struct webhook *hook) {
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/cloudevents+json; charset=UTF-8");

    hook->headers = headers;
    if (headers && (headers = curl_slist_append(headers, "Expect:")))
        hook->headers = headers;
    hook->curl = curl_easy_init();
    if (!headers || !hook->curl)
        return false;
    curl_easy_setopt(hook->curl, CURLOPT_URL, hook->settings.url);
    curl_easy_setopt(hook->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(hook->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(hook->curl, CURLOPT_HTTPHEADER, hook->headers);
    curl_easy_setopt(hook->curl, CURLOPT_USERAGENT, "eventbus/" EB_VERSION);
    curl_easy_setopt(hook->curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(hook->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(hook->curl, CURLOPT_TIMEOUT_MS, (long)hook->settings.timeout_ms);
    curl_easy_setopt(hook->curl, CURLOPT_WRITEFUNCTION, ignore);
    curl_easy_setopt(hook->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(hook->curl, CURLOPT_XFERINFOFUNCTION, cancelled);
    curl_easy_setopt(hook->curl, CURLOPT_XFERINFODATA, hook->cancel);
    return true;
}

struct ebi_outside *ebi_webhook_make(const void *settings, struct ebi_cancel *cancel, struct eb_error *err) {
    struct webhook *hook = calloc(1, sizeof *hook);

    pthread_once(&once, start_curl);
    if (!hook) {
        ebi_error_memory(err);
        return NULL;
    }
    hook->outside = (struct ebi_outside){run, webhook_free};
    hook->settings = *(const struct ebi_webhook_settings *)settings;
    hook->cancel = cancel;
    if (!set_up(hook)) {
        webhook_free(&hook->outside);
        ebi_error_memory(err);
        return NULL;
    }
    return &hook->outside;
}
