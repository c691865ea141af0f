/* plugins/common/registry/request_queue.c - see request_queue.h. */
#include "request_queue.h"

#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "registry.h"

/* ---- Lines ------------------------------------------------------------------------------------------------------- */

static void join(struct sr_line *line, struct sr_question *question) {
    question->prev = line->last;
    question->next = NULL;
    if (line->last)
        line->last->next = question;
    else
        line->first = question;
    line->last = question;
    line->n++;
}

static void leave(struct sr_line *line, struct sr_question *question) {
    if (question->next)
        question->next->prev = question->prev;
    else
        line->last = question->prev;
    if (question->prev)
        question->prev->next = question->next;
    else
        line->first = question->next;
    question->prev = question->next = NULL;
    line->n--;
}

/* ---- What is known of it ----------------------------------------------------------------------------------------- */

static void forget_why(struct sr_question *question) {
    free(question->why);
    question->why = NULL;
    question->status = EB_OK;
}

static void remember_why(struct sr_question *question, const struct eb_error *err) {
    free(question->why);
    question->why = strdup(err->text);
    question->status = err->status;
    question->kind = err->kind;
    question->native = err->native;
}

static int32_t told(const struct sr_question *question, struct eb_error *err) {
    return sr_fail(err, question->status, question->kind, question->native, "%s",
                   question->why ? question->why : "the schema registry's answer is lost: no memory");
}

static void set_wanted(struct sr_desk *desk, struct sr_question *question, bool wanted) {
    if (question->state == SR_TROUBLED && question->wanted != wanted)
        desk->wanted = wanted ? desk->wanted + 1 : desk->wanted - 1;
    question->wanted = wanted;
}

static void move(struct sr_desk *desk, struct sr_question *question, enum sr_state state) {
    set_wanted(desk, question, false);
    if (question->state == SR_QUEUED)
        leave(&desk->queued, question);
    if (question->state == SR_TROUBLED)
        leave(&desk->troubled, question);
    question->state = state;
    if (state == SR_QUEUED)
        join(&desk->queued, question);
    if (state == SR_TROUBLED)
        join(&desk->troubled, question);
}

/* When a troubled question goes on: its own wait is over, and a server may be asked. */
static int64_t due(const struct sr_desk *desk, const struct sr_question *question) {
    int64_t server = sr_servers_next(&desk->servers);

    return question->again_ms > server ? question->again_ms : server;
}

void sr_desk_call(struct sr_desk *desk, int64_t at_ms) {
    if (at_ms >= desk->alarm_ms)
        return;
    desk->alarm_ms = at_ms;
    sr_http_alarm(desk->http, at_ms);
}

int32_t sr_ask(struct sr_desk *desk, struct sr_question *question, struct eb_error *err) {
    bool again = question->state == SR_IDLE ||
                 (question->state == SR_REFUSED && question->again_ms <= sr_now_ms());

    if (question->state == SR_KNOWN)
        return EB_OK;
    if (again) {
        forget_why(question);
        move(desk, question, SR_QUEUED);
        sr_desk_call(desk, sr_now_ms());
    } else if (question->state == SR_TROUBLED && !question->wanted) {
        set_wanted(desk, question, true);
        sr_desk_call(desk, due(desk, question));
    }
    return question->status == EB_OK ? EB_EMPTY : told(question, err);
}

bool sr_question_rests(const struct sr_question *question) {
    return question->state != SR_QUEUED && question->state != SR_SENT && !question->wanted;
}

void sr_question_end(struct sr_desk *desk, struct sr_question *question) {
    move(desk, question, SR_IDLE);
    forget_why(question);
}

/* ---- On its way -------------------------------------------------------------------------------------------------- */

static void known(struct sr_desk *desk, struct sr_question *question) {
    forget_why(question);
    question->rounds = 0;
    question->tried = 0;
    question->doubted = 0;
    move(desk, question, SR_KNOWN);
    desk->news++;
}

static void refused(struct sr_desk *desk, struct sr_question *question, const struct eb_error *err) {
    remember_why(question, err);
    question->again_ms = sr_now_ms() + SR_REFUSED_MS;
    question->rounds = 0;
    question->tried = 0;
    question->doubted = 0;
    move(desk, question, SR_REFUSED);
    desk->news++;
}

/* err NULL: as it is remembered already. */
static void troubled(struct sr_desk *desk, struct sr_question *question, const struct eb_error *err) {
    if (err)
        remember_why(question, err);
    question->status = EB_RETRIABLE;
    if (question->tried != 0)                           /* it was sent, and has failed by itself */
        question->again_ms = sr_now_ms() + sr_wait(++question->rounds, &desk->servers.chance);
    question->tried = 0;
    move(desk, question, SR_TROUBLED);
    desk->news++;
}

/* Another server than one that was doubted, where another may be asked now. */
static enum sr_choice choose(const struct sr_desk *desk, const struct sr_question *question, size_t *server) {
    int64_t now = sr_now_ms();
    enum sr_choice choice = sr_servers_choose(&desk->servers, now, question->tried | question->doubted, server);

    if (choice == SR_ASK || question->doubted == 0)
        return choice;
    return sr_servers_choose(&desk->servers, now, question->tried, server);
}

/* Sends it to a server that may be asked. None may: it stays in the queue, or has got its trouble. */
static void send_one(struct sr_desk *desk, struct sr_question *question) {
    struct eb_error err;
    size_t server;
    enum sr_choice choice = choose(desk, question, &server);

    if (choice == SR_LATER)
        return;
    if (choice == SR_NONE) {
        troubled(desk, question, question->tried != 0 ? NULL : &desk->trouble);
        return;
    }
    if (!sr_question_send(desk, question, desk->servers.all[server].url)) {
        sr_no_memory(&err);
        question->tried = ~0u;
        troubled(desk, question, &err);
        return;
    }
    question->server = server;
    question->began_ms = sr_now_ms();
    sr_servers_begin(&desk->servers, server);
    move(desk, question, SR_SENT);
    desk->sent++;
}

/* Each is looked at once: one that waits for a server that is being tried does not keep others from theirs. */
static void send_queued(struct sr_desk *desk) {
    struct sr_question *next;

    for (struct sr_question *q = desk->queued.first; q && desk->sent < SR_AT_ONCE; q = next) {
        next = q->next;
        send_one(desk, q);
    }
}

static void wake_troubled(struct sr_desk *desk) {
    int64_t now = sr_now_ms();
    struct sr_question *next;

    for (struct sr_question *q = desk->troubled.first; q && desk->wanted > 0; q = next) {
        next = q->next;
        if (q->wanted && due(desk, q) <= now)
            move(desk, q, SR_QUEUED);
    }
}

/* Whether it is this client that a server does not want, or the server that this client does not trust. */
static bool bars(const struct sr_outcome *outcome) {
    switch (outcome->failed ? outcome->native : CURLE_OK) {
    case CURLE_OK:
        return sr_answer_bars(&outcome->answer);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_PEER_FAILED_VERIFICATION:
        return true;
    default:
        return false;
    }
}

static void failed(struct sr_desk *desk, struct sr_question *question, const struct sr_outcome *outcome,
                   const struct eb_error *err) {
    uint32_t bit = 1u << question->server;

    sr_servers_failed(&desk->servers, question->server, question->began_ms, sr_now_ms(), outcome->retry_after_ms);
    question->barred = bars(outcome) ? question->barred | bit : question->barred & ~bit;
    question->tried |= bit;
    move(desk, question, SR_QUEUED);                    /* for the next server; with none left it becomes troubled */
    remember_why(question, err);
}

/* A registry that others give the same new subject at the same moment may answer 409 to those who come second, as to a
 * schema that is incompatible. One of several servers may not know an id yet that another has just given. Only the next
 * answer tells which it was. */
static bool may_be_a_race(const struct sr_question *question, const struct sr_outcome *outcome) {
    return question->doubted == 0 && outcome->answer.http == (question->what == SR_ENTRY ? 409 : 404);
}

/* Ids that nobody knows, one after the other in a partition, shall not each cost the time that one is given. */
static int64_t patience(struct sr_desk *desk) {
    if (desk->vain_ms + SR_REFUSED_MS <= sr_now_ms())
        desk->vain = 0;
    return desk->vain < SR_DOUBTS_IN_VAIN ? SR_DOUBT_MS : 0;
}

static void was_in_vain(struct sr_desk *desk) {
    if (desk->vain++ == 0)
        desk->vain_ms = sr_now_ms();
}

/* Asks once more: of a conflict at once, for an id a moment later, since a follower needs time. */
static void doubt(struct sr_desk *desk, struct sr_question *question) {
    int64_t wait = question->what == SR_ENTRY ? 0 : patience(desk);

    question->doubted = 1u << question->server;
    question->again_ms = sr_now_ms() + wait;
    move(desk, question, wait > 0 ? SR_TROUBLED : SR_QUEUED);
    set_wanted(desk, question, wait > 0);
}

static void ended(void *arg, const struct sr_outcome *outcome) {
    struct sr_desk *desk = arg;
    struct sr_question *question = outcome->owner;
    const char *server = desk->servers.all[question->server].url;
    struct eb_error err;
    int32_t status;

    if (outcome->failed)
        status = sr_fail(&err, EB_RETRIABLE, EB_KIND_BROKER, outcome->native, "%s", outcome->failed);
    else
        status = sr_question_answer(desk, question, &outcome->answer, &err);
    desk->sent--;
    if (status == EB_OK) {
        sr_servers_answered(&desk->servers, question->server);
        known(desk, question);
        return;
    }
    if (status != EB_PERMANENT) {
        desk->trouble = err;
        sr_context(&desk->trouble, "schema registry %s", server);
    }
    sr_question_context(question, server, &err);
    if (status == EB_PERMANENT) {
        sr_servers_answered(&desk->servers, question->server);
        if (may_be_a_race(question, outcome)) {
            doubt(desk, question);
            return;
        }
        if (question->what == SR_LOOKUP && question->doubted != 0)
            was_in_vain(desk);
        refused(desk, question, &err);
    } else {
        failed(desk, question, outcome, &err);
    }
}

void sr_desk_work(struct sr_desk *desk) {
    wake_troubled(desk);
    send_queued(desk);
    sr_http_work(desk->http, ended, desk);
    send_queued(desk);                                  /* room has come, or one has to go to another server */
    desk->alarm_ms = INT64_MAX;                         /* what is queued still waits for an answer under way */
    for (const struct sr_question *q = desk->troubled.first; q && desk->wanted > 0; q = q->next)
        if (q->wanted && due(desk, q) < desk->alarm_ms)
            desk->alarm_ms = due(desk, q);
    sr_http_alarm(desk->http, desk->alarm_ms);
}
