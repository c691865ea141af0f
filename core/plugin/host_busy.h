/* core/plugin/host_busy.h - the host's busy(), the same for every role. */
#ifndef EBI_HOST_BUSY_H
#define EBI_HOST_BUSY_H

#include <eventbus/plugin.h>

void ebi_host_busy(const struct eb_host *, int32_t on);

#endif
