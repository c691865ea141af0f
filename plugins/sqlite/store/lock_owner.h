/* plugins/sqlite/store/lock_owner.h - which process keeps a database file locked. */
#ifndef SQ_LOCK_OWNER_H
#define SQ_LOCK_OWNER_H

#include <stddef.h>

/* Writes ", process N (its name)" of the process that has the lock to write, and what to do about it; nothing if that
 * cannot be found out. */
void sq_lock_owner_describe(const char *real, char *text, size_t room);

#endif
