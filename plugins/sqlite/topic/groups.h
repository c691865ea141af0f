/* plugins/sqlite/topic/groups.h - finds, creates, resets and removes groups of a topic, for every role. */
#ifndef SQ_GROUPS_H
#define SQ_GROUPS_H

#include "format/slots.h"
#include "store/store.h"

/* The id of a group; 0: there is none. EB_OK or negative. */
int32_t sq_group_id(struct sq_store *, int64_t topic, const char *name, int64_t *id, struct eb_error *);

/* The shape of rows of SQ_SHARES: the columns of the member are NULL for free slots. */
#define SQ_SHARE_SHAPE "obOOXO"

/* Within a transaction: creates a group whose slots are all free at this cursor. */
int32_t sq_group_make(struct sq_store *, int64_t topic, const char *name, int64_t cursor, int64_t *id, struct eb_error *);

/* Within a transaction: takes all slots from the members and frees them at this cursor; nothing is delayed any more. */
int32_t sq_group_reset(struct sq_store *, int64_t id, int64_t cursor, struct eb_error *);

/* Within a transaction: removes the group with all its rows. */
int32_t sq_group_remove(struct sq_store *, int64_t id, struct eb_error *);

/* Counts the live members of a group, and puts their names into `names`, with ", " between, as far as there is room. */
int32_t sq_group_live_members(struct sq_store *, int64_t id, size_t *n, char *names, size_t room, struct eb_error *);

/* Whether a member lives: its lease runs and its process is there. */
bool sq_member_lives(const struct sq_store *, int64_t member, int64_t until_ms);

#endif
