/* plugins/sqlite/due.h - how much of a topic may go by the limits of retention. */
#ifndef SQ_DUE_H
#define SQ_DUE_H

#include "settings.h"
#include "size.h"

struct sq_due_at {
    int64_t wall_ms;                    /* now */
    int64_t file_bytes;                 /* no topic has more */
};

struct sq_due {
    struct sq_trim trim;
    bool any;                           /* there is something to remove */
    int64_t next_wall_ms;               /* when its oldest message gets too old; INT64_MAX: never */
    bool counting;                      /* its bytes are not all counted yet */
};

/* Whether there is any limit. */
bool sq_due_any(const struct sq_settings *);

/* What may go of a topic, and what goes anyway. EB_OK or negative. */
int32_t sq_due_see(const struct sq_settings *, struct sq_sizes *, struct sq_store *, int64_t topic, const char *name,
                      const struct sq_due_at *, struct sq_due *, struct eb_error *);

#endif
