/* core/config/replace.c - replaces ${...} in values: see replace.h. */
#include "config/replace.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/file.h"

enum {
    DEPTH_MOST = 8, /* of ${...} within ${...} */
    FILE_MOST = 65536,
    RESULT_MOST = 1 << 20,
    NAME_MOST = 128
};

/* Text that is being read, from `at` to `end`. */
struct span {
    const char *at, *end;
};

struct replacing {
    const char *state;
    struct ebi_bytes *out;
    size_t most; /* out->len may not pass it */
    bool *secret;
    struct eb_error *err;
};

static enum eb_status replace_all(struct replacing *, struct span, unsigned depth);

static enum eb_status refuse(struct replacing *r, const char *why) {
    return ebi_error(r->err, EB_PERMANENT, EB_KIND_CONFIG, "%s", why);
}

static enum eb_status add(struct replacing *r, const char *text, size_t len) {
    if (len > r->most - r->out->len)
        return refuse(r, "the value becomes longer than 1 MiB");
    return ebi_bytes_add(r->out, text, len) ? EB_OK : ebi_error_memory(r->err);
}

static bool starts(struct span text, const char *with) {
    size_t len = strlen(with);

    return (size_t)(text.end - text.at) >= len && memcmp(text.at, with, len) == 0;
}

/* The "}" that belongs to the "${" before `text`, or NULL. */
static const char *closing(struct span text) {
    unsigned open = 1;

    while (text.at < text.end) {
        if (starts(text, "$${")) {
            text.at += 3;
        } else if (starts(text, "${")) {
            open++;
            text.at += 2;
        } else if (*text.at == '}' && --open == 0) {
            return text.at;
        } else {
            text.at++;
        }
    }
    return NULL;
}

/* ---- Variables ---- */

static bool is_name(struct span text) {
    if (text.at == text.end || text.end - text.at >= NAME_MOST || (*text.at >= '0' && *text.at <= '9'))
        return false;
    for (; text.at < text.end; text.at++)
        if (!((*text.at >= 'a' && *text.at <= 'z') || (*text.at >= 'A' && *text.at <= 'Z') ||
              (*text.at >= '0' && *text.at <= '9') || *text.at == '_'))
            return false;
    return true;
}

static const char *variable(const struct replacing *r, struct span name, char room[NAME_MOST]) {
    size_t len = (size_t)(name.end - name.at);

    memcpy(room, name.at, len);
    room[len] = '\0';
    return strcmp(room, "STATE") == 0 ? r->state : secure_getenv(room);
}

static enum eb_status replace_variable(struct replacing *r, struct span body, unsigned depth) {
    const char *mark = memmem(body.at, (size_t)(body.end - body.at), ":-", 2), *value;
    struct span name = { body.at, mark ? mark : body.end };
    char room[NAME_MOST];

    if (!is_name(name))
        return refuse(r, "between \"${\" and \"}\" stands no variable's name; a plain \"${\" is written \"$${\"");
    value = variable(r, name, room);
    if (mark && (!value || !*value))
        return replace_all(r, (struct span){ mark + 2, body.end }, depth);
    if (!value)
        return ebi_error(r->err, EB_PERMANENT, EB_KIND_CONFIG,
                         "environment variable %s is not set; set it, or give a default: ${%s:-default}", room, room);
    return add(r, value, strlen(value));
}

/* ---- Files ---- */

static enum eb_status add_file(struct replacing *r, const char *path) {
    struct ebi_bytes text = { 0 };
    enum eb_status status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return ebi_error_errno(r->err, EB_PERMANENT, EB_KIND_CONFIG, "cannot open %s", path);
    status = ebi_file_text(path, fd, FILE_MOST, &text, r->err);
    if (status == EB_OK && memchr(text.data, '\0', text.len))
        status = ebi_error(r->err, EB_PERMANENT, EB_KIND_CONFIG, "%s holds a NUL byte; a value is text", path);
    else if (status == EB_OK)
        status = add(r, text.data, text.len > 0 && text.data[text.len - 1] == '\n' ? text.len - 1 : text.len);
    ebi_bytes_free(&text);
    return status;
}

static enum eb_status replace_file(struct replacing *r, struct span path, unsigned depth) {
    struct ebi_bytes name = { 0 };
    struct replacing inner = *r;
    enum eb_status status;

    inner.out = &name;
    inner.most = FILE_MOST;
    status = replace_all(&inner, path, depth);
    if (status == EB_OK)
        status = name.len ? add_file(r, name.data) : refuse(r, "${file:} names no file");
    *r->secret = true;
    ebi_bytes_free(&name);
    return status;
}

/* ---- Values ---- */

static enum eb_status replace_one(struct replacing *r, struct span body, unsigned depth) {
    if (depth > DEPTH_MOST)
        return refuse(r, "\"${\" within \"${\" too often");
    if (starts(body, "file:"))
        return replace_file(r, (struct span){ body.at + strlen("file:"), body.end }, depth);
    return replace_variable(r, body, depth);
}

static enum eb_status replace_all(struct replacing *r, struct span text, unsigned depth) {
    enum eb_status status = EB_OK;

    while (status == EB_OK && text.at < text.end) {
        const char *dollar = memchr(text.at, '$', (size_t)(text.end - text.at)), *close;
        struct span rest = { dollar ? dollar : text.end, text.end };

        if (rest.at > text.at) {
            status = add(r, text.at, (size_t)(rest.at - text.at));
            text.at = rest.at;
        } else if (starts(rest, "$${")) {
            status = add(r, "${", 2);
            text.at += 3;
        } else if (starts(rest, "${")) {
            rest.at += 2;
            close = closing(rest);
            if (!close)
                return refuse(r, "\"${\" without \"}\"; a plain \"${\" is written \"$${\"");
            status = replace_one(r, (struct span){ rest.at, close }, depth + 1);
            text.at = close + 1;
        } else {
            status = add(r, "$", 1);
            text.at++;
        }
    }
    return status;
}

enum eb_status ebi_replace(const char *text, const char *state, struct ebi_bytes *out, bool *secret, struct eb_error *err) {
    struct replacing r = { .state = state, .out = out, .most = out->len + RESULT_MOST, .secret = secret, .err = err };

    if (!ebi_bytes_reserve(out, 0))
        return ebi_error_memory(err);
    return replace_all(&r, (struct span){ text, text + strlen(text) }, 0);
}
