/* core/config/redact.c - see redact.h. */
#include "config/redact.h"

#include <string.h>

static const char hidden[] = "***", scheme_end[] = "://";

/* Returns the last `ch` among the bytes; NULL: the bytes do not contain it. */
static const char *last_of(const char *text, size_t len, char ch) {
    while (len > 0)
        if (text[--len] == ch)
            return text + len;
    return NULL;
}

/* Whether a text can be a user's name, and is neither a token nor ${...}. */
static bool is_user(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (strchr("${}/?#", text[i]))
            return false;
    return len > 0;
}

/* Adds "user:***@" for what is between a scheme and the "@" at `at`. A name without a password may be a token. */
static bool add_userinfo(struct ebi_bytes *out, const char *text, const char *at) {
    const char *colon = memchr(text, ':', (size_t)(at - text));

    if (colon && is_user(text, (size_t)(colon - text)) && !ebi_bytes_add(out, text, (size_t)(colon + 1 - text)))
        return false;
    if (colon == text && !ebi_bytes_add(out, ":", 1))
        return false;
    return ebi_bytes_add_text(out, hidden) && ebi_bytes_add(out, "@", 1);
}

bool ebi_redact_url(struct ebi_bytes *out, const char *url) {
    const char *rest = strstr(url, scheme_end);

    if (!rest)
        return ebi_bytes_add_text(out, hidden);
    rest += sizeof scheme_end - 1;
    if (!ebi_bytes_add(out, url, (size_t)(rest - url)))
        return false;
    const char *at = last_of(rest, strlen(rest), '@'); /* a password may hold anything, "/" and "@" too */
    if (at && !add_userinfo(out, rest, at))
        return false;
    rest = at ? at + 1 : rest;
    size_t len = strcspn(rest, "?#"); /* tokens may be behind these */
    return ebi_bytes_add(out, rest, len) &&
           (!rest[len] || (ebi_bytes_add(out, rest + len, 1) && ebi_bytes_add_text(out, hidden)));
}

bool ebi_redact_text(struct ebi_bytes *out, const char *text) {
    for (const char *found; (found = strstr(text, scheme_end));) {
        const char *rest = found + sizeof scheme_end - 1, *next = strstr(rest, scheme_end);
        size_t len = strcspn(rest, " \t");

        if (next && (size_t)(next - rest) < len)
            len = (size_t)(next - rest);
        if (!ebi_bytes_add(out, text, (size_t)(rest - text)))
            return false;
        const char *at = last_of(rest, len, '@');
        if (at && !add_userinfo(out, rest, at))
            return false;
        text = at ? at + 1 : rest;
    }
    return ebi_bytes_add_text(out, text);
}
