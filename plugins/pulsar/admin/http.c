/* admin/http.c - see http.h. */
#include "http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <eventbus/plugin-help.h>

enum { ANSWER_MAX = 64 << 20, REDIRECTS_MAX = 5, ADDRESS_ROOM = 1024, POLL_MS = 1000 };

struct pl_http {
    const struct pl_settings *set;
    char address[ADDRESS_ROOM];
    CURL *easy;
    CURLM *multi; /* keeps the connection */
    struct ebp_bytes answer;
    bool cut, no_memory;
    char detail[CURL_ERROR_SIZE];
};

/* ---- libcurl ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_curl(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT); /* a failure shows in curl_easy_init */
}

/* Close-on-exec, so that no command of a service inherits a connection. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)arg, (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Another number than that of the bytes given ends the transfer. */
static size_t take(char *data, size_t size, size_t n, void *arg) {
    struct pl_http *http = arg;
    size_t more = size * n;

    http->cut = more > ANSWER_MAX - http->answer.len;
    http->no_memory = !http->cut && !ebp_bytes_reserve(&http->answer, more);
    if (http->cut || http->no_memory)
        return 0;
    ebp_put_bytes(&http->answer, data, more);
    return more;
}

static bool is_https(const struct pl_http *http) {
    return strncasecmp(http->address, "https:", 6) == 0;
}

static void set_tls(CURL *easy, const struct pl_settings *set) {
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (set->tls_ca) {
        curl_easy_setopt(easy, CURLOPT_CAINFO, set->tls_ca);
        curl_easy_setopt(easy, CURLOPT_CAPATH, NULL); /* this file alone, not the system's beside it */
    }
    if (set->tls_cert) {
        curl_easy_setopt(easy, CURLOPT_SSLCERT, set->tls_cert);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, set->tls_key ? set->tls_key : set->tls_cert);
    }
}

/* What is the same for all requests. */
static void set_up(struct pl_http *http) {
    CURL *easy = http->easy;

    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, is_https(http) ? "https" : "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(easy, CURLOPT_UNRESTRICTED_AUTH, 1L); /* the other broker wants the token, too */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "eventbus");
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->detail);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* does not wait for a name that is being resolved */
    set_tls(easy, http->set);
}

/* libcurl makes a pair of sockets in curl_multi_init, without close-on-exec before 8.12, and gives it to nobody: it is found as a
 * connected pair of this process alone that does not block. */
static bool is_pair(int fd) {
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int mode = fcntl(fd, F_GETFL);

    return mode >= 0 && mode & O_NONBLOCK && getpeername(fd, (struct sockaddr *)&name, &len) == 0 &&
           name.ss_family == AF_UNIX && len <= sizeof name.ss_family;
}

static CURLM *make_multi(void) {
    struct ebp_descriptors before;

    ebp_descriptors_list(&before, is_pair);
    CURLM *multi = curl_multi_init();
    ebp_descriptors_close_on_exec(&before, is_pair);
    return multi;
}

int32_t pl_http_open(const struct pl_settings *set, struct pl_http **out, struct eb_error *err) {
    struct pl_http *http = calloc(1, sizeof *http);

    pthread_once(&once, start_curl);
    if (!http)
        return ebp_no_memory(err);
    http->easy = curl_easy_init();
    http->multi = make_multi();
    if (!http->easy || !http->multi) {
        pl_http_close(http);
        return ebp_no_memory(err);
    }
    http->set = set;
    if (!pl_admin_url(set, http->address, sizeof http->address)) {
        pl_http_close(http);
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "admin_url: longer than %d characters",
                                 ADDRESS_ROOM - 1);
    }
    set_up(http);
    *out = http;
    return EB_OK;
}

void pl_http_close(struct pl_http *http) {
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi); /* NULL is fine for both */
    ebp_bytes_free(&http->answer);
    free(http);
}

/* As curl_easy_perform, which would make that pair in the middle of a request. */
static CURLcode perform(struct pl_http *http) {
    int running = 1, left;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    CURLMsg *message;

    if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK)
        return code;
    while (curl_multi_perform(http->multi, &running) == CURLM_OK && running)
        if (curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
    while ((message = curl_multi_info_read(http->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            code = message->data.result;
    curl_multi_remove_handle(http->multi, http->easy);
    return code;
}

/* ---- One request ---- */

static bool add_header(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);

    if (longer)
        *list = longer;
    return longer != NULL;
}

/* Adds the token. EB_RETRIABLE: it cannot be read, or it has line breaks, which would be further headers. */
static int32_t add_token(const struct pl_settings *set, struct curl_slist **headers, struct eb_error *err) {
    char *token, *line = NULL;
    int32_t status = pl_token(set, &token, err);

    if (status != EB_OK || !token)
        return status;
    if (token[strcspn(token, "\r\n")])
        status = ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "the token holds a line break");
    else if (asprintf(&line, "Authorization: Bearer %s", token) < 0 || !add_header(headers, line))
        status = ebp_no_memory(err);
    if (line)
        explicit_bzero(line, strlen(line));
    free(line);
    explicit_bzero(token, strlen(token));
    free(token);
    return status;
}

/* Sends it. *code is libcurl's. */
static int32_t send_request(struct pl_http *http, const char *method, const char *path, const char *body, int64_t until,
                            CURLcode *code, struct eb_error *err) {
    struct curl_slist *headers = NULL;
    int64_t left = until - ebp_monotonic_ms();
    char *url = NULL;
    int32_t status = add_token(http->set, &headers, err);

    if (status == EB_OK &&
        (!add_header(&headers, "Accept: application/json") || !add_header(&headers, "Content-Type: application/json") ||
         !add_header(&headers, "Expect:") || asprintf(&url, "%s%s", http->address, path) < 0))
        status = ebp_no_memory(err);
    if (status == EB_OK) {
        http->answer.len = 0;
        http->cut = http->no_memory = false;
        *http->detail = 0;
        curl_easy_setopt(http->easy, CURLOPT_URL, url);
        curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
        curl_easy_setopt(http->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left > 1 ? left : 1));
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body ? body : "");
        if (*method == 'G' || *method == 'D') /* GET and DELETE have no body */
            curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
        *code = perform(http);
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    free(url);
    return status;
}

/* ---- Its answer ---- */

static bool is_wrong_security(CURLcode code) {
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_CIPHER;
}

/* No answer came. */
static int32_t fail_transfer(const struct pl_http *http, CURLcode code, const char *what, struct eb_error *err) {
    char why[400];

    ebp_one_line(why, sizeof why, http->detail, strlen(http->detail));
    if (http->no_memory || code == CURLE_OUT_OF_MEMORY)
        return ebp_no_memory(err);
    if (http->cut)
        return ebp_error(err, EB_PERMANENT, 0, "%s: the answer of %s is larger than %d MiB", what, http->address,
                         ANSWER_MAX >> 20);
    return ebp_error(err, is_wrong_security(code) ? EB_PERMANENT : EB_RETRIABLE, code, "%s: cannot ask Pulsar at %s: %s", what,
                     http->address, *why ? why : curl_easy_strerror(code));
}

/* What the broker says of why it refused; texts that are no JSON as they are. */
static void find_reason(const struct pl_http *http, char *out, size_t room) {
    json_t *json = json_loadb((const char *)http->answer.data, http->answer.len, JSON_DECODE_ANY, NULL);
    const char *reason = json_string_value(json_object_get(json, "reason"));

    if (!reason) /* of the web server in front */
        reason = json_string_value(json_object_get(json, "message"));
    if (reason)
        ebp_one_line(out, room, reason, strlen(reason));
    else
        ebp_one_line(out, room, (const char *)http->answer.data, http->answer.len < room ? http->answer.len : room);
    json_decref(json);
}

static int32_t class_of(long code) {
    return code == 404 ? EB_GONE : code == 408 || code == 429 || code >= 500 ? EB_RETRIABLE : EB_PERMANENT;
}

/* Pulsar answers 401 to those whom it does not know, and to some whom it knows: "Unauthorized to ...". */
static const char *advice_for(long code, const char *reason) {
    if (code == 403 || (code == 401 && strstr(reason, "Unauthorized to")))
        return " (not allowed: the role of the token or certificate needs rights on the namespace)";
    return code == 401 ? " (not authenticated: check token, tls_cert and tls_key)" : "";
}

/* Other codes than 200 to 299. */
static int32_t fail_code(const struct pl_http *http, long code, const char *what, struct eb_error *err) {
    char reason[300];

    find_reason(http, reason, sizeof reason);
    return ebp_error(err, class_of(code), code, "%s: Pulsar at %s answered %ld%s%s%s", what, http->address, code,
                     advice_for(code, reason), *reason ? ": " : "", reason);
}

int32_t pl_http_ask(struct pl_http *http, const char *method, const char *path, const char *body, int64_t until,
                    const char *what, struct pl_answer *answer, struct eb_error *err) {
    CURLcode code = CURLE_OK;
    int32_t status = send_request(http, method, path, body, until, &code, err);

    *answer = (struct pl_answer){ 0 };
    if (status != EB_OK)
        return status;
    if (code != CURLE_OK)
        return fail_transfer(http, code, what, err);
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &answer->code);
    if (answer->code < 200 || answer->code > 299)
        return fail_code(http, answer->code, what, err);
    if (http->answer.len > 0)
        answer->json = json_loadb((const char *)http->answer.data, http->answer.len, JSON_DECODE_ANY, NULL);
    return EB_OK;
}

const char *pl_http_header(const struct pl_http *http, const char *name) {
    struct curl_header *header;

    return curl_easy_header(http->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

void pl_answer_free(struct pl_answer *answer) {
    json_decref(answer->json);
    *answer = (struct pl_answer){ 0 };
}

char *pl_escaped(const char *name) {
    char *of_curl = curl_easy_escape(NULL, name, 0);
    char *copy = of_curl ? strdup(of_curl) : NULL;

    curl_free(of_curl);
    return copy;
}
