/* plugins/sqlite/clock.h - the two clocks of this broker. */
#ifndef SQ_CLOCK_H
#define SQ_CLOCK_H

#include <stdint.h>

/* ms since the machine started, also while it slept; the same for all processes: leases, waits, deadlines. */
int64_t sq_ticks_ms(void);

/* ms since 1970: what messages and retries are stamped with. */
int64_t sq_wall_ms(void);

#endif
