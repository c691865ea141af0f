/* plugins/common/registry/request_queue.h - one thing asked of the registry: what is known of it, and the way to the answer. What
 * exactly is asked, and what the answer is kept in, is its owner's business. */
#ifndef SR_QUESTION_H
#define SR_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

#include "http.h"
#include "servers.h"

enum sr_state {
    SR_IDLE,                    /* nobody has asked */
    SR_QUEUED,                  /* to be sent */
    SR_SENT,
    SR_KNOWN,
    SR_REFUSED,                 /* until again_ms */
    SR_TROUBLED                 /* no server was left, or a refusal is doubted; goes on at again_ms if it is wanted */
};

enum sr_kind { SR_LOOKUP, SR_ENTRY, SR_HELLO };

struct sr_question {
    enum sr_state state;
    enum sr_kind what;
    bool wanted;                /* asked for since it was sent last */
    uint32_t doubted;           /* whose refusal was not believed, a bit a server; not 0: it is asked once more */
    uint32_t tried;             /* in this round, a bit a server */
    uint32_t barred;            /* who turned this client away when it was asked last, a bit a server */
    uint32_t rounds;            /* that failed, one after the other */
    int64_t again_ms, began_ms;
    size_t server;              /* SR_SENT: which */
    struct sr_question *prev, *next;    /* in the line it stands in: SR_QUEUED, SR_TROUBLED */
    int32_t status, kind;       /* what is wrong; EB_OK: nothing */
    int64_t native;
    char *why;                  /* NULL: no memory for it */
};

struct sr_line {
    struct sr_question *first, *last;
    size_t n;
};

/* All questions of a registry: which are under way, which wait for what. */
struct sr_desk {
    struct sr_http *http;
    struct sr_servers servers;
    struct sr_line queued, troubled;
    size_t sent, wanted;        /* wanted: of the troubled ones */
    size_t news;                /* answers since their owner set it to 0 */
    int64_t alarm_ms;           /* when sr_desk_work has something to do by itself; INT64_MAX: never */
    int64_t vain_ms;            /* when the doubts in vain began to be counted */
    uint32_t vain;              /* doubts since then that the second answer did not confirm */
    struct eb_error trouble;    /* the latest of a server */
};

/* How a question asks and takes its answer; the registry's. */
struct sr_request *sr_question_send(struct sr_desk *, struct sr_question *, const char *server);
int32_t sr_question_answer(struct sr_desk *, struct sr_question *, const struct sr_answer *, struct eb_error *);
void sr_question_context(const struct sr_question *, const char *server, struct eb_error *);

/* What is known: EB_OK, EB_EMPTY, EB_RETRIABLE or EB_PERMANENT with its cause. Asks when it is worth asking. */
int32_t sr_ask(struct sr_desk *, struct sr_question *, struct eb_error *);

/* Whether it can be freed: neither under way nor waited for. */
bool sr_question_rests(const struct sr_question *);

/* Takes it out of its line and frees what it has. It must rest, or the http must be gone. */
void sr_question_end(struct sr_desk *, struct sr_question *);

/* Sends what can be sent, takes what has come. Never waits. */
void sr_desk_work(struct sr_desk *);

/* Wants sr_desk_work to be called at that time, or earlier. */
void sr_desk_call(struct sr_desk *, int64_t at_ms);

#endif
