/* plugins/sqlite/store/stale_log.h - a database file that took the place of another one, beside the log of the former.
 * SQLite knows its log (bus.db-wal) by its name alone: it would write pages of the former database into the new one. */
#ifndef SQ_STALE_LOG_H
#define SQ_STALE_LOG_H

#include "store/store.h"

/* Before SQLite opens the file, with the side file open: renames the log of another database, logs the new name, and opens
 * the side file again. EB_OK; EB_RETRIABLE: another process is doing it; EB_PERMANENT: not permitted. */
int32_t sq_stale_log_clear(struct sq_store *, struct eb_error *);

#endif
