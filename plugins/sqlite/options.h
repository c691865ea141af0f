/* plugins/sqlite/options.h - the settings that the option table of plugin.c fills; borrowed from the host and never
 * changed. */
#ifndef SQ_OPTIONS_H
#define SQ_OPTIONS_H

#include <stdint.h>

enum sq_durability { SQ_PROCESS = 0, SQ_POWER = 1 };

struct sq_settings {
    const char *path;
    int64_t durability;                              /* enum sq_durability */
    int64_t lease;                                   /* ms */
    int64_t retain_age, retain_events, retain_bytes; /* of a topic; 0: no limit */
    int64_t retain_hard_age, retain_hard_events, retain_hard_bytes;
    const char *const *retain_always; /* patterns, NULL-ended */
};

#endif
