/* core/base/topic.c - see topic.h. */
#include "base/topic.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fingerprint.h"

/* ---- Prefixes ---- */

char *ebi_full_topic(const char *prefix, const char *topic) {
    struct ebi_bytes full = { 0 };

    if (prefix && *prefix && !ebi_bytes_add_format(&full, "%s-", prefix))
        return NULL;
    if (!ebi_bytes_add_text(&full, topic)) {
        ebi_bytes_free(&full);
        return NULL;
    }
    return full.data;
}

const char *ebi_short_topic(const char *prefix, const char *full) {
    size_t len = prefix ? strlen(prefix) : 0;

    if (len && strncmp(full, prefix, len) == 0 && full[len] == '-')
        return full + len + 1;
    return full;
}

bool ebi_topic_has_prefix(const char *prefix, const char *full) {
    return !prefix || !*prefix || ebi_short_topic(prefix, full) != full;
}

/* ---- Patterns ---- */

bool ebi_topic_is_pattern(const char *topic) {
    return strchr(topic, '*') != NULL;
}

bool ebi_topic_matches(const char *pattern, struct eb_text topic) {
    const char *star = NULL;
    size_t at = 0, again = 0;

    while (at < topic.len) {
        if (*pattern == '*') {
            star = ++pattern;
            again = at;
        } else if (*pattern == topic.data[at]) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++again;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

/* ---- Dead-letter topics ---- */

static const char placeholder[] = "{topic}";

enum {
    NAME_MOST = 249, /* bytes of a topic's name that every broker takes; Kafka's limit */
    CUT_MARK = 9,    /* of a topic that was cut for it: "-" and 8 digits */
    UTF8_MOST = 4
};

/* Fills the template in with a topic and the digest of its end; full, to be freed. NULL: no memory. */
static char *fill_in(const char *template, const char *prefix, struct eb_text topic, const char *digest) {
    const char *at = strstr(template, placeholder);
    struct ebi_bytes name = { 0 };
    char *full = NULL;

    if (at ? ebi_bytes_add(&name, template, (size_t)(at - template)) && ebi_bytes_add(&name, topic.data, topic.len) &&
                 ebi_bytes_add_text(&name, digest) && ebi_bytes_add_text(&name, at + sizeof placeholder - 1)
           : ebi_bytes_add_text(&name, template))
        full = ebi_full_topic(prefix, name.data);
    ebi_bytes_free(&name);
    return full;
}

char *ebi_dead_letter_topic(const char *template, const char *prefix, const char *full_topic) {
    const char *topic = ebi_short_topic(prefix, full_topic);
    struct eb_text whole = { topic, strlen(topic) };
    char *full = fill_in(template, prefix, whole, ""), digest[CUT_MARK + 1] = "-";
    size_t len = full ? strlen(full) : 0, over = len + CUT_MARK - NAME_MOST;

    if (len <= NAME_MOST || over >= whole.len || !strstr(template, placeholder))
        return full;
    free(full);
    ebi_fingerprint(topic, whole.len, digest + 1);
    for (whole.len -= over; whole.len > 1 && ((unsigned char)topic[whole.len] & 0xC0) == 0x80; whole.len--)
        ; /* no half of a character stays */
    return fill_in(template, prefix, whole, digest);
}

/* Whether a topic ends as one whose end was replaced. */
static bool ends_with_digest(struct eb_text topic) {
    return topic.len > CUT_MARK && topic.data[topic.len - CUT_MARK] == '-' &&
           strspn(topic.data + topic.len - CUT_MARK + 1, "0123456789abcdef") >= CUT_MARK - 1;
}

bool ebi_dead_letter_source(const char *template, const char *prefix, const char *full_topic, struct eb_text *source,
                            bool *cut) {
    const char *topic = ebi_short_topic(prefix, full_topic), *at = strstr(template, placeholder);
    size_t len = strlen(topic);

    *source = (struct eb_text){ 0 };
    *cut = false;
    if (!at)
        return strcmp(topic, template) == 0;
    const char *behind = at + sizeof placeholder - 1;
    size_t head = (size_t)(at - template), tail = strlen(behind);

    if (len <= head + tail || memcmp(topic, template, head) != 0 || memcmp(topic + len - tail, behind, tail) != 0)
        return false;
    *source = (struct eb_text){ topic + head, len - head - tail };
    *cut = strlen(full_topic) + UTF8_MOST > NAME_MOST && ends_with_digest(*source);
    return true;
}

/* ---- Points ---- */

/* A time differs from a position by its form: "15m", "-15m", or a date. */
static bool looks_like_time(const char *text) {
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    return *text == '-' || (digits == 4 && *rest == '-') || (digits == 8 && *rest == 'T') ||
           (digits > 0 && strspn(rest, "mshd") == strlen(rest) && *rest);
}

static bool is_one_of(const char *text, const char *a, const char *b, const char *c) {
    return strcmp(text, a) == 0 || strcmp(text, b) == 0 || strcmp(text, c) == 0;
}

enum eb_status ebi_point_read(const char *text, struct eb_point *point, struct eb_error *err) {
    int64_t us;

    *point = (struct eb_point){ .size = sizeof *point, .kind = EB_EARLIEST };
    if (!text || is_one_of(text, "earliest", "start", "beginning"))
        return EB_OK;
    if (is_one_of(text, "latest", "end", "now")) { /* now: where the broker is, whatever the clock says */
        point->kind = EB_LATEST;
        return EB_OK;
    }
    if (!looks_like_time(text)) {
        if (!*text)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                             "an empty place; expected earliest, latest, a time or a position");
        point->kind = EB_POSITION;
        point->position = (struct eb_text){ text, strlen(text) };
        return EB_OK;
    }
    enum eb_status status = ebi_time_read(text, ebi_now_us(), &us, err);
    if (status != EB_OK) {
        if (err)
            err->kind = EB_KIND_CONFIG;
        return status;
    }
    point->kind = EB_TIME;
    point->time_ms = us / 1000;
    return EB_OK;
}

void ebi_point_explain(const struct eb_point *point, struct eb_error *err) {
    if (err && err->kind == EB_KIND_CONFIG && point->kind == EB_POSITION)
        ebi_error_context(
            err, "\"%.*s\" is neither earliest, latest nor a time (now, 15m, 2h, 7d, a date, ISO 8601), and as a position",
            (int)point->position.len, point->position.data);
}
