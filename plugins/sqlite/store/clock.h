/* plugins/sqlite/store/clock.h - the two clocks of this broker. */
#ifndef SQ_CLOCK_H
#define SQ_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC in ms: the clock of leases, waits, deadlines, retries and ages. It is the same for all processes of one
 * machine, nobody can set it, and it stands still while the machine sleeps, so that no lease ends then: all the members
 * that could renew theirs sleep too. It begins anew when the machine starts: see boot.h. */
int64_t sq_ticks_ms(void);

/* CLOCK_REALTIME in ms since 1970, right or wrong: only what messages are stamped with, to be shown and searched for. */
int64_t sq_wall_ms(void);

enum { SQ_BOOT_ROOM = 64 };

/* Names the run of sq_ticks_ms: one start of the machine, and one time namespace of it. Empty: cannot be found out. */
void sq_boot_name(char name[SQ_BOOT_ROOM]);

#endif
