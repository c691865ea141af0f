/* conform/host/quiet.h - a host table that listens to nothing, for tests that bring the calls they want to hear. */
#ifndef EBC_QUIET_H
#define EBC_QUIET_H

#include <eventbus/plugin.h>

/* Returns a table with every call in it. received returns EB_FULL and matches 1; the others do nothing. name: of instance and
 * service; it must outlive the table. */
struct eb_host ebc_quiet_host(void *core, const char *name);

#endif
