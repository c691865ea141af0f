/* core/consume/dead_letter_topics.h - the topics that a worker's dead letters go to: checked at the start, created when the first
 * dead letter needs them. */
#ifndef EBI_DEAD_LETTER_TOPICS_H
#define EBI_DEAD_LETTER_TOPICS_H

#include <eventbus/error.h>
#include "base/backoff.h"

struct eb_consumer;

/* Between two attempts to create a topic, or to store a dead letter. */
extern const struct ebi_backoff ebi_dead_letter_backoff;

/* Checks that the dead-letter topics exist or could be created. A broker that is away now is no reason to refuse: dead letters
 * wait for it in the queue. EB_PERMANENT: dead letters could never be stored. Not under the lock: it waits for the broker. */
enum eb_status ebi_dead_letter_topics_check(struct eb_consumer *, struct eb_error *);

/* Creates a topic if it does not exist yet. Not under the lock: it waits for the broker. While the broker does not answer, only
 * one event in a while waits for it: each one that waits holds up a thread, which has other keys to serve. */
enum eb_status ebi_dead_letter_topic_create(struct eb_consumer *, const char *topic, struct eb_error *);

void ebi_dead_letter_topics_free(struct eb_consumer *);

#endif
