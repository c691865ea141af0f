/* core/base/busy.h - what other processes wait for, such as a transaction in a shared file, and that a process which is about to
 * be stopped (^Z) finishes first. Of the whole process, like the stop. */
#ifndef EBI_BUSY_H
#define EBI_BUSY_H

#include <stdbool.h>
#include <stdint.h>

/* Between the two, others wait for the calling thread. Waits at the beginning while the process is being stopped. Not nested. */
void ebi_busy_begin(void);
void ebi_busy_end(void);

/* Nobody begins from here on; waits for those who have begun, until ticks_ms (ebi_ticks_ms time) at most: false then. */
bool ebi_busy_hold(int64_t until_ms);

/* They may go on. */
void ebi_busy_release(void);

#endif
