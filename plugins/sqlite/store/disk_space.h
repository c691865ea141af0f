/* plugins/sqlite/store/disk_space.h - room on the disk: taken before it is needed, so that a full disk is noticed while what is stored
 * can still be moved and removed; and given back, a little at a time. */
#ifndef SQ_DISK_SPACE_H
#define SQ_DISK_SPACE_H

#include "store/store.h"

/* For a new connection that may write: the log gets its room at once, where there is some. */
void sq_disk_space_prepare(struct sq_store *);

/* Within a transaction that will add so many bytes of rows: the file has room for them, so that the log can always be moved
 * into it. EB_RETRIABLE: the disk is full. */
int32_t sq_disk_space_reserve(struct sq_store *, size_t bytes, struct eb_error *);

/* Gives some free pages at the end of the file back to the disk, in a transaction of its own, where so many are free that
 * they are of no use soon. EB_OK: there may be more; EB_END: enough; or negative. */
int32_t sq_disk_space_give_back(struct sq_store *, int64_t until_ms, struct eb_error *);

#endif
