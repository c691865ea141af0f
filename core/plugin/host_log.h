/* core/plugin/host_log.h - what plugins say about themselves, as log lines. */
#ifndef EBI_HOST_LOG_H
#define EBI_HOST_LOG_H

#include <eventbus/plugin.h>
#include "base/log.h"
#include "plugin/message.h"

/* A line of a plugin. instance: the broker's name. */
void ebi_host_log(struct ebi_log *, const char *instance, int32_t level, const char *text);

/* A number of a plugin: a debug line. */
void ebi_host_metric(struct ebi_log *, const char *instance, const char *name, double value);

/* The link of a producer or consumer (role) changed. Absent: it was never there, and somebody waits for it who ends with
 * the cause when it does not come in connect_timeout. */
enum ebi_link_change { EBI_LINK_FIRST, EBI_LINK_AGAIN, EBI_LINK_LOST, EBI_LINK_ABSENT };
void ebi_host_link(struct ebi_log *, const char *instance, const char *role, enum ebi_link_change,
                   const struct eb_error *why);

#endif
