/* core/base/fork.h - noticing that this process is a forked child: nothing of ours crosses a fork. */
#ifndef EBI_FORK_H
#define EBI_FORK_H

/* Changes when the process forks: the child has another number than what was read before the fork. Any thread, cheap. */
unsigned ebi_forks(void);

/* In an object that a child leaves as it is: its threads are not there, its locks may be held for ever. */
struct ebi_left {
    struct ebi_left *next;
};

/* Keeps it reachable, so that those who look for lost memory find it. */
void ebi_leave_behind(struct ebi_left *);

#endif
