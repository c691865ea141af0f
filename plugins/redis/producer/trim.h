/* plugins/redis/producer/trim.h - keeping streams short without taking from any group what it has not acknowledged. */
#ifndef RD_PRODUCER_TRIM_H
#define RD_PRODUCER_TRIM_H

#include "connection/connection.h"

/* What a producer remembers of the topics that it sends to. */
struct rd_trim_topic {
    char *name;
    size_t len;
    int64_t due_ms;
    int64_t gaps_due_ms;                /* when what is acknowledged behind a pending entry is looked for */
    bool dead_letters;                  /* never trimmed */
};

struct rd_trims {
    struct rd_trim_topic *topics;
    size_t n, room, last;
    bool warned_too_old;
    bool knows_acked;                   /* the server: XTRIM ... ACKED (8.2) */
};

/* NULL: no memory, or more topics than are remembered, which then stay as long as they are. */
struct rd_trim_topic *rd_trims_find(struct rd_trims *, struct eb_text topic);
void rd_trims_free(struct rd_trims *);

/* Asks for a topic to be trimmed safely, at most once a second. The answer is taken here. False: no memory. */
bool rd_trim(struct rd_trims *, struct rd_trim_topic *, struct rd_conn *, rd_reply_handler);

/* What came of it: tells the host what was lost. EB_OK, or negative as an answer's. */
int32_t rd_trim_reply(struct rd_trims *, uint64_t topic, const struct rd_target *, const struct rd_node *,
                       struct eb_error *);

/* The script. KEYS: the stream. ARGV: the length it is to have, or 0; the length beyond which unread entries go, or 0;
 * how long a stream may be to be looked through for what is acknowledged behind a pending entry, 0: not at all. Answers how
 * many entries went because all groups had them, and how many unread ones. */
extern const char rd_trim_script[];

#endif
