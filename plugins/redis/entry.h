/* plugins/redis/entry.h - a message as a stream entry: the fields type, id, source, time, minorversion, sourcehost,
 * sourcelib, event_data, as the Python event bus writes and reads them, and headers as further fields behind these. */
#ifndef RD_ENTRY_H
#define RD_ENTRY_H

#include "connection/reply.h"

enum { RD_ATTRS = 7, RD_ATTRS_MAX = 16, RD_HEADERS = 1000, RD_ID_ROOM = 44 };
/* A dead letter has further headers, dlq_...: there is room for them beside as many others as a message may have. */
enum { RD_DLQ_HEADERS = 64, RD_HEADERS_MAX = RD_HEADERS + RD_DLQ_HEADERS };
enum { RD_FIELDS_MAX = 2 * (RD_ATTRS_MAX + 1 + RD_HEADERS_MAX) };

/* The place of an entry in its stream. */
struct rd_id {
    uint64_t ms, seq;
};

bool rd_id_parse(const char *, struct rd_id *);
void rd_id_print(struct rd_id, char text[RD_ID_ROOM]);

/* The one before it; 0-0 has none and stays. */
struct rd_id rd_id_before(struct rd_id);

static inline struct rd_id rd_id_after(struct rd_id id) {
    return id.seq < UINT64_MAX ? (struct rd_id){ id.ms, id.seq + 1 } : (struct rd_id){ id.ms + 1, 0 };
}

static inline int rd_id_compare(struct rd_id a, struct rd_id b) {
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* NULL, or why no entry can hold this message. */
const char *rd_entry_unfit(const struct eb_message *);

/* Names and values, at most RD_FIELDS_MAX; answers how many. The message fits. */
size_t rd_entry_write(const struct eb_message *, const char **argv, size_t *lens);

/* Whether it is a dead letter, by its headers. */
bool rd_entry_is_dead_letter(const struct eb_message *);

/* What an entry says. Texts are the node's. */
struct rd_entry_read {
    struct eb_header attrs[RD_ATTRS_MAX];
    struct eb_header headers[RD_HEADERS_MAX];
    size_t n_attrs, n_headers;
    char position[RD_ID_ROOM];
};

/* Fills the message from the fields of an entry. What cannot be used has a decode_error, and all fields that there are, so that
 * its dead letter has them, too: what comes twice and behind the data is among the headers. */
void rd_entry_take(const struct rd_node *fields, struct rd_id, struct rd_entry_read *, struct eb_message *);

#endif
