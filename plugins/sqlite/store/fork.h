/* plugins/sqlite/store/fork.h - forks of the host's process: SQLite's own locks are free in the child, and a child whose parent
 * had a file open opens none.
 *
 * SQLite keeps for the whole process which locks on which file it holds, and the kernel gives none of them to a child. A child
 * that opens the file would believe that it holds its parent's locks, and read and write without any. */
#ifndef SQ_FORK_H
#define SQ_FORK_H

#include <stdbool.h>

/* Count the stores that are connected. Any thread. */
void sq_fork_opened(void);
void sq_fork_closed(void);

/* Whether this process was forked while a store of its parent was connected. */
bool sq_fork_inherited(void);

#endif
