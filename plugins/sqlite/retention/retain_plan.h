/* plugins/sqlite/retention/retain_plan.h - how much of a topic may be removed by the limits of retention. */
#ifndef SQ_RETAIN_PLAN_H
#define SQ_RETAIN_PLAN_H

#include "options.h"
#include "retention/topic_size.h"

struct sq_retain_now {
    int64_t now_ms;     /* ebp_monotonic_ms */
    int64_t file_bytes; /* bytes of the file: no topic has more */
};

struct sq_retain_plan {
    struct sq_trim trim;
    bool any;        /* there is something to remove */
    bool mark;       /* a mark is to be made: see age_marks.h */
    int64_t next_ms; /* when a message becomes too old, or a mark is due; INT64_MAX: never */
    bool counting;   /* its bytes are not all counted yet */
};

/* Whether there is any limit. */
bool sq_retain_plan_any(const struct sq_settings *);

/* Plans what may be removed of a topic, and what has to be in any case. EB_OK or negative. */
int32_t sq_retain_plan_make(const struct sq_settings *, struct sq_sizes *, struct sq_store *, int64_t topic, const char *name,
                            const struct sq_retain_now *, struct sq_retain_plan *, struct eb_error *);

#endif
