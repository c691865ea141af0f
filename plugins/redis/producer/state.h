/* plugins/redis/producer/state.h - one producer instance, as the files of this folder see it. All of it but the wakeup
 * belongs to the thread in submit, poll or close.
 *
 *   producer.c  the operations of the role, and what a new connection asks the server first
 *   batch.c     sends messages in batches and handles the replies
 *   report.c    reports to the host what became of messages
 *   trim.c      keeps the streams short */
#ifndef RD_PRODUCER_STATE_H
#define RD_PRODUCER_STATE_H

#include <eventbus/plugin-help/ring.h>
#include <eventbus/plugin-help/wakeup.h>

#include "connection/connection.h"
#include "connection/link.h"
#include "producer/trim.h"

enum { RD_BATCH_MESSAGES = 200 }; /* in one MULTI; the server does nothing else meanwhile: half a ms */

/* The messages of the queue are, from the oldest on: those sent, those staged, and the others. */
struct rd_producer {
    const struct eb_host *host;
    const struct rd_settings *set;
    struct rd_target target;
    struct rd_conn conn;
    struct ebp_wakeup wakeup; /* any thread signals it */
    struct ebp_link link;
    struct rd_trims trims;
    struct ebp_submit_ring queue; /* messages taken and not reported */
    size_t sent;                  /* those at the server without a reply */
    size_t staged;                /* the batch behind them, written out and waiting for that reply */
    size_t unsure;                /* the oldest ones, which a server that did not reply may have stored */
    size_t reported;              /* by the poll at work */
    size_t most;                  /* messages in a batch: 1 if the server refuses MULTI */
    bool warned_single;
    bool refused;        /* the server refused a command of the batch, and so will refuse all of it: */
    size_t refused_at;   /*   the first message that it refused, */
    struct eb_error why; /*   and why */
};

static inline struct rd_producer *rd_producer_of(const struct rd_conn *conn) {
    return conn->owner;
}

/* Message i of the queue, 0 the oldest. */
static inline const struct eb_message *rd_queued(const struct rd_producer *p, size_t i) {
    return ebp_submit_at(&p->queue, i);
}

/* ---- batch.c ---- */

/* Sends the next batch, if none is at the server. */
void rd_send_batch(struct rd_producer *);

/* Writes out the batch behind that one, if it is a full one: a smaller one may still grow. */
void rd_stage_batch(struct rd_producer *);

/* Sends a command that is a single word. False: no memory. */
bool rd_send_word(struct rd_producer *, const char *word, rd_reply_handler);

/* ---- report.c ---- */

void rd_report_stored(struct rd_producer *, const struct eb_message *, const struct rd_node *id);
void rd_report_failed(struct rd_producer *, const struct eb_message *, const struct eb_error *why, bool maybe_stored);

/* The n oldest messages leave the queue. */
void rd_drop_oldest(struct rd_producer *, size_t n);

/* All messages of the refused one's topic fail with it, so that no later event of its key passes it. */
void rd_fail_topic(struct rd_producer *, const struct eb_message *refused, const struct eb_error *why);

#endif
