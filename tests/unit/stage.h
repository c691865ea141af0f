/* tests/unit/stage.h - a service's bus with two signals, login and an enrollment's creation, in a folder of its own, on a
 * plugin of this build. For programs that have tests/unit/plugin/folder.c among their sources. */
#ifndef TEST_STAGE_H
#define TEST_STAGE_H

#include <stdbool.h>
#include <sys/types.h>
#include <eventbus/eventbus.h>

/* Makes the folder and a configuration there: [eventbus], and then `sections`. plugins: the folder in the build that the
 * plugin is in ("." for those that are installed). One stage at a time. */
void stage_set(const char *plugins, const char *sections);
void stage_clear(void);

/* Opens the bus; overrides as in struct eb_bus_options. */
enum eb_status stage_open(struct eb_bus **, const char *const *overrides, struct eb_error *);
struct eb_bus *stage_bus(const char *const *overrides);         /* the same, and it must succeed */

/* A login event of a user. */
struct eb_event *stage_login(const struct eb_bus *, int64_t user, const char *name);

bool stage_said(const char *text);      /* whether a line of the log has that */
int stage_times(const char *text);      /* and how often */
int stage_kept(const char *text);       /* how many lines of undelivered.jsonl have it */
void stage_forget_log(void);

/* fork(), while all other threads of the process sleep. AddressSanitizer's allocator (GCC 12) has locks that no child gets
 * back which was forked while another thread held one: its first allocation then waits for ever. */
pid_t stage_fork(void);

/* The end of a child that a test forked. What threads of its parent held nobody has there, and is no leak. */
_Noreturn void child_ends(int status);

#endif
