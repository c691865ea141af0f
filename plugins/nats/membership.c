/* membership.c - the members of a group, and which of them reads a topic in order. See consumer.h.
 *
 * JetStream shares a group's messages among all who ask, whatever their keys, and does not tell who asks. So members keep records
 * in a stream of their own, PREFIX%members, which forgets a record that is not renewed for the time of `lease`:
 *
 *     PREFIX.%members.STREAM.GROUP.m.CONSUMER      this member lives
 *     PREFIX.%members.STREAM.GROUP.owner           it reads the topic, for order = key or strict
 *
 * The owner's record is written with the sequence that it must have had before (0: none), so one of several wins. A new owner
 * may find messages in flight at an earlier one: subscribe.c waits for all of them before it goes on (`collecting`), so an
 * owner that lost its record may finish what it has. */
#include "consumer.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 250, OWNER = 'o', STREAM = 'm' };

static void record_subject(const struct consumer *c, const struct subscribed *topic, const char *record, const char *name,
                           char *out) {
    snprintf(out, EBN_API_ROOM, "%s.%%members.%s.%s.%s%s", c->settings->subject_prefix, topic->stream, c->durable, record,
             name);
}

bool ebn_owns(const struct consumer *c, const struct subscribed *topic, int64_t now) {
    return !c->ordered || (topic->owner > 0 && now < topic->owner_until_ms);
}

/* ---- Records ---- */

/* Writes the owner's record: makes it, or renews it. */
static void claim(struct consumer *c, struct subscribed *topic, int64_t now) {
    char subject[EBN_API_ROOM], reply[EBN_REPLY_ROOM], expected[EBN_POSITION_ROOM];
    natsMsg *message = NULL;

    record_subject(c, topic, "owner", "", subject);
    ebn_reply(c->connection, c->epoch, OWNER, topic->number, reply);
    ebn_position_text(topic->owner, expected);
    topic->claimed_ms = now;
    topic->claim_ms = now + c->settings->ack_timeout;
    if (natsMsg_Create(&message, subject, reply, c->wanted->consumer, (int)strlen(c->wanted->consumer)) == NATS_OK &&
        natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", expected) == NATS_OK)
        ebn_send(c->connection, c->epoch, OWNER, topic->number, message);
    else
        natsMsg_Destroy(message);
}

static void on_claim(struct consumer *c, struct subscribed *topic, natsMsg *message, int64_t now) {
    struct ebn_answer answer;

    ebn_answer_read(&answer, message);
    json_int_t sequence = json_integer_value(json_object_get(answer.root, "seq"));
    if (answer.http == 0 && sequence > 0) {
        bool is_new = !ebn_owns(c, topic, now) || topic->owner == 0;
        topic->owner = (uint64_t)sequence;
        topic->owner_epoch = c->epoch;
        topic->owner_until_ms = topic->claimed_ms + c->record_ms;
        topic->claim_ms = topic->claimed_ms + c->record_ms / 3;
        if (is_new) {
            topic->collecting = true;
            topic->check_ms = now;
        }
    } else if (answer.code == EBN_WRONG_LAST_SEQUENCE) { /* another one's; or ours is gone, and may be made anew */
        topic->claim_ms = topic->owner > 0 ? now : now + RETRY_MS;
        topic->owner = 0;
    } else {
        c->members_ready = c->members_ready && answer.http != 503;
        topic->claim_ms = now + RETRY_MS;
    }
    ebn_answer_free(&answer);
}

static void say_alive(struct consumer *c) {
    char subject[EBN_API_ROOM], name[EBN_NAME_MAX + 1];
    natsMsg *message;

    if (!ebn_name(c->wanted->consumer, name))
        return;
    for (size_t i = 0; i < c->n_topics; i++) {
        record_subject(c, &c->topics[i], "m.", name, subject);
        message = NULL;
        if (natsMsg_Create(&message, subject, NULL, "", 0) == NATS_OK)
            ebn_send(c->connection, c->epoch, STREAM, 0, message);
    }
}

/* ---- Their stream ---- */

static void ask_stream(struct consumer *c, const char *request, bool with_config, int64_t now) {
    char stream[EBN_NAME_MAX + 16], subject[EBN_API_ROOM];
    char *config = ebn_members_config(c->settings, stream);

    ebn_api(c->settings, request, stream, NULL, subject);
    c->members_ms = now + (config && ebn_send_text(c->connection, c->epoch, STREAM, 0, subject, with_config ? config : "")
                               ? c->settings->ack_timeout
                               : RETRY_MS);
    free(config);
}

static void on_stream(struct consumer *c, natsMsg *message, int64_t now) {
    struct ebn_answer answer;

    ebn_answer_read(&answer, message);
    json_int_t max_age = json_integer_value(json_object_get(json_object_get(answer.root, "config"), "max_age")) / 1000000;
    c->members_ready = answer.http == 0 && max_age > 0;
    if (c->members_ready)
        c->record_ms = max_age;
    c->members_ms = c->members_ready ? now : now + RETRY_MS;
    if (answer.code == EBN_STREAM_EXISTS) { /* made with another lease: its records live as long as it says */
        ask_stream(c, "STREAM.INFO", false, now);
        ebn_answer_free(&answer);
        return;
    }
    if (!c->members_ready && !ebn_answer_may_change(&answer))
        ebp_error(&c->trouble, EB_RETRIABLE, answer.code, "group %s: the stream of its members cannot be made: %s",
                  c->wanted->group, answer.text);
    ebn_answer_free(&answer);
}

/* ---- What the consumer calls ---- */

void ebn_members_up(struct consumer *c, int64_t now) {
    c->members_ready = false;
    c->members_ms = now;
    for (size_t i = 0; i < c->n_topics; i++) {
        c->topics[i].claim_ms = now;
        c->topics[i].collecting = c->ordered;
    }
}

bool ebn_members_answer(struct consumer *c, const struct ebn_event *event, int64_t now) {
    if (event->what == OWNER && event->kind == EBN_MESSAGE)
        on_claim(c, &c->topics[event->number % c->n_topics], event->message, now);
    else if (event->what == STREAM && event->kind == EBN_MESSAGE)
        on_stream(c, event->message, now);
    return event->what == OWNER || event->what == STREAM;
}

int64_t ebn_members_due(struct consumer *c, int64_t now) {
    int64_t next;

    if (!c->up || c->closing)
        return INT64_MAX;
    if (!c->members_ready) {
        if (c->members_ms <= now)
            ask_stream(c, "STREAM.CREATE", true, now);
        return c->members_ms;
    }
    if (c->members_ms <= now) {
        say_alive(c);
        c->members_ms = now + c->record_ms / 3;
    }
    next = c->members_ms;
    for (size_t i = 0; c->ordered && i < c->n_topics; i++) {
        if (c->topics[i].claim_ms <= now)
            claim(c, &c->topics[i], now);
        next = ebp_earlier(next, c->topics[i].claim_ms);
    }
    return next;
}

/* Takes the records back, so that another member need not wait for their end. */
void ebn_members_leave(struct consumer *c) {
    char stream[EBN_NAME_MAX + 16], subject[EBN_API_ROOM], record[EBN_API_ROOM], text[EBN_API_ROOM + 32],
        name[EBN_NAME_MAX + 1];

    free(ebn_members_config(c->settings, stream));
    for (size_t i = 0; c->up && c->members_ready && i < c->n_topics; i++) {
        struct subscribed *topic = &c->topics[i];
        if (c->ordered && topic->owner > 0) {
            ebn_api(c->settings, "STREAM.MSG.DELETE", stream, NULL, subject);
            snprintf(text, sizeof text, "{\"seq\":%llu,\"no_erase\":true}", (unsigned long long)topic->owner);
            ebn_send_text(c->connection, c->epoch, STREAM, 1, subject, text);
        }
        if (!ebn_name(c->wanted->consumer, name))
            continue;
        record_subject(c, topic, "m.", name, record);
        ebn_api(c->settings, "STREAM.PURGE", stream, NULL, subject);
        snprintf(text, sizeof text, "{\"filter\":\"%s\"}", record);
        ebn_send_text(c->connection, c->epoch, STREAM, 1, subject, text);
    }
}
