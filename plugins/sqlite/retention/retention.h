/* plugins/sqlite/retention/retention.h - retention: one producer at a time looks after all topics of the file and removes what its limits
 * say, in slices of some milliseconds. */
#ifndef SQ_RETENTION_H
#define SQ_RETENTION_H

#include "options.h"
#include "retention/topic_size.h"

/* Belongs to one instance. */
struct sq_retention {
    const struct sq_settings *set;
    struct sq_sizes sizes;
    bool going_on;                      /* a slice ended before the work did */
    bool giving_back;                   /* all topics were looked at: free pages are what is left */
    bool unfinished;                    /* something of this round is left for the next one */
    int64_t topic;                      /* the last one looked at in this round; 0: it begins */
    int64_t file_bytes;
    int64_t version, changes;           /* of the file, when this round began */
    int64_t clean_version, clean_changes;       /* and when the last round that left nothing did; -1: none */
    uint64_t connection;                /* that these belong to */
    int64_t due_ms, round_due_ms;       /* when a message gets too old: after the last round, and as found in this one */
    int64_t look_ms;                    /* the next look; ebp_monotonic_ms */
    int64_t removed, unsettled;         /* since it was opened */
    int64_t logged_ms;                    /* when trouble was last told */
    int64_t busy_since_ms;              /* others have not let it have the file since then; 0: they did */
};

void sq_retention_init(struct sq_retention *, const struct sq_settings *);
void sq_retention_free(struct sq_retention *);

/* Does a slice of it where that is due and our turn. Trouble is logged, now and then: the producer goes on. */
void sq_retention_run(struct sq_retention *, struct sq_store *);

/* When to call it again; ebp_monotonic_ms. */
int64_t sq_retention_next_ms(const struct sq_retention *);

/* Calls it due at once: the disk is full. */
void sq_retention_hurry(struct sq_retention *);

#endif
