/* plugins/sqlite/store/boot.h - the file knows which run of the machine's ticks its times belong to, so that they stay what they
 * are over a restart of the machine, whatever the wall clock says. */
#ifndef SQ_BOOT_H
#define SQ_BOOT_H

#include "store/store.h"

/* Within a write transaction, once a connection: gives a file of an older format what it lacks. Where the machine was started
 * since the file was last written to, brings the times in it to the ticks of this run: retries are due at once, and ages go on from where they were. Logs where the
 * wall clock is another one than it was when the file was last used. EB_OK or negative. */
int32_t sq_boot_rebase(struct sq_store *, struct eb_error *);

#endif
