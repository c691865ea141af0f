/* plugins/redis/entry.h - a message as a stream entry: the fields type, id, source, time, minorversion, sourcehost,
 * sourcelib, event_data, as the Python event bus writes and reads them, then the headers as further fields. */
#ifndef RD_ENTRY_H
#define RD_ENTRY_H

#include "connection/reply.h"

enum { RD_ATTRS = 7, RD_ATTRS_MAX = 16, RD_HEADERS = 1000, RD_ID_ROOM = 44 };
/* A dead letter has dlq_... headers as well: they fit in beside as many others as a message may have. */
enum { RD_DLQ_HEADERS = 64, RD_HEADERS_MAX = RD_HEADERS + RD_DLQ_HEADERS };
enum { RD_FIELDS_MAX = 2 * (RD_ATTRS_MAX + 1 + RD_HEADERS_MAX) };

/* The id of an entry: its position in the stream. */
struct rd_id {
    uint64_t ms, seq;
};

bool rd_id_parse(const char *, struct rd_id *);
void rd_id_print(struct rd_id, char text[RD_ID_ROOM]);

/* Reads the id from a text of a reply; and from an entry of a reply, [id, ...]. */
bool rd_id_of(const struct rd_node *, struct rd_id *);
bool rd_id_of_entry(const struct rd_node *, struct rd_id *);

/* Returns the id before it; for 0-0, which has none, itself. */
struct rd_id rd_id_before(struct rd_id);

static inline struct rd_id rd_id_after(struct rd_id id) {
    return id.seq < UINT64_MAX ? (struct rd_id){ id.ms, id.seq + 1 } : (struct rd_id){ id.ms + 1, 0 };
}

static inline int rd_id_compare(struct rd_id a, struct rd_id b) {
    if (a.ms != b.ms)
        return a.ms < b.ms ? -1 : 1;
    return a.seq < b.seq ? -1 : a.seq > b.seq;
}

/* Returns NULL, or why no entry can hold this message. */
const char *rd_entry_unfit(const struct eb_message *);

/* Writes names and values, at most RD_FIELDS_MAX, and returns how many. rd_entry_unfit accepts the message. */
size_t rd_entry_write(const struct eb_message *, const char **argv, size_t *lens);

/* Whether the message is a dead letter, by its headers. */
bool rd_entry_is_dead_letter(const struct eb_message *);

/* The parts of an entry that was read. Texts are the node's. */
struct rd_entry_read {
    struct eb_header attrs[RD_ATTRS_MAX];
    struct eb_header headers[RD_HEADERS_MAX];
    size_t n_attrs, n_headers;
    char position[RD_ID_ROOM];
};

/* Fills the message from the fields of an entry. A message that cannot be used gets a decode_error and keeps all its
 * fields, so that its dead letter has them too: an attribute that comes again behind the data is among the headers. */
void rd_entry_take(const struct rd_node *fields, struct rd_id, struct rd_entry_read *, struct eb_message *);

#endif
