/* plugins/sqlite/settings.h - what the options of plugin.c fill; read-only afterwards, borrowed from the host. */
#ifndef SQ_SETTINGS_H
#define SQ_SETTINGS_H

#include <stdint.h>

enum sq_durability { SQ_PROCESS = 0, SQ_POWER = 1 };

struct sq_settings {
    const char *path;
    int64_t durability;                 /* enum sq_durability */
    int64_t lease;                      /* ms */
};

#endif
