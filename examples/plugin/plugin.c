/* plugin.c - what the event bus finds in acme.so: its name, its options and their check. Read this first.
 *
 * producer.c, consumer.c and admin.c are the three roles; message.c turns messages into bytes and back. Each of them talks to
 * the client library in stub.h, whose callbacks run in the library's own thread: their comments say what is handed over there.
 * The places to change are marked: grep -n 'FILL IN' *.[ch] */
#include "parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the roles share ---- */

int32_t acme_no_memory(struct eb_error *err) {
    return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, 0, "out of memory");
}

void acme_link(const struct eb_host *host, const struct address *address, bool up, const char *why) {
    struct eb_error err;

    if (!up)
        ebp_error(&err, EB_RETRIABLE, 0, "cannot reach the broker at %s: %s", address->host, why);
    host->link(host, up, up ? NULL : &err);
}

/* FILL IN: which names the broker takes. */
int32_t acme_name(const char *what, const char *name, struct eb_error *err) {
    if (strlen(name) < STUB_NAME_ROOM)
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s %.300s: its name is longer than %d bytes", what, name,
                             STUB_NAME_ROOM - 1);
}

int32_t acme_point(const struct eb_point *from, struct stub_point *to, struct eb_error *err) {
    char *rest = "";

    *to = (struct stub_point){ .where = STUB_FIRST };
    if (from && from->kind == EB_LATEST)
        to->where = STUB_LAST;
    if (from && from->kind == EB_TIME)
        *to = (struct stub_point){ STUB_AT_TIME, from->time_ms };
    if (from && from->kind == EB_POSITION)
        *to = (struct stub_point){ STUB_AT_NUMBER, strtoll(from->position.data, &rest, 10) };
    if (to->where == STUB_AT_NUMBER && (*rest || rest == from->position.data || to->value < 0))
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "\"%.60s\" is not a position: expected a number from 1 on", from->position.data);
    return EB_OK;
}

/* ---- options ---- */

/* clang-format off */
/* FILL IN: your options. The parser, its checks, `eventbus plugins acme` and the man page come from this table. */
static const struct eb_option options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET | EB_OPT_URL, .fallback = "acme://localhost/default",
      .offset = offsetof(struct settings, url),
      .help = "Where the broker is: acme://[user:password@]host[:port]/name" },
    { .key = "window", .type = EB_OPT_INT, .flags = EB_OPT_PRODUCER, .fallback = "1000", .min = 1, .max = 100000,
      .offset = offsetof(struct settings, window),
      .help = "Messages that are sent before the broker has confirmed the first of them" },
    { .key = "away_file", .type = EB_OPT_TEXT, .offset = offsetof(struct settings, away_file),
      .help = "While this file exists, the stub broker is out of reach; broker.sh makes and removes it" },
};
/* clang-format on */

bool acme_address(const char *url, struct address *to) {
    static const char scheme[] = "acme://";
    size_t start = sizeof scheme - 1;

    if (strncmp(url, scheme, start) != 0)
        return false;
    const char *host = url + start, *name = strchr(host, '/');
    for (const char *at = host; name && at < name; at++)
        if (*at == '@')
            host = at + 1;
    size_t len = name ? strcspn(host, ":/") : 0;
    if (len == 0 || len >= sizeof to->host || !name[1] || strlen(name + 1) >= sizeof to->name)
        return false;
    memcpy(to->host, host, len);
    to->host[len] = '\0';
    strcpy(to->name, name + 1);
    return true;
}

/* Checks what the table cannot express, and connects to nothing. The text begins with the key, so that the host can add the
 * file and line; it does not repeat the URL, in which a password may stand. */
static int32_t check(const void *given, struct eb_error *err) {
    const struct settings *settings = given;
    struct address address;

    if (!acme_address(settings->url, &address))
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "url: expected acme://[user:password@]host[:port]/name");
    return EB_OK;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "acme",
    .version = "0.1.0",
    .summary = "Events through a stub broker in this process's memory", /* FILL IN: one line for users */
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
    .check = check,
};
