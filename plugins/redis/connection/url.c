/* plugins/redis/connection/url.c - see url.h. */
#include "connection/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

static const char form[] = "redis://[user:password@]host[:port][/db], rediss://... or unix://[user:password@]/path[?db=N]";

static int32_t refuse(struct eb_error *err, const char *why) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "url: %s; write %s", why, form);
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Copies the text up to `end` with each %XX decoded. False: it is too long, or holds a % without two hex digits or a
 * %00. */
static bool decode(const char *from, const char *end, char *to, size_t room) {
    size_t n = 0;

    while (from < end) {
        char c = *from++;
        if (c == '%') {
            int high = end - from >= 2 ? hex(from[0]) : -1, low = high >= 0 ? hex(from[1]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high << 4 | low);
            from += 2;
        }
        if (n + 1 >= room)
            return false;
        to[n++] = c;
    }
    to[n] = '\0';
    return true;
}

/* Passwords and paths may hold an @: the last one before the first slash ends the login. */
static const char *end_of_login(const char *from) {
    const char *end = from + strcspn(from, "/?"), *at = NULL;

    for (const char *p = from; p < end; p++)
        if (*p == '@')
            at = p;
    return at;
}

/* Reads user:password or :password. A text without a colon is a user without a password, as other clients read it. */
static const char *take_login(const char **at, struct rd_url *url) {
    const char *end = end_of_login(*at), *colon;

    if (!end)
        return NULL;
    colon = memchr(*at, ':', (size_t)(end - *at));
    if (!decode(*at, colon ? colon : end, url->user, sizeof url->user))
        return "the user is too long, or holds a % that no two hex digits follow";
    if (colon && !decode(colon + 1, end, url->password, sizeof url->password))
        return "the password is too long, or holds a % that no two hex digits follow";
    url->has_password = colon != NULL;
    if (url->user[0] && !url->has_password)
        return "it has a user and no password (for a password alone: redis://:password@host)";
    *at = end + 1;
    return NULL;
}

static bool take_number(const char **at, long max, long *number) {
    char *end;

    if (**at < '0' || **at > '9')
        return false;
    *number = strtol(*at, &end, 10);
    *at = end;
    return *number <= max;
}

static const char *take_db(const char *at, struct rd_url *url) {
    long db = 0;

    if (*at && (!take_number(&at, 1000000, &db) || *at))
        return "the database is not a number";
    url->db = (int32_t)db;
    return NULL;
}

static const char *take_host(const char **at, struct rd_url *url) {
    bool bracket = **at == '[';
    const char *from = *at + bracket, *end = from + strcspn(from, bracket ? "]" : ":/?");
    long port = 6379;

    if (bracket && *end != ']')
        return "the ] after the IPv6 address is missing";
    if (end == from)
        return "the host is missing";
    if (!decode(from, end, url->host, sizeof url->host))
        return "the host is too long";
    end += bracket;
    if (*end == ':') {
        end++;
        if (!take_number(&end, 65535, &port) || port == 0)
            return "the port is not a number from 1 to 65535";
    }
    if (*end && *end != '/')
        return "what follows the port is neither / nor the end";
    snprintf(url->port, sizeof url->port, "%ld", port);
    *at = *end == '/' ? end + 1 : end;
    return NULL;
}

static const char *take_path(const char *at, struct rd_url *url) {
    const char *query = strchr(at, '?'), *end = query ? query : at + strlen(at);

    if (*at != '/' || end - at < 2)
        return "the path of the socket is missing";
    if (!decode(at, end, url->host, 108)) /* the most that a socket address holds */
        return "the path of the socket is longer than 107 bytes";
    if (query && strncmp(query, "?db=", 4) != 0)
        return "only ?db=N may follow the path";
    return take_db(query ? query + 4 : "", url);
}

int32_t rd_url_parse(const char *text, struct rd_url *url, struct eb_error *err) {
    const char *wrong, *at;

    *url = (struct rd_url){ 0 };
    if (strncmp(text, "redis://", 8) == 0)
        at = text + 8;
    else if (strncmp(text, "rediss://", 9) == 0)
        at = text + 9;
    else if (strncmp(text, "unix://", 7) == 0)
        at = text + 7;
    else
        return refuse(err, "it begins with none of redis://, rediss:// and unix://");
    url->tls = text[5] == 's';
    url->local = text[0] == 'u';
    wrong = take_login(&at, url);
    if (!wrong && url->local)
        wrong = take_path(at, url);
    else if (!wrong && !(wrong = take_host(&at, url)))
        wrong = take_db(at, url);
    if (wrong)
        return refuse(err, wrong);
    snprintf(url->shown, sizeof url->shown,
             url->local               ? "%s"
             : strchr(url->host, ':') ? "[%s]:%s"
                                      : "%s:%s",
             url->host, url->port);
    return EB_OK;
}
