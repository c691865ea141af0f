/* plugins/sqlite/topic/group_progress.h - the progress of a group: what is left to settle, where it goes on, and how many
 * members live. */
#ifndef SQ_GROUP_PROGRESS_H
#define SQ_GROUP_PROGRESS_H

#include "store/store.h"

struct sq_group_progress {
    int64_t next;      /* the first position that is not settled; last + 1 when all are */
    int64_t last;      /* the topic's last position */
    int64_t lag;       /* messages that are not settled */
    int64_t unsettled; /* of those: in flight at live members */
    int64_t members;   /* live ones */
};

/* EB_OK, EB_GONE: no such topic, or negative. */
int32_t sq_group_progress(struct sq_store *, int64_t topic, int64_t group, struct sq_group_progress *, struct eb_error *);

#endif
