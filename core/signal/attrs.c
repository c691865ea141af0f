/* core/signal/attrs.c - see attrs.h. */
#include "signal/attrs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "base/word.h"

#define ATTR(name, value, len)                                                                                                 \
    {                                                                                                                          \
        { name, sizeof name - 1 }, {                                                                                           \
            value, len                                                                                                         \
        }                                                                                                                      \
    }

/* Prints a version, which is nearly always the one digit 0. */
static size_t print_version(int32_t version, char text[12]) {
    if (version < 0 || version > 9)
        return (size_t)snprintf(text, 12, "%" PRId32, version);
    text[0] = (char)('0' + version);
    text[1] = '\0';
    return 1;
}

void ebi_attrs_of(const struct eb_event *event, struct ebi_attrs *attrs) {
    const struct eb_metadata *meta = &event->meta;

    size_t version_len = print_version(meta->minorversion, attrs->minorversion);

    ebi_iso_print(meta->time_us, attrs->time);
    const struct eb_header items[EBI_N_ATTRS] = {
        ATTR("type", meta->type, strlen(meta->type)),
        ATTR("id", meta->id, strlen(meta->id)),
        ATTR("source", meta->source, strlen(meta->source)),
        ATTR("time", attrs->time, strlen(attrs->time)),
        ATTR("minorversion", attrs->minorversion, version_len),
        ATTR("sourcehost", meta->sourcehost, strlen(meta->sourcehost)),
        ATTR("sourcelib", meta->sourcelib, strlen(meta->sourcelib)),
    };
    memcpy(attrs->items, items, sizeof items);
}

static enum eb_status read_minorversion(struct eb_text text, int32_t *version, struct eb_error *err) {
    char digits[12], *end;

    if (text.len == 1 && text.data[0] >= '0' && text.data[0] <= '9') { /* nearly always */
        *version = text.data[0] - '0';
        return EB_OK;
    }
    if (text.len == 0 || text.len >= sizeof digits)
        goto bad;
    memcpy(digits, text.data, text.len);
    digits[text.len] = '\0';
    long value = strtol(digits, &end, 10);
    if (*end || end == digits || value < 0 || value > INT32_MAX)
        goto bad;
    *version = (int32_t)value;
    return EB_OK;
bad:
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "attribute minorversion is not a number from 0 to 2147483647");
}

/* Takes a text over as it is. It is shown and sent on, so it must be one line without control characters. */
static enum eb_status take(struct eb_text text, const char *name, const char **field, struct eb_error *err) {
    if (!text.data)
        return EB_OK;
    if (text.len < 8 || !ebi_all_plain(text.data, text.len)) {
        for (size_t i = 0; i < text.len; i++)
            if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
                return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "attribute %s holds a control character", name);
        if (!ebi_utf8_valid(text.data, text.len))
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "attribute %s is not UTF-8", name);
    }
    *field = text.data;
    return EB_OK;
}

static enum eb_status take_version(struct eb_text text, const char **field, struct eb_error *err) {
    if (text.data && !ebi_is_version(text.data, text.len))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "attribute sourcelib is not numbers with dots, as 11.2.0");
    return take(text, "sourcelib", field, err);
}

enum eb_status ebi_attrs_take(struct eb_event *event, const struct eb_message *message, struct eb_error *err) {
    struct eb_metadata *meta = &event->meta;
    struct eb_text id = ebi_attr(message, "id"), time = ebi_attr(message, "time"),
                   minorversion = ebi_attr(message, "minorversion");
    enum eb_status status = take(ebi_attr(message, "source"), "source", &meta->source, err);

    if (status == EB_OK)
        status = take(ebi_attr(message, "sourcehost"), "sourcehost", &meta->sourcehost, err);
    if (status == EB_OK)
        status = take_version(ebi_attr(message, "sourcelib"), &meta->sourcelib, err);
    if (status == EB_OK && id.data) {
        if (!ebi_uuid_valid(id.data, id.len))
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "attribute id is not a UUID");
        memcpy(event->id, id.data, id.len);
        event->id[id.len] = '\0';
    }
    if (status == EB_OK && time.data) {
        status = ebi_iso_read(time.data, time.len, &meta->time_us, err);
        if (status != EB_OK)
            ebi_error_context(err, "attribute time");
    }
    if (status == EB_OK && minorversion.data)
        status = read_minorversion(minorversion, &meta->minorversion, err);
    return status;
}
