/* plugins/sqlite/store/boot.h - times in the file are times of the machine's monotonic clock, which begins again when the
 * machine starts. The file names the run of that clock that its times belong to, so that they keep their meaning over a
 * restart, whatever the wall clock says. */
#ifndef SQ_BOOT_H
#define SQ_BOOT_H

#include "store/store.h"

/* Once a connection, within a write transaction: upgrades a file of an older format. If the machine was started since the
 * file was last written, changes the times in it to times of this run: retries are due at once, and ages go on from where
 * they were. Logs a wall clock that differs from when the file was last used. EB_OK or negative. */
int32_t sq_boot_rebase(struct sq_store *, struct eb_error *);

#endif
