/* core/consume/dead_letter_message.c - see dead_letter_message.h. */
#include "consume/dead_letter_message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/topic.h"

static bool is_named(struct eb_text name, const char *text) {
    return name.len == strlen(text) && memcmp(name.data, text, name.len) == 0;
}

struct eb_text ebi_message_header(const struct eb_message *message, const char *name) {
    for (size_t i = 0; i < message->n_headers; i++)
        if (is_named(message->headers[i].name, name))
            return message->headers[i].value;
    return (struct eb_text){ 0 };
}

bool ebi_dead_letter_lacks_data(const struct eb_message *message) {
    return !message->payload.len && ebi_message_header(message, "dlq_sha256").data;
}

/* ---- The headers that say what happened ---- */

enum { N_FAILURE = 10, N_TRUNCATION = 3 };

struct failure {
    struct eb_header headers[N_FAILURE + N_TRUNCATION];
    size_t n;
};

static void add(struct failure *failure, const char *name, const char *value) {
    failure->headers[failure->n++] = (struct eb_header){ { name, strlen(name) }, { value, strlen(value) } };
}

/* Adds what the dead letter lacks; where that is the data, also their size and digest. */
static void add_truncation(struct failure *failure, struct ebi_dead_letter *letter, const struct ebi_inflight *inflight) {
    static const char *const missing[] = { [EBI_FORM_NO_HEADERS] = "headers",
                                           [EBI_FORM_NO_DATA] = "headers, data",
                                           [EBI_FORM_REPORT] = "headers, data, attributes, key" };
    struct eb_text payload = inflight->message.payload;

    if (inflight->form == EBI_FORM_WHOLE)
        return;
    add(failure, "dlq_truncated", missing[inflight->form]);
    if (inflight->form == EBI_FORM_NO_HEADERS)
        return;
    snprintf(letter->size, sizeof letter->size, "%zu", payload.len);
    ebi_digest(payload.data ? payload.data : "", payload.len, letter->digest);
    add(failure, "dlq_size", letter->size);
    add(failure, "dlq_sha256", letter->digest);
}

/* lacks_data: the message is itself a dead letter without data. Then the headers that say where the original is stay, and those of
 * this dead letter are not added. */
static void describe_failure(struct failure *failure, struct ebi_dead_letter *letter, const struct ebi_inflight *inflight,
                             const char *prefix, const char *group, bool lacks_data) {
    const struct eb_message *message = &inflight->message;
    bool retriable = inflight->why && inflight->why->status == EB_RETRIABLE;

    snprintf(letter->attempts, sizeof letter->attempts, "%" PRIu32, inflight->failures);
    ebi_iso_print(inflight->first_failed_us, letter->first);
    ebi_iso_print(inflight->last_failed_us, letter->last);
    add(failure, "dlq_reason", inflight->why ? inflight->why->text : "out of memory");
    if (inflight->detail)
        add(failure, "dlq_detail", inflight->detail);
    add(failure, "dlq_class", retriable ? "retriable" : "permanent");
    if (!lacks_data) {
        add(failure, "dlq_topic", ebi_short_topic(prefix, message->topic.data));
        add(failure, "dlq_position", message->position.data ? message->position.data : "");
    }
    add(failure, "dlq_group", group);
    add(failure, "dlq_receiver", inflight->receiver);
    add(failure, "dlq_attempts", letter->attempts);
    add(failure, "dlq_first", letter->first);
    add(failure, "dlq_last", letter->last);
    if (!lacks_data)
        add_truncation(failure, letter, inflight);
}

/* Whether a header of an earlier dead letter says something about an original that is not in it. */
static bool is_of_original(struct eb_text name) {
    return is_named(name, "dlq_topic") || is_named(name, "dlq_position") || is_named(name, "dlq_truncated") ||
           is_named(name, "dlq_size") || is_named(name, "dlq_sha256");
}

static bool is_kept(struct eb_text name, enum ebi_dead_letter_form form, bool lacks_data) {
    if (name.len >= 4 && memcmp(name.data, "dlq_", 4) == 0)
        return lacks_data && is_of_original(name);
    return form == EBI_FORM_WHOLE;
}

/* Returns the headers of the message that stay, then those of the failure. NULL: no memory. */
static struct eb_header *join_headers(const struct ebi_inflight *inflight, const struct failure *failure, bool lacks_data,
                                      size_t *n) {
    const struct eb_message *message = &inflight->message;
    struct eb_header *headers = calloc(message->n_headers + failure->n, sizeof *headers);

    *n = 0;
    if (!headers)
        return NULL;
    for (size_t i = 0; i < message->n_headers; i++)
        if (is_kept(message->headers[i].name, inflight->form, lacks_data))
            headers[(*n)++] = message->headers[i];
    memcpy(headers + *n, failure->headers, failure->n * sizeof *headers);
    *n += failure->n;
    return headers;
}

/* ---- The message ---- */

/* Fills in the attributes that our own events have, the first of each name. */
static size_t own_attributes(const struct eb_message *message, struct eb_header own[EBI_N_ATTRS]) {
    static const char *const names[EBI_N_ATTRS] = { "type", "id", "source", "time", "minorversion", "sourcehost", "sourcelib" };
    size_t n = 0;

    for (size_t i = 0; i < EBI_N_ATTRS; i++) {
        struct eb_text value = ebi_attr(message, names[i]);

        if (value.data)
            own[n++] = (struct eb_header){ { names[i], strlen(names[i]) }, value };
    }
    return n;
}

/* Leaves out of the message what its form does not have. */
static void truncate_message(struct ebi_dead_letter *letter, enum ebi_dead_letter_form form) {
    struct eb_message *message = &letter->message;

    if (form >= EBI_FORM_NO_HEADERS) {
        message->n_attrs = own_attributes(message, letter->own_attrs);
        message->attrs = letter->own_attrs;
    }
    if (form >= EBI_FORM_NO_DATA) {
        message->payload = message->decode_error = (struct eb_text){ 0 };
        message->schema = NULL;
    }
    if (form == EBI_FORM_REPORT) {
        message->n_attrs = 0;
        message->key = message->key_avro = message->id = (struct eb_text){ 0 };
        message->key_schema = NULL;
    }
}

bool ebi_dead_letter_make(struct ebi_dead_letter *letter, const struct ebi_inflight *inflight, const char *prefix,
                          const char *group) {
    bool lacks_data = ebi_dead_letter_lacks_data(&inflight->message);
    struct eb_message *message = &letter->message;
    struct failure failure;

    failure.n = 0;
    *message = inflight->message;
    describe_failure(&failure, letter, inflight, prefix, group, lacks_data);
    message->headers = join_headers(inflight, &failure, lacks_data, &message->n_headers);
    truncate_message(letter, inflight->form);
    message->send_id = (struct eb_text){ inflight->dead_letter_send_id,
                                         inflight->dead_letter_send_id ? strlen(inflight->dead_letter_send_id) : 0 };
    message->topic = message->position = (struct eb_text){ 0 }; /* decode_error stays: the payload is what the broker held */
    message->time_ms = message->lease_ms = 0;
    message->deliveries = message->failures = message->partition = 0;
    return message->headers != NULL;
}

void ebi_dead_letter_clear(struct ebi_dead_letter *letter) {
    free((void *)letter->message.headers);
}
