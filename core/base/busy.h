/* core/base/busy.h - work that other processes wait for, such as a transaction in a shared file: a process that is about to be stopped
 * (^Z) finishes it first. One state for the whole process, as the stop is. */
#ifndef EBI_BUSY_H
#define EBI_BUSY_H

#include <stdbool.h>
#include <stdint.h>

/* Between begin and end, others wait for the calling thread. begin waits while the process is being stopped. Not nested. */
void ebi_busy_begin(void);
void ebi_busy_end(void);

/* Lets no thread begin from here on, and waits for those that have begun. False: they have not ended by until_ms (ebi_ticks_ms time). */
bool ebi_busy_hold(int64_t until_ms);

/* Lets threads begin again. */
void ebi_busy_release(void);

#endif
