/* core/plugin/host_busy.c - see host_busy.h. */
#include "plugin/host_busy.h"

#include "base/busy.h"

void ebi_host_busy(const struct eb_host *host, int32_t on) {
    (void)host;
    if (on)
        ebi_busy_begin();
    else
        ebi_busy_end();
}
