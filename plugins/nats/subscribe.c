/* subscribe.c - finds or makes the group's consumer of each topic, and asks it for messages. See consumer.h.
 *
 * A request for messages stays open for a second at most. The server forgets one only when its time is over, and Debian's
 * nats-server 2.9.10 gives what comes again to a request whose client has gone, where it lies until its lease ends. */
#include "consumer.h"

#include <stdlib.h>
#include <string.h>

enum {
    PULL_MS = 1000,
    PULL_GRACE_MS = 1000,
    RETRY_MS = 250,
    SAME_MS = 1000,
    ABSENT_MS = 500,
    STARTING_MS = 5000,
    CHECK_MS = 50,
    COLLECT_MS = 100,
    COLLECT_MAX_MS = 10000,
    FIRST_BATCH = 8
};

/* ---- The group's consumer ---- */

static bool ask(struct consumer *c, struct subscribed *topic, char what, const char *request, const char *text) {
    char subject[EBN_API_ROOM];

    ebn_api(c->settings, request, topic->stream, what == ABOUT_END ? NULL : c->durable, subject);
    return ebn_send_text(c->connection, c->epoch, what, topic->number, subject, text);
}

/* Asks for the topic's end first, where it is wanted, then for the group's consumer. */
static void look(struct consumer *c, struct subscribed *topic, int64_t now) {
    bool for_end = c->wanted->until_end && !topic->end_known;

    topic->state = LOOKING;
    topic->retry_ms = now + c->settings->ack_timeout;
    if (!ask(c, topic, for_end ? ABOUT_END : ABOUT_GROUP, for_end ? "STREAM.INFO" : "CONSUMER.INFO", ""))
        topic->retry_ms = now + RETRY_MS;
}

static void look_later(struct subscribed *topic, int64_t now, int64_t ms) {
    topic->state = IDLE;
    topic->retry_ms = now + ms;
    topic->pull = 0;
    topic->pull_left = 0;
}

/* A topic that was waited for is read from its first message. */
static void make(struct consumer *c, struct subscribed *topic, int64_t now) {
    bool from_first = topic->absent && c->wanted->start && c->wanted->start->kind == EB_LATEST;
    const struct ebn_consumer_config config = { .stream = topic->stream,
                                                .durable = c->durable,
                                                .start = from_first ? NULL : c->wanted->start,
                                                .ack_wait_ms = c->settings->lease };
    char *request = ebn_consumer_request(&config);

    topic->state = MAKING;
    topic->retry_ms = now + (request && ask(c, topic, ABOUT_MAKING, "CONSUMER.DURABLE.CREATE", request)
                                 ? c->settings->ack_timeout
                                 : RETRY_MS);
    free(request);
}

/* What was delivered by an earlier life of the group's consumer comes again. */
static void lose_all(struct consumer *c, struct subscribed *topic) {
    struct inflight_list *lists[] = { &topic->waiting, &c->held, &c->settling };
    struct inflight *one, *next;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (one = lists[i]->first; one; one = next) {
            next = one->next;
            if (one->topic == topic)
                ebn_lose(c, one);
        }
}

static void on_absent(struct consumer *c, struct subscribed *topic, int64_t now) {
    lose_all(c, topic);
    topic->gone = true;
    if (!topic->absent)
        ebp_log(c->host, EBP_LOG_WARNING, "topic %s does not exist%s", topic->name,
                c->wanted->until_end ? "" : "; waiting for it");
    topic->absent = true;
    topic->ended = topic->end_known = c->wanted->until_end != 0;
    look_later(topic, now, ABSENT_MS);
}

/* The messages that are here and that the server takes for delivered: what came over this connection, and what came before and is
 * not after the last one that it knows of. nats-server 2.9 may say one that is before the last. */
static uint64_t count_here(const struct consumer *c, const struct subscribed *topic, uint64_t delivered) {
    const struct inflight_list *lists[] = { &topic->waiting, &c->held };
    uint64_t n = 0;

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const struct inflight *one = lists[i]->first; one; one = one->next)
            n += one->topic == topic && !one->lost && (one->epoch == c->epoch || one->delivered.sequence <= delivered);
    return n;
}

/* With max_ack_pending = 1 the server gives out what comes again, and nothing new. */
static void limit(struct consumer *c, struct subscribed *topic, const struct ebn_answer *answer, int64_t max_ack_pending) {
    char *request = ebn_limit_request(answer->root, topic->stream, max_ack_pending);

    if (request)
        ask(c, topic, ABOUT_MAKING, "CONSUMER.DURABLE.CREATE", request);
    free(request);
}

/* Before a new owner goes on, it needs all messages that are in flight at others: they come again when their leases end. A
 * crashed server may have forgotten some that are here; it delivers those again, too. */
static void collect(struct consumer *c, struct subscribed *topic, const struct ebn_consumer_info *info,
                    const struct ebn_answer *answer, int64_t now) {
    uint64_t here = count_here(c, topic, info->delivered);
    uint64_t missing = c->ordered && !topic->given_up && info->ack_pending > here ? info->ack_pending - here : 0;

    topic->check_ms = now + COLLECT_MS;
    if (missing != topic->missing)
        topic->missing_since_ms = now;
    topic->missing = missing;
    if (missing > 0 && now - topic->missing_since_ms > 4 * topic->ack_wait_ms + COLLECT_MAX_MS) {
        ebp_log(
            c->host, EBP_LOG_WARNING,
            "topic %s, group %s: %llu events that were in flight do not come again; going on without them, and their keys may lose "
            "their order",
            topic->name, c->wanted->group, (unsigned long long)missing);
        topic->missing = 0;
        topic->given_up = true;
    }
    if (topic->missing > 0 && info->max_ack_pending != 1)
        limit(c, topic, answer, 1);
    else if (topic->missing == 0 && info->max_ack_pending == 1)
        limit(c, topic, answer, 0);
    else if (topic->missing == 0)
        topic->collecting = topic->given_up = false;
}

/* Whether the server says for sure that the group's consumer was made anew. nats-server 2.9 says the present time while it restarts,
 * and one that is off by less than a millisecond from then on. */
static bool is_made_anew(struct subscribed *topic, const struct ebn_consumer_info *info, bool was_gone, bool *doubtful) {
    int64_t apart = llabs(info->created_ms - topic->created_ms);
    bool other = topic->created_ms > 0 && apart >= (was_gone ? 1 : SAME_MS);

    *doubtful = other && !was_gone && info->created_ms != topic->other_ms;
    topic->other_ms = info->created_ms;
    return other && !*doubtful;
}

static void on_group(struct consumer *c, struct subscribed *topic, const struct ebn_answer *answer, int64_t now) {
    struct ebn_consumer_info info;

    if (!ebn_consumer_info_read(answer->root, &info)) {
        topic->state = IDLE;
        ebp_error(&c->trouble, EB_RETRIABLE, 0, "topic %s, group %s: the server's answer says nothing of a consumer",
                  topic->name, c->wanted->group);
        return;
    }
    bool doubtful, anew = is_made_anew(topic, &info, topic->gone, &doubtful);
    if (doubtful) {
        look_later(topic, now, RETRY_MS);
        return;
    }
    topic->gone = false;
    if (anew) {
        lose_all(c, topic);
        topic->highest = topic->n_done = 0;
    }
    topic->created_ms = info.created_ms;
    topic->ack_wait_ms = info.ack_wait_ms > 0 ? info.ack_wait_ms : c->settings->lease;
    topic->state = READY;
    topic->absent = false;
    topic->collecting = topic->collecting || (info.max_ack_pending == 1 && !c->ordered);
    if (topic->collecting && ebn_owns(c, topic, now))
        collect(c, topic, &info, answer, now);
    if (topic->end_known)
        topic->ended = ebn_settled_to(&info, topic->end);
}

static void on_end(struct consumer *c, struct subscribed *topic, const struct ebn_answer *answer, int64_t now) {
    struct ebn_stream_info info;

    if (ebn_stream_info_read(answer->root, &info)) {
        topic->end_known = true;
        topic->end = info.messages > 0 ? info.last : 0;
    }
    look(c, topic, now);
}

/* The group's consumer was removed. A seek makes it anew at another place: members leave it the time for that. */
static void on_deleted(struct consumer *c, struct subscribed *topic, int64_t now) {
    lose_all(c, topic);
    topic->gone = true;
    look_later(topic, now, ABSENT_MS);
}

/* A server that starts answers before it knows its streams and their consumers again. */
static bool may_be_starting(const struct consumer *c, const struct subscribed *topic, int64_t now) {
    return topic->created_ms > 0 && now - c->up_ms < STARTING_MS;
}

static void on_failure(struct consumer *c, struct subscribed *topic, const struct ebn_answer *answer, char what, int64_t now) {
    bool not_found = answer->code == EBN_STREAM_NOT_FOUND || (answer->code == EBN_CONSUMER_NOT_FOUND && what == ABOUT_GROUP);

    if (not_found && may_be_starting(c, topic, now)) {
        look_later(topic, now, RETRY_MS);
    } else if (answer->code == EBN_STREAM_NOT_FOUND) {
        on_absent(c, topic, now);
    } else if (answer->code == EBN_CONSUMER_NOT_FOUND && what == ABOUT_GROUP) {
        if (topic->created_ms > 0 && !topic->gone)
            on_deleted(c, topic, now);
        else
            make(c, topic, now);
    } else {
        if (!ebn_answer_may_change(answer) && what == ABOUT_MAKING && answer->code != EBN_CONSUMER_EXISTS)
            ebp_error(&c->trouble, EB_RETRIABLE, answer->code, "topic %s, group %s: the group's consumer cannot be made: %s",
                      topic->name, c->wanted->group, answer->text);
        look_later(topic, now, RETRY_MS);
    }
}

/* ---- Requests for messages ---- */

/* How many messages to ask for; 0: none now. One of each topic may go beyond the bounds. */
static size_t batch_of(const struct consumer *c, const struct subscribed *topic) {
    size_t free_now = topic->n < c->share ? c->share - topic->n : 0, by_bytes = FIRST_BATCH;

    if (topic->collecting)
        return topic->missing < FIRST_BATCH ? (size_t)topic->missing : FIRST_BATCH;
    if (topic->n > 0 && (free_now < (c->share + 3) / 4 || c->bytes >= c->wanted->max_bytes))
        return 0;
    if (c->bytes >= c->wanted->max_bytes)
        return 1;
    if (topic->largest > 0)
        by_bytes = (c->wanted->max_bytes - c->bytes) / topic->largest;
    return by_bytes == 0 ? (topic->n == 0) : free_now < by_bytes ? free_now : by_bytes;
}

static void pull(struct consumer *c, struct subscribed *topic, int64_t now) {
    char subject[EBN_API_ROOM], text[96];
    size_t batch = batch_of(c, topic);
    int64_t expires_ms = ebp_earlier(PULL_MS, topic->ack_wait_ms / 4);

    if (batch == 0)
        return;
    topic->pull = ++c->n_pulls * c->n_topics + topic->number;
    ebn_api(c->settings, "CONSUMER.MSG.NEXT", topic->stream, c->durable, subject);
    snprintf(text, sizeof text, "{\"batch\":%zu,\"expires\":%lld}", batch, (long long)expires_ms * 1000000);
    topic->pull_left = batch;
    topic->pull_sent_ms = now;
    topic->pull_until_ms = now + expires_ms + PULL_GRACE_MS;
    topic->pull_late = false;
    if (!ebn_send_text(c->connection, c->epoch, ABOUT_PULL, topic->pull, subject, text))
        topic->pull_until_ms = now + RETRY_MS;
}

/* A request is answered by messages, then by a status where its time is over or something is wrong. */
static void on_status(struct consumer *c, struct subscribed *topic, natsMsg *message, int64_t now) {
    const char *status = NULL, *text = NULL;

    natsMsgHeader_Get(message, "Status", &status);
    natsMsgHeader_Get(message, "Description", &text);
    if (status && strcmp(status, "100") == 0)
        return;
    topic->pull = 0;
    topic->pull_left = 0;
    if (status && strcmp(status, "503") == 0)
        look_later(topic, now, RETRY_MS);
    else if (status && strcmp(status, "409") == 0 && text && strstr(text, "Deleted"))
        on_deleted(c, topic, now);
    else if (!status || (strcmp(status, "404") != 0 && strcmp(status, "408") != 0))
        topic->pull_again_ms = now + RETRY_MS;
}

static struct subscribed *topic_of(struct consumer *c, struct eb_text stream) {
    for (size_t i = 0; i < c->n_topics; i++)
        if (ebp_text_is(stream, c->topics[i].stream))
            return &c->topics[i];
    return NULL;
}

static struct inflight *find_sequence(const struct consumer *c, const struct subscribed *topic, uint64_t sequence) {
    const struct inflight_list *lists[] = { &topic->waiting, &c->held, &c->settling };

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (struct inflight *one = lists[i]->first; one; one = one->next)
            if (one->topic == topic && one->delivered.sequence == sequence && !one->lost)
                return one;
    return NULL;
}

/* Acknowledges a message again that was acknowledged before. Returns whether it was. */
static bool is_done(struct consumer *c, const struct subscribed *topic, natsMsg *message, uint64_t sequence) {
    size_t n = topic->n_done < EBN_DONE ? topic->n_done : EBN_DONE, i = 0;

    while (i < n && topic->done[i] != sequence)
        i++;
    return i < n && ebn_send_text(c->connection, c->epoch, ABOUT_VERDICT, 0, natsMsg_GetReply(message), "+ACK");
}

/* The server has forgotten that a message is here, as after a crash, and delivers it again: it stays here, with the new lease. */
static void renew(struct consumer *c, struct inflight *one, natsMsg *message, const struct ebn_delivered *delivered,
                  int64_t now) {
    bool of_host = one->lease.of_host;

    natsMsg_Destroy(one->message);
    one->message = message;
    one->delivered = *delivered;
    one->epoch = c->epoch;
    ebp_lease_end(&c->leases, &one->lease);
    ebp_lease_begin(&c->leases, &one->lease, ebp_token(&one->slot), one->topic->pull_sent_ms, one->topic->ack_wait_ms);
    if (of_host)
        ebp_lease_left_to_host(&c->leases, &one->lease);
    if (one->verdict)
        ebn_verdict(c, one, one->verdict, now);
}

static void put_by_sequence(struct inflight_list *list, struct inflight *one) {
    struct inflight *before;

    ebn_inflight_move(list, one);
    while ((before = one->prev) && before->delivered.sequence > one->delivered.sequence) { /* they change places */
        *(before->prev ? &before->prev->next : &list->first) = one;
        *(one->next ? &one->next->prev : &list->last) = before;
        before->next = one->next;
        one->prev = before->prev;
        one->next = before;
        before->prev = one;
    }
}

bool ebn_add_waiting(struct consumer *c, struct subscribed *topic, natsMsg *message, const struct ebn_delivered *delivered,
                     uint32_t epoch, int64_t sent_ms) {
    struct inflight *one = (struct inflight *)ebp_token_slot_new(&c->tokens, sizeof *one);

    if (one)
        *one = (struct inflight){
            .slot = one->slot, .topic = topic, .message = message, .delivered = *delivered, .epoch = epoch
        };
    if (!one || !ebp_lease_begin(&c->leases, &one->lease, ebp_token(&one->slot), sent_ms, topic->ack_wait_ms)) {
        if (one) {
            one->message = NULL;
            ebp_token_slot_free(&c->tokens, &one->slot);
        }
        natsMsg_Destroy(message);
        return false;
    }
    one->bytes = (uint64_t)natsMsg_GetDataLength(message);
    topic->largest = topic->largest - topic->largest / 8 > one->bytes ? topic->largest - topic->largest / 8 : one->bytes + 1;
    topic->n++;
    c->bytes += one->bytes;
    put_by_sequence(&topic->waiting, one);
    return true;
}

void ebn_delivered(struct consumer *c, natsMsg *message, int64_t now) {
    struct ebn_delivered delivered;
    struct subscribed *topic = ebn_delivered_read(message, &delivered) ? topic_of(c, delivered.stream) : NULL;
    struct inflight *one = NULL;

    if (!topic) {
        natsMsg_Destroy(message);
        return;
    }
    if (topic->pull_left > 0 && --topic->pull_left == 0)
        topic->pull = 0;
    if (delivered.deliveries > 1 || delivered.sequence <= topic->highest)
        one = find_sequence(c, topic, delivered.sequence);
    if (one) {
        renew(c, one, message, &delivered, now);
        return;
    }
    if (delivered.sequence <= topic->highest && is_done(c, topic, message, delivered.sequence)) {
        natsMsg_Destroy(message);
        return;
    }
    ebn_add_waiting(c, topic, message, &delivered, c->epoch, topic->pull_sent_ms);
    topic->highest = delivered.sequence > topic->highest ? delivered.sequence : topic->highest;
}

/* ---- Answers and time ---- */

void ebn_subscribe_up(struct consumer *c, int64_t now) {
    c->up_ms = now;
    for (size_t i = 0; i < c->n_topics; i++)
        look_later(&c->topics[i], now, 0);
}

void ebn_subscribe_answer(struct consumer *c, const struct ebn_event *event, int64_t now) {
    struct subscribed *topic = &c->topics[event->number % c->n_topics];
    struct ebn_answer answer;

    if (event->what == ABOUT_PULL) {
        if (topic->pull == event->number)
            on_status(c, topic, event->message, now);
        return;
    }
    ebn_answer_read(&answer, event->message);
    if (answer.http != 0)
        on_failure(c, topic, &answer, event->what, now);
    else if (event->what == ABOUT_END)
        on_end(c, topic, &answer, now);
    else
        on_group(c, topic, &answer, now);
    ebn_answer_free(&answer);
}

/* Another member reads the topic now, and waits for what is in flight here. */
static void return_waiting(struct consumer *c, struct subscribed *topic, int64_t now) {
    while (topic->waiting.first)
        ebn_verdict(c, topic->waiting.first, EB_RETURN, now);
}

static int64_t topic_due(struct consumer *c, struct subscribed *topic, int64_t now) {
    if (topic->state != READY) {
        if (topic->retry_ms <= now)
            look(c, topic, now);
        return topic->retry_ms;
    }
    if (topic->pull && topic->pull_until_ms <= now && !topic->pull_late) { /* after a pause its messages may still be unread */
        topic->pull_late = true;
        topic->pull_until_ms = now + PULL_GRACE_MS;
    } else if (topic->pull && topic->pull_until_ms <= now) { /* its status was lost */
        topic->pull = 0;
        topic->pull_left = 0;
    }
    bool owns = ebn_owns(c, topic, now);
    if (!owns && !c->closing)
        return_waiting(c, topic, now);
    bool confirmed = !c->ordered || topic->owner_epoch == c->epoch;
    if (!topic->pull && !c->closing && owns && confirmed && topic->pull_again_ms <= now)
        pull(c, topic, now);
    int64_t next = topic->pull ? topic->pull_until_ms : topic->pull_again_ms > now ? topic->pull_again_ms : INT64_MAX;
    if (!(topic->collecting && owns) && (!topic->end_known || topic->ended || topic->n > 0))
        return next;
    if (topic->check_ms <= now) {
        ask(c, topic, ABOUT_GROUP, "CONSUMER.INFO", "");
        topic->check_ms = now + CHECK_MS;
    }
    return ebp_earlier(next, topic->check_ms);
}

int64_t ebn_subscribe_due(struct consumer *c, int64_t now) {
    int64_t next = INT64_MAX;

    for (size_t i = 0; c->up && i < c->n_topics; i++)
        next = ebp_earlier(next, topic_due(c, &c->topics[i], now));
    return next;
}
