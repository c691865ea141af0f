/* core/produce/outbound_message.h - a message on its way out, from put to delivery report. */
#ifndef EBI_OUTBOUND_MESSAGE_H
#define EBI_OUTBOUND_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>
#include "base/hash.h"
#include "produce/send_id.h"
#include "produce/sending.h"

struct ebi_topic_queue;
struct ebi_epoch;

/* One block: what the message points to lies behind the struct. Blocks of the usual size are used again, so that a burst does
 * not make the heap grow and shrink with it. A new one is cleared from topic to position; hh is set where it is added. */
struct ebi_outbound_message {
    struct eb_message message;
    struct ebi_topic_queue *topic;
    struct ebi_outbound_message *prev, *next; /* in one list: waiting, failed, submitted, done, or the spare blocks */
    struct ebi_outbound_message *next_report; /* among what the plugin has reported */
    struct ebi_epoch *epoch;
    uint64_t seq; /* the order of putting */
    int64_t put_ms, deadline_ms;
    size_t bytes;
    ebi_reported reported;
    void *arg;
    enum eb_status status; /* the report */
    bool maybe_stored;
    struct eb_error *error; /* NULL: none, or no memory to keep it */
    char *position;         /* NULL, position_buffer or of its own memory */
    char position_buffer[64];
    char send_id[EBI_SEND_ID_ROOM]; /* message.send_id, unless the message came with one */
    UT_hash_handle hh;              /* among its topic's keys in flight */
};

/* Blocks up to this size are allocated with this size, so that they can be used again. */
enum { EBI_OUTBOUND_USUAL_SIZE = 1536 };

/* The size of a message's block. 0, with the error: the message cannot be sent. */
size_t ebi_outbound_message_size(const struct eb_message *, struct eb_error *);

/* Copies a message into a block: the spare one, or where that is NULL a new one. NULL: no memory. */
struct ebi_outbound_message *ebi_outbound_message_new(const struct eb_message *, size_t size,
                                                      struct ebi_outbound_message *spare, struct eb_error *);
void ebi_outbound_message_free(struct ebi_outbound_message *); /* NULL is nothing to do */

/* Keeps what the plugin reported, instead of an earlier report. */
void ebi_outbound_message_report(struct ebi_outbound_message *, const struct eb_delivery *);

/* Frees what a report left, so that the block can be used again. */
void ebi_outbound_message_forget(struct ebi_outbound_message *);

#endif
