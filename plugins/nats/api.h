/* api.h - JetStream's requests and answers: subjects, JSON, errors. Nothing here waits or keeps state. */
#ifndef EBN_API_H
#define EBN_API_H

#include <jansson.h>
#include <nats/nats.h>
#include "settings.h"

/* JetStream's own numbers of errors that mean something to the plugin. */
enum ebn_api_code {
    EBN_CONSUMER_NOT_FOUND = 10014,
    EBN_NO_MESSAGE = 10037,
    EBN_SEQUENCE_NOT_FOUND = 10043,
    EBN_CONSUMER_EXISTS = 10148,
    EBN_STREAM_EXISTS = 10058,
    EBN_STREAM_NOT_FOUND = 10059,
    EBN_WRONG_LAST_SEQUENCE = 10071
};

/* An answer of the server. `root` is NULL if the answer is missing or is not JSON. */
struct ebn_answer {
    json_t *root;
    int http, code; /* 0: no error; 503 without a code: nobody answers */
    char text[200];
};

/* Reads an answer; ebn_answer_free frees it. The message stays the caller's. */
void ebn_answer_read(struct ebn_answer *, natsMsg *);
void ebn_answer_free(struct ebn_answer *);

/* Whether asking again later may help. */
bool ebn_answer_may_change(const struct ebn_answer *);

/* Writes the subject of a request, such as "CONSUMER.INFO" with its stream and consumer; each may be NULL. `out` has
 * EBN_API_ROOM bytes. */
void ebn_api(const struct settings *, const char *request, const char *stream, const char *consumer, char *out);

/* ---- Requests: JSON, to be freed with free(); NULL: no memory ---- */

char *ebn_stream_config(const struct settings *, const char *stream, const char *subject);

/* The stream in which members of groups keep their records (membership.c), whose name it writes to `stream`, of EBN_NAME_MAX + 16
 * bytes. No topic has such a name. */
char *ebn_members_config(const struct settings *, char *stream);

/* The request that changes max_ack_pending (0: no limit) of a consumer, whose answer to INFO is `info`. */
char *ebn_limit_request(const json_t *info, const char *stream, int64_t max_ack_pending);

/* How a consumer begins. */
struct ebn_consumer_config {
    const char *stream;
    const char *durable; /* NULL: a consumer that ends with its reader, and acknowledges nothing */
    const struct eb_point *start;
    int64_t ack_wait_ms;
    int64_t max_ack_pending; /* 0: no limit */
};

/* The start's position was checked. */
char *ebn_consumer_request(const struct ebn_consumer_config *);

/* ---- Answers ---- */

struct ebn_stream_info {
    char name[256];
    char subject[EBN_SUBJECT_ROOM]; /* "" where it has none or several */
    uint64_t first, last, messages, bytes;
    int64_t first_ms, last_ms;
};

struct ebn_consumer_info {
    char name[256];
    int64_t created_ms;
    bool durable;
    uint64_t delivered, ack_floor; /* sequences in the stream */
    uint64_t ack_pending, pending, waiting;
    int64_t ack_wait_ms, max_ack_pending;
};

/* The sequence in a confirmation of a stream that a message is stored, {"stream":"NAME", "seq":N...}; 0: it is something else, such as
 * an error. This one is read for each message, so it takes no JSON parser. */
uint64_t ebn_stored_read(natsMsg *, const char *stream);

/* Each returns false where the JSON has no such thing. */
bool ebn_stream_info_read(const json_t *, struct ebn_stream_info *);
bool ebn_consumer_info_read(const json_t *, struct ebn_consumer_info *);

/* Whether a group has settled all messages up to that sequence. */
bool ebn_settled_to(const struct ebn_consumer_info *, uint64_t sequence);

#endif
