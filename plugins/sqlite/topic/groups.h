/* plugins/sqlite/topic/groups.h - groups of a topic, as every role sees them. */
#ifndef SQ_GROUPS_H
#define SQ_GROUPS_H

#include "format/slots.h"
#include "store/store.h"

/* The id of a group; 0: there is none. EB_OK or negative. */
int32_t sq_group_id(struct sq_store *, int64_t topic, const char *name, int64_t *id, struct eb_error *);

/* The rows of SQ_SHARES, of which the member is missing where nobody has the slots. */
#define SQ_SHARE_SHAPE "obOOXO"

/* Within a transaction: a new group with all slots free at a cursor. */
int32_t sq_group_make(struct sq_store *, int64_t topic, const char *name, int64_t cursor, int64_t *id, struct eb_error *);

/* Within a transaction: every member loses its share, nothing is held any more, all slots are free at a cursor. */
int32_t sq_group_reset(struct sq_store *, int64_t id, int64_t cursor, struct eb_error *);

/* Within a transaction: removes it with all it had. */
int32_t sq_group_remove(struct sq_store *, int64_t id, struct eb_error *);

/* Whether a member is at work: its lease runs and its process is there. */
bool sq_member_lives(const struct sq_store *, int64_t member, int64_t until_ms);

#endif
