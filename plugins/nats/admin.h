/* admin.h - what the parts of the administration share. The host's thread owns all of it. Each op waits for its answers. */
#ifndef EBN_ADMIN_H
#define EBN_ADMIN_H

#include "api.h"
#include "connection.h"
#include "message.h"

struct admin {
    const struct eb_host *host;
    const struct settings *settings;
    struct ebn_connection *connection;
    bool up;
    uint32_t epoch;
    uint64_t n_requests;
    struct ebn_reading reading;
};

/* Asks, and waits for the answer until the time `until` of the monotonic clock, through reconnects. EB_OK: there is an answer,
 * maybe an error, to be freed. EB_RETRIABLE: there was none in time. `text` is freed; NULL: no memory. */
int32_t ebn_request(struct admin *, const char *request, const char *stream, const char *consumer, char *text, int64_t until,
                    struct ebn_answer *, struct eb_error *);

/* Turns an answer's error into a status, filled: "CONTEXT: text". */
int32_t ebn_answer_failed(const struct ebn_answer *, struct eb_error *, const char *what, const char *name);

/* Waits for the answer of a request `number`, or for a message of a stream with `deliveries`; NULL: none in time, or the connection
 * was lost. */
natsMsg *ebn_next(struct admin *, uint64_t number, bool deliveries, int64_t until);

/* Finds a topic. EB_OK; EB_GONE, not filled: it does not exist. Names the stream. */
int32_t ebn_find_topic(struct admin *, const char *topic, int64_t until, char *stream, struct ebn_stream_info *,
                       struct eb_error *);

/* Finds the sequence at a point: of the first message that is there, or of the next one to come. EB_END, filled: after the
 * end. */
int32_t ebn_find_point(struct admin *, const char *topic, const struct ebn_stream_info *, const struct eb_point *,
                       int64_t until, uint64_t *sequence, struct eb_error *);

/* Calls each for the groups of a stream, until it returns other than 0, which *stopped tells. EB_GONE: no such stream. */
int32_t ebn_each_group(struct admin *, const char *stream, int32_t timeout_ms,
                       int32_t (*each)(void *, const char *group, const struct ebn_consumer_info *), void *arg, bool *stopped,
                       struct eb_error *);

/* The live members of a group: how many, and the names of the first of them in `names`, for messages. */
struct ebn_members {
    size_t n;
    char names[160];
};

/* EB_OK, also where the server keeps no records of members. */
int32_t ebn_find_members(struct admin *, const char *stream, const char *durable, int64_t until, struct ebn_members *,
                         struct eb_error *);

/* ---- admin_read.c ---- */

int32_t ebn_admin_topics(void *, int32_t, int32_t (*)(void *, const struct eb_topic_info *), void *, struct eb_error *);
int32_t ebn_admin_groups(void *, const char *, const char *, int32_t, int32_t (*)(void *, const struct eb_group_info *), void *,
                         struct eb_error *);
int32_t ebn_admin_browse(void *, const char *, const struct eb_point *, int32_t, int32_t (*)(void *, const struct eb_message *),
                         void *, struct eb_error *);

/* ---- admin_write.c ---- */

int32_t ebn_admin_seek(void *, const char *, const char *, const struct eb_point *, uint32_t, int32_t,
                       int32_t (*)(void *, const struct eb_seek_info *), void *, struct eb_error *);
int32_t ebn_admin_trim(void *, const char *, const struct eb_point *, int32_t, int32_t, struct eb_error *);
int32_t ebn_admin_create(void *, const char *, uint32_t, uint32_t, int32_t, struct eb_error *);
int32_t ebn_admin_remove(void *, const char *, const char *, int32_t, struct eb_error *);

#endif
