/* producer/report.c - what became of the messages. See state.h. */
#include "producer/state.h"
#include "client/result.h"

void pl_sending_signal(struct pl_sending *s) {
    if (!__atomic_exchange_n(&s->signalled, true, __ATOMIC_SEQ_CST))
        ebp_cond_wakeup_signal(&s->changed);
}

void pl_report(struct pl_sending *s, struct pl_outgoing *out, const struct eb_error *why, bool maybe_stored,
               const struct pl_position *position) {
    struct eb_delivery delivery = { .size = sizeof delivery, .token = out->message->token, .error = why };
    char text[PL_POSITION_ROOM];

    if (why) {
        delivery.status = why->status;
        delivery.maybe_stored = maybe_stored;
    } else if (position) {
        size_t len = pl_position_text(position, text);
        delivery.position = ebp_text(text, len);
    }
    out->message = NULL;
    out->at_library = false;
    out->next = s->free;
    s->free = out;
    s->n_free++;
    s->reported = true;
    s->host->delivered(s->host, &delivery);
}

/* Whether a failure leaves open what the broker has. */
static bool may_be_stored(pulsar_result result) {
    switch (result) {
    case pulsar_result_MessageTooBig:
    case pulsar_result_InvalidMessage:
    case pulsar_result_ProducerQueueIsFull:
    case pulsar_result_MemoryBufferIsFull:
    case pulsar_result_TopicTerminated:
    case pulsar_result_CryptoError:
    case pulsar_result_ChecksumError:
        return false;
    default:
        return true;
    }
}

void pl_on_sent(pulsar_result result, pulsar_message_id_t *id, void *arg) {
    struct pl_outgoing *out = arg;
    struct pl_send_topic *topic = out->topic;
    struct pl_sending *s = topic->sending;
    struct pl_position position;
    struct eb_error why;
    bool has_position = result == pulsar_result_Ok && pl_position_of_id(id, &position);

    if (id)
        pulsar_message_id_free(id);
    pthread_mutex_lock(&s->lock);
    if (s->closed) {
        pthread_mutex_unlock(&s->lock);
        return;
    }
    topic->n_out--;
    if (result == pulsar_result_Ok) {
        pl_report(s, out, NULL, false, has_position ? &position : NULL);
    } else {
        pl_result_error(&why, result, "cannot send to topic %s", topic->name);
        if (why.status == EB_RETRIABLE && topic->state == PL_TOPIC_READY)
            topic->state = PL_TOPIC_BROKEN;
        pl_report(s, out, &why, may_be_stored(result), NULL);
    }
    pthread_mutex_unlock(&s->lock);
    pl_sending_signal(s);
}
