/* tests/fuzz/cloudevent.c - lines of CloudEvents JSON, as `eventbus produce` reads them, and the metadata of messages
 * from a broker: what is taken can be printed, and the print says the same when it is read. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/printable.h"
#include "json/members.h"
#include "schema/sample.h"
#include "signal/attrs.h"
#include "signal/event.h"

/* ---- Lines ---- */

static void tell_key(struct eb_event *event, const struct ebi_address *address) {
    event->meta.key = address->key;
    event->meta.key_len = address->key_len;
    event->key_field = address->key_field;
}

static void same_event(const struct eb_event *event, const struct ebi_bytes *line) {
    struct ebi_bytes again = { 0 };
    struct eb_event *copy = NULL;
    struct ebi_address address = { 0 };
    struct eb_error err = { 0 };

    fuzz_done(ebi_event_from_cloudevent(fuzz_signals(), event->signal, line->data, line->len, &copy, &address, &err), &err,
              line->data);
    fuzz_promise(!address.key == !event->meta.key && address.key_len == event->meta.key_len &&
                     (!address.key || memcmp(address.key, event->meta.key, address.key_len) == 0),
                 "another key in %s", line->data);
    tell_key(copy, &address);
    fuzz_done(ebi_event_to_cloudevent(copy, &again, &err), &err, "an event that was read back");
    fuzz_promise(fuzz_same(line, &again), "%s\nbecame %s", line->data, again.data);
    ebi_address_free(&address);
    eb_event_free(copy);
    ebi_bytes_free(&again);
}

/* A dead letter's headers are shown, and not taken again: the line is read all the same. */
static void read_back(const struct ebi_bytes *line) {
    struct eb_event *copy = NULL;
    struct eb_error err = { 0 };
    struct ebi_address address = { 0 };

    fuzz_done(ebi_event_from_cloudevent(fuzz_signals(), NULL, line->data, line->len, &copy, &address, &err), &err, line->data);
    ebi_address_free(&address);
    eb_event_free(copy);
}

/* What every line promises: it is one, it may be shown, and CloudEvents takes its names, of which none comes twice. */
enum { MOST_NAMES = 32 + EBI_DLQ_MOST };
struct names {
    char *all[MOST_NAMES];
    size_t n;
};

static enum eb_status check_name(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    struct names *names = arg;

    (void)value, (void)len, (void)err;
    fuzz_promise(*name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(name), "attribute %s", name);
    for (size_t i = 0; i < names->n; i++)
        fuzz_promise(strcmp(names->all[i], name) != 0, "attribute %s twice", name);
    fuzz_promise(names->n < MOST_NAMES, "more attributes than there may be");
    names->all[names->n++] = strdup(name);
    return EB_OK;
}

static void check_shown(const struct ebi_bytes *line) {
    struct names names = { .n = 0 };
    struct eb_error err = { 0 };
    enum ebi_printable what;
    uint32_t character;

    for (size_t at = 0; at < line->len; at += ebi_printable_step(line->data + at, line->len - at, &what, &character))
        fuzz_promise(ebi_printable_step(line->data + at, line->len - at, &what, &character) > 0 && what == EBI_SHOW,
                     "byte %zu may not be shown: %s", at, line->data);
    fuzz_done(ebi_json_members(line->data, line->len, check_name, &names, &err), &err, line->data);
    while (names.n > 0)
        free(names.all[--names.n]);
}

/* Adds the line where the event has one: its data may be incomplete. */
static void print(struct eb_event *event) {
    struct ebi_bytes line = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status;

    status = ebi_event_to_cloudevent(event, &line, &err);
    if (status == EB_OK)
        check_shown(&line);
    if (status == EB_OK && event->n_headers == 0)
        same_event(event, &line);
    else if (status == EB_OK)
        read_back(&line);
    else
        fuzz_refused(status, &err);
    ebi_bytes_free(&line);
}

static void read_line(struct eb_text line) {
    struct eb_event *event = NULL;
    struct ebi_address address = { 0 };
    struct eb_error err = { 0 };
    enum eb_status status = ebi_event_from_cloudevent(fuzz_signals(), NULL, line.data, line.len, &event, &address, &err);

    if (status == EB_OK) {
        tell_key(event, &address);
        print(event);
    } else {
        fuzz_refused(status, &err);
    }
    fuzz_promise(status == EB_OK || (!event && !address.key && !address.topic), "refused, yet something is handed out");
    ebi_address_free(&address);
    eb_event_free(event);
}

/* ---- Single members, and times ---- */

static enum eb_status read_member(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    struct eb_error why = { 0 };
    int64_t number;
    char *text = NULL;
    enum eb_status status = ebi_json_text(name, value, len, &text, &why);

    (void)arg, (void)err;
    if (status != EB_OK)
        fuzz_refused(status, &why);
    status = ebi_json_long(name, value, len, &number, &why);
    if (status != EB_OK)
        fuzz_refused(status, &why);
    free(text);
    return EB_OK;
}

static void read_members(struct eb_text line) {
    struct eb_error err = { 0 };
    enum eb_status status = ebi_json_members(line.data, line.len, read_member, NULL, &err);

    if (status != EB_OK)
        fuzz_refused(status, &err);
}

static void read_time(struct eb_text text) {
    struct eb_error err = { 0 };
    char shown[EBI_ISO_ROOM];
    int64_t time, again;
    enum eb_status status = ebi_iso_read(text.data, text.len, &time, &err);

    if (status != EB_OK) {
        fuzz_refused(status, &err);
        return;
    }
    ebi_iso_print(time, shown);
    fuzz_done(ebi_iso_read(shown, strlen(shown), &again, &err), &err, shown);
    fuzz_promise(time == again, "%s is another time than it was printed of", shown);
}

/* ---- Attributes: name, length, value, again and again; NUL-ended, as the core's copies of messages are ---- */

enum { MOST_ATTRS = 12 };

/* The values are names of headers as well: "dlq_VALUE", as a stranger may have written them. Each borrows from a pool that
 * lasts until the next call. */
static size_t headers_of(const struct eb_message *message, struct eb_header *headers) {
    static char pool[MOST_ATTRS][4 + 256];
    size_t n = 0;

    for (size_t i = 0; i < message->n_attrs; i++) {
        struct eb_text value = message->attrs[i].value;

        memcpy(pool[n], "dlq_", 4);
        memcpy(pool[n] + 4, value.data, value.len);
        headers[n] = (struct eb_header){ { pool[n], 4 + value.len }, value };
        n++;
    }
    return n;
}

static void take_attrs(struct fuzz_in *in) {
    static const char *const names[] = { "type", "id", "source", "time", "minorversion", "sourcehost", "sourcelib", "other" };
    struct eb_header attrs[MOST_ATTRS], headers[MOST_ATTRS];
    struct eb_message message = { .size = sizeof message, .attrs = attrs };
    const struct eb_signal *signal = fuzz_signal(in);
    struct eb_event *event = NULL;
    struct eb_error err = { 0 };
    enum eb_status status;

    while (in->left > 0 && message.n_attrs < MOST_ATTRS) {
        const char *name = names[fuzz_number(in, 1) % 8];
        struct eb_text value = fuzz_take(in, fuzz_number(in, 1));
        char *copy = strndup(value.data, value.len);

        fuzz_promise(copy != NULL, "memory");
        attrs[message.n_attrs++] = (struct eb_header){ { name, strlen(name) }, { copy, strlen(copy) } };
        read_time(value);
    }
    fuzz_done(eb_event_new(signal, &event, &err), &err, "a new event");
    fuzz_done(ebi_data_sample(event->data, &err), &err, "sample");
    status = ebi_attrs_take(event, &message, &err);
    if (status == EB_OK) {
        print(event);
        event->n_headers = headers_of(&message, headers);
        event->headers = headers;
        if (message.n_attrs) {
            event->meta.key = message.attrs[0].value.data;
            event->meta.key_len = message.attrs[0].value.len;
        }
        print(event);
    } else {
        fuzz_refused(status, &err);
    }
    eb_event_free(event);
    for (size_t i = 0; i < message.n_attrs; i++)
        free((char *)attrs[i].value.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };

    if (len > 0 && *bytes != '{') {
        fuzz_take(&in, 1);
        take_attrs(&in);
    } else {
        struct eb_text line = fuzz_rest(&in);

        read_line(line);
        read_members(line);
    }
    return 0;
}
