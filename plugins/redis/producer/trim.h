/* plugins/redis/producer/trim.h - keeps streams short without removing what a group has not acknowledged. */
#ifndef RD_PRODUCER_TRIM_H
#define RD_PRODUCER_TRIM_H

#include "connection/connection.h"

/* A topic that the producer sends to. */
struct rd_trim_topic {
    char *name;
    size_t len;
    int64_t due_ms;
    int64_t gaps_due_ms; /* when to look next for acknowledged entries behind a pending one */
    bool dead_letters;   /* never trimmed */
};

struct rd_trims {
    struct rd_trim_topic *topics;
    size_t n, room, last;
    bool warned_too_old;
    bool knows_acked; /* the server knows XTRIM ... ACKED (8.2) */
};

/* Finds or adds a topic. NULL: no memory, or too many topics to remember; such a topic is not trimmed. */
struct rd_trim_topic *rd_trims_find(struct rd_trims *, struct eb_text topic);
void rd_trims_free(struct rd_trims *);

/* Sends the command that trims a topic safely, and notes that it is due again in a second. False: no memory. */
bool rd_trim(struct rd_trims *, struct rd_trim_topic *, struct rd_conn *, rd_reply_handler);

/* Handles the reply: counts what was removed and logs what was lost. Returns as a reply handler. */
int32_t rd_trim_reply(struct rd_trims *, uint64_t topic, const struct rd_target *, const struct rd_node *, struct eb_error *);

/* KEYS: the stream. ARGV: the length it should have, or 0; the length beyond which unread entries go, or 0; the
 * greatest length at which to look for acknowledged entries behind a pending one, 0: never. Returns how many entries
 * went because all groups had acknowledged them, and how many unread ones. */
extern const char rd_trim_script[];

#endif
