/* plugins/kafka/record/headers.h - turns an event's CloudEvents attributes and further headers into a record's headers, and
 * back. */
#ifndef KF_HEADERS_H
#define KF_HEADERS_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin.h>

enum { KF_ATTRS = 7 };

/* Header lists of reported messages, kept for the next ones: events mostly differ in id and time alone, and a new list costs
 * an allocation for each header. Zeroed at first. */
enum { KF_SPARE_LISTS = 4096 };

struct kf_header_pool {
    rd_kafka_headers_t *spare[KF_SPARE_LISTS];
    size_t n;
};

/* Returns the number, from 1, of the first header whose name has a NUL byte; 0: none has. librdkafka gives names without their
 * length when it reads them, so such a name would come back cut off. */
size_t kf_unfit_header(const struct eb_message *);
/* Makes a list in the order of the Python producer: ce_specversion, content-type, ce_datacontenttype, the attributes, the
 * others. To be destroyed, or given to a message. NULL: no memory. */
rd_kafka_headers_t *kf_headers_new(struct kf_header_pool *, const struct eb_message *);

/* Takes the list out of the record of a reported message. Leaves one with further headers, as dead letters have: those may
 * be of any size. */
void kf_header_pool_keep(struct kf_header_pool *, const struct eb_message *, const rd_kafka_message_t *reported);
void kf_header_pool_free(struct kf_header_pool *);

/* The headers of one record; all texts are borrowed from the record. Zeroed at first, then used again for each record. */
struct kf_headers {
    struct eb_header attrs[KF_ATTRS];
    size_t n_attrs;
    struct eb_header *headers;
    size_t n_headers, room;
    struct eb_text id;
    unsigned missing;     /* a bit for each attribute that is not there */
    const char *repeated; /* a header of an event that is there twice; NULL: none */
};

/* Returns false without memory. */
int kf_headers_read(struct kf_headers *, const rd_kafka_message_t *);
void kf_headers_free(struct kf_headers *);

/* The name on the wire of the attribute of a bit in `missing`. KF_NO_ID is the bit of the id, which must not be missing. */
const char *kf_headers_name(unsigned bit);
enum { KF_NO_ID = 1 << 1 };

#endif
