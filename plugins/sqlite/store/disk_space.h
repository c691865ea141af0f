/* plugins/sqlite/store/disk_space.h - takes disk space before it is needed, so that a full disk is noticed while the log
 * can still be moved into the file and messages removed; and gives free pages back, a few at a time. */
#ifndef SQ_DISK_SPACE_H
#define SQ_DISK_SPACE_H

#include "store/store.h"

/* For a new connection that may write: allocates blocks for the log, if the disk has some. */
void sq_disk_space_prepare(struct sq_store *);

/* Within a transaction that will add so many bytes of rows: makes sure that the file has room for them, so that the log
 * can always be moved into it. EB_RETRIABLE: the disk is full. */
int32_t sq_disk_space_reserve(struct sq_store *, size_t bytes, struct eb_error *);

/* The transaction was committed: what is left of the room is for the next one, unless another connection commits first. */
void sq_disk_space_committed(struct sq_store *);

/* In a transaction of its own: gives some free pages at the end of the file back to the disk, if so many are free that
 * they will not be used soon. EB_OK: there may be more; EB_END: enough; or negative. */
int32_t sq_disk_space_give_back(struct sq_store *, int64_t until_ms, struct eb_error *);

#endif
