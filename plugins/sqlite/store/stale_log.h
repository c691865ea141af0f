/* plugins/sqlite/store/stale_log.h - a database file that took the place of another one, beside what belongs to that one. SQLite knows
 * its log (bus.db-wal) by its name alone: it would write the pages of the former database into the new one. */
#ifndef SQ_STALE_LOG_H
#define SQ_STALE_LOG_H

#include "store/store.h"

/* Before SQLite opens the file, with the side file open: puts the log of another database aside, under a name that the log
 * line tells, and opens the side file anew. EB_OK; EB_RETRIABLE: another process is at it; EB_PERMANENT: not allowed to. */
int32_t sq_stale_log_clear(struct sq_store *, struct eb_error *);

#endif
