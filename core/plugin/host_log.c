/* core/plugin/host_log.c - see host_log.h. */
#include "plugin/host_log.h"

static enum ebi_level level_of(int32_t level) {
    if (level <= EBI_ERROR)
        return EBI_ERROR;
    if (level == EBI_WARNING)
        return EBI_WARNING;
    return level <= EBI_INFO ? EBI_INFO : EBI_DEBUG;
}

void ebi_host_log(struct ebi_log *log, const char *instance, int32_t level, const char *text) {
    ebi_log_line(log, level_of(level), "broker %s: %s", instance, text);
}

void ebi_host_metric(struct ebi_log *log, const char *instance, const char *name, double value) {
    ebi_log_line(log, EBI_DEBUG, "broker %s: %s = %g", instance, name, value);
}

void ebi_host_link(struct ebi_log *log, const char *instance, const char *role, enum ebi_link_change change,
                   const struct eb_error *why) {
    switch (change) {
    case EBI_LINK_FIRST:
        ebi_log_line(log, EBI_DEBUG, "broker %s: the %s is connected", instance, role);
        break;
    case EBI_LINK_AGAIN:
        ebi_log_line(log, EBI_INFO, "broker %s: the %s is connected again", instance, role);
        break;
    case EBI_LINK_LOST:
    case EBI_LINK_ABSENT:                               /* told once, as the error of who waits */
        ebi_log_line(log, change == EBI_LINK_LOST ? EBI_WARNING : EBI_DEBUG, "broker %s: the %s waits for the broker: %s",
                     instance, role, why ? why->text : "the plugin gave no reason");
        break;
    }
}
