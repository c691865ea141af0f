/* core/consume/task.h - what one worker is to do: a [consume] section and what its caller overrides, checked. */
#ifndef EBI_TASK_H
#define EBI_TASK_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/consumer.h>
#include <eventbus/plugin.h>
#include "base/backoff.h"
#include "base/bytes.h"
#include "base/topic.h"
#include "config/settings.h"
#include "plugin/plugins.h"

/* Immutable once made: any thread reads it. Its texts are its own or the configuration's, which outlives it; none is of the caller's
 * options. */
struct ebi_task {
    struct ebi_consume_settings settings;
    char *section; /* "" for defaults alone */
    char **topics; /* full names */
    size_t n_topics;
    const char *prefix;
    char *group;
    enum eb_order order;
    struct ebi_backoff backoff;
    uint32_t attempts;     /* receiver runs until an event is given up */
    struct eb_point start; /* where a new group starts */
    uint64_t count;        /* 0: no limit */
    bool until_end;
    uint32_t errors_limit; /* consecutive; 0: none */
    bool needs_receivers;  /* the worker ends when its program has no receiver for an event */
    char *position;        /* owns the text of start */
};

/* Finds the section that the options mean: the one they name; where they give topics, the one whose topic and group match, or "" for
 * none; else the only one there is. EB_PERMANENT, EB_KIND_CONFIG: it does not exist, or there are several. */
enum eb_status ebi_task_section(struct ebi_config *, const struct eb_consumer_options *, const char **section,
                                struct eb_error *);

/* Makes the task of the section that the options mean. EB_PERMANENT, EB_KIND_CONFIG: which section, key or option is wrong, and
 * what to do. */
enum eb_status ebi_task_make(struct ebi_config *, const struct ebi_bus_settings *, const struct eb_consumer_options *,
                             struct ebi_task *, struct eb_error *);
void ebi_task_free(struct ebi_task *);

/* Checks the section's exec and webhook. EB_PERMANENT, EB_KIND_CONFIG: one is given and empty, so that events would be acknowledged
 * and nothing done, or the webhook is not an http:// or https:// URL. */
enum eb_status ebi_task_check_receiver(const struct ebi_config *, const struct ebi_task *, struct eb_error *);

/* Checks that a broker can receive from the task's topics. EB_PERMANENT: one is a pattern, and the plugin supports none. */
enum eb_status ebi_task_check_patterns(const struct ebi_task *, const struct ebi_broker *, struct eb_error *);

/* The name of the dead-letter topic of a full topic: full as well; to be freed. NULL: no memory. See
 * ebi_dead_letter_topic. */
char *ebi_task_dead_letter_topic(const struct ebi_task *, const char *full_topic);

/* Whether the task reads a topic: it is named, or a pattern matches it ('*' stands for any text). A pattern never matches the
 * dead-letter topics of its own topics: those are read where they, or a pattern of their own, are named. */
bool ebi_task_wants(const struct ebi_task *, const char *full_topic);

#endif
