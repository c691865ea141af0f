/* plugins/sqlite/retention/retention.h - retention: one producer at a time looks after all topics of the file and removes
 * what the limits say, in slices of some milliseconds. */
#ifndef SQ_RETENTION_H
#define SQ_RETENTION_H

#include "options.h"
#include "retention/topic_size.h"

/* Belongs to one instance. */
struct sq_retention {
    const struct sq_settings *set;
    struct sq_sizes sizes;
    bool going_on;    /* a slice ended before the work did */
    bool giving_back; /* all topics were looked at: giving free pages back is left */
    bool unfinished;  /* this round left something for the next one */
    int64_t topic;    /* the last topic of this round; 0: a round begins */
    int64_t file_bytes;
    int64_t version, changes;             /* of the file, when this round began */
    int64_t clean_version, clean_changes; /* and when the last round began that left nothing; -1: none */
    uint64_t connection;                  /* the store's connection that these belong to */
    int64_t due_ms, round_due_ms;         /* when a message becomes too old: as of the last round, and of this one so far */
    int64_t look_ms;                      /* the next slice; ebp_monotonic_ms */
    int64_t removed, unsettled;           /* messages, since the producer was opened */
    int64_t logged_ms;                    /* when an error was last logged */
    int64_t busy_since_ms;                /* other processes keep it from its turn since then; 0: they do not */
};

void sq_retention_init(struct sq_retention *, const struct sq_settings *);
void sq_retention_free(struct sq_retention *);

/* Works for a slice if that is due and it is this process's turn. Logs errors now and then; the producer goes on. */
void sq_retention_run(struct sq_retention *, struct sq_store *);

/* When to call it again; ebp_monotonic_ms. */
int64_t sq_retention_next_ms(const struct sq_retention *);

/* Makes it due at once: the disk is full. */
void sq_retention_hurry(struct sq_retention *);

#endif
