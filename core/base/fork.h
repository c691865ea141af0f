/* core/base/fork.h - noticing that this process is a forked child: nothing of ours crosses a fork. */
#ifndef EBI_FORK_H
#define EBI_FORK_H

/* Changes when the process forks: the child has another number than what was read before the fork. Any thread, cheap. */
unsigned ebi_forks(void);

#endif
