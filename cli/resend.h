/* cli/resend.h - eventbus produce --undelivered. */
#ifndef CLI_RESEND_H
#define CLI_RESEND_H

#include <stdbool.h>
#include "bus/bus.h"

/* Sends the lines of a file of undelivered events again (NULL: the bus's own file) and keeps the failing ones there. Closes
 * the bus and returns the exit status. json: prints receipts. quiet: prints only errors. */
int cli_resend(struct eb_bus *, const char *file, bool json, bool quiet);

#endif
