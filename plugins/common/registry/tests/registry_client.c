/* plugins/common/registry/tests/registry_client.c - drives the registry client from standard input, for tests whose server a
 * script plays. Arguments are KEY=VALUE: the settings, by the names in sr_settings; url as often as there are servers.
 * Lines in:  register SUBJECT SCHEMA | lookup ID | probe | again N | fd | quit
 * Lines out: one JSON object each time that a result differs from the one before: {"n", "status", "text", "id", ...};
 *            {"link_error"} likewise. */
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../registry.h"

enum { REQUESTS_MAX = 4096, LINE = 65536 };

struct request {
    bool probe;
    struct sr_entry *entry; /* else NULL: a lookup */
    uint32_t id;
    int32_t status;
    char text[EB_ERROR_ROOM];
};

static struct request requests[REQUESTS_MAX];
static size_t n_requests, polls;
static struct sr_registry *registry;
static char link_error[EB_ERROR_ROOM];

static void say(json_t *object) {
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(object);
}

static const char *word(int32_t status) {
    return status == EB_OK          ? "ok"
           : status == EB_EMPTY     ? "empty"
           : status == EB_RETRIABLE ? "retriable"
           : status == EB_PERMANENT ? "permanent"
                                    : "fatal";
}

/* Prints the request's result if it has changed, or `anew`. */
static void report(size_t n, bool anew) {
    struct request *request = &requests[n];
    struct eb_error err = { 0 };
    struct sr_schema schema = { 0 };
    int32_t status = request->probe   ? sr_probe(registry, &err)
                     : request->entry ? sr_id(request->entry, &request->id, &err)
                                      : sr_schema(registry, request->id, &schema, &err);

    if (!anew && status == request->status && strcmp(err.text, request->text) == 0)
        return;
    request->status = status;
    snprintf(request->text, sizeof request->text, "%s", err.text);
    say(json_pack("{si ss ss sI si sI ss? ss?}", "n", (int)n, "status", word(status), "text", err.text, "id",
                  (json_int_t)request->id, "kind", (int)err.kind, "native", (json_int_t)err.native, "json", schema.json, "name",
                  schema.name));
}

static bool is_final(const struct request *request) {
    return request->status == EB_OK || (request->status == EB_PERMANENT && !request->probe);
}

static void report_link(void) {
    struct eb_error err = { 0 };

    sr_link_status(registry, &err);
    if (strcmp(err.text, link_error) == 0)
        return;
    snprintf(link_error, sizeof link_error, "%s", err.text);
    say(json_pack("{ss}", "link_error", link_error));
}

static void add(char *line) {
    struct request *request = &requests[n_requests];
    char *subject = line + strlen("register "), *schema = strchr(subject, ' ');

    if (n_requests == REQUESTS_MAX)
        abort();
    request->probe = strcmp(line, "probe") == 0;
    if (strncmp(line, "register ", strlen("register ")) == 0 && schema) {
        *schema++ = 0;
        request->entry = sr_entry(registry, subject, schema, strlen(schema), NULL);
    } else if (!request->probe) {
        request->id = (uint32_t)strtoul(line + strlen("lookup "), NULL, 10);
    }
    report(n_requests++, true);
}

/* Returns false at the end. */
static bool run_line(char *line) {
    if (strcmp(line, "quit") == 0)
        return false;
    if (strcmp(line, "fd") == 0)
        say(json_pack("{sb si}", "busy", sr_busy(registry), "polls", (int)polls));
    else if (strncmp(line, "again ", 6) == 0)
        report(strtoul(line + 6, NULL, 10), true);
    else
        add(line);
    return true;
}

static void serve(void) {
    static char input[LINE];
    size_t len = 0;

    for (;;) {
        struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = sr_fd(registry), .events = POLLIN } };
        poll(fds, 2, -1);
        if (fds[1].revents) {
            polls++;
            if (sr_poll(registry) > 0)
                for (size_t i = 0; i < n_requests; i++)
                    if (!is_final(&requests[i]))
                        report(i, false);
            report_link();
        }
        if (!fds[0].revents)
            continue;
        ssize_t got = read(STDIN_FILENO, input + len, sizeof input - 1 - len);
        if (got <= 0)
            return;
        len += (size_t)got;
        input[len] = 0;
        for (char *end; (end = memchr(input, '\n', len));) {
            *end = 0;
            if (!run_line(input))
                return;
            len -= (size_t)(end + 1 - input);
            memmove(input, end + 1, len + 1);
        }
    }
}

static const char *value_of(char **words, const char *key) {
    size_t len = strlen(key);

    for (; *words; words++)
        if (strncmp(*words, key, len) == 0 && (*words)[len] == '=')
            return *words + len + 1;
    return NULL;
}

static int64_t number_of(char **words, const char *key) {
    const char *value = value_of(words, key);

    return value ? strtoll(value, NULL, 10) : 0;
}

int main(int argc, char **argv) {
    const char *urls[100];
    size_t n = 0;
    struct eb_error err;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "url=", 4) == 0 && n < sizeof urls / sizeof *urls - 1)
            urls[n++] = argv[i] + 4;
    urls[n] = NULL;
    /* clang-format off */
    struct sr_settings settings = {
        .urls = urls, .key = value_of(argv, "key"), .secret = value_of(argv, "secret"), .ca = value_of(argv, "ca"),
        .cert = value_of(argv, "cert"), .cert_key = value_of(argv, "cert_key"),
        .cert_key_password = value_of(argv, "cert_key_password"), .timeout_ms = number_of(argv, "timeout_ms"),
        .connect_timeout_ms = number_of(argv, "connect_timeout_ms"),
    };
    /* clang-format on */
    if (sr_open(&settings, &registry, &err) != EB_OK) {
        say(json_pack("{ss}", "refused", err.text));
        return 2;
    }
    serve();
    sr_close(registry);
    return 0;
}
