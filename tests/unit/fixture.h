/* tests/unit/fixture.h - what tests of a whole bus share: a bus with two signals, login and an enrollment's creation, in a folder
 * of its own, on a plugin of this build; and the fake broker. Needs tests/unit/plugin/folder.c among the program's sources. */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>
#include <eventbus/eventbus.h>
#include "../fake_broker/fake_broker.h"

/* Makes the folder and a configuration there: [eventbus], and then `sections`. plugins: the folder in the build that the
 * plugin is in ("." for those that are installed). One fixture at a time. */
void fixture_set(const char *plugins, const char *sections);
void fixture_clear(void);

/* Opens the bus; overrides as in struct eb_bus_options. */
enum eb_status fixture_open(struct eb_bus **, const char *const *overrides, struct eb_error *);
struct eb_bus *fixture_bus(const char *const *overrides); /* the same, and it must succeed */

/* The broker that the test controls. */
extern struct fake_broker fake;
void fixture_reset_broker(void); /* for TestSuite(.init) */
/* A configuration: `sections`, then [broker m] of a plugin of tests/fake_broker, and then [broker n] of another one, or NULL. */
const char *fixture_broker(const char *plugin, const char *other, const char *sections);

/* Waits until a thing is so; fails after a minute. */
#define until(condition)                                                                                                       \
    do {                                                                                                                       \
        for (int i_ = 0; !(condition); i_++) {                                                                                 \
            pause_ms(1);                                                                                                       \
            cr_assert_lt(i_, 60000, "waited for " #condition);                                                                 \
        }                                                                                                                      \
    } while (0)
void pause_ms(int ms);

/* A login event of a user. */
struct eb_event *fixture_login(const struct eb_bus *, int64_t user, const char *name);

bool fixture_logged(const char *text);     /* whether a line of the log has that */
int fixture_log_count(const char *text);   /* and how often */
int fixture_undelivered(const char *text); /* how many lines of undelivered.jsonl have it */
void fixture_clear_log(void);

/* fork(), while all other threads of the process sleep. AddressSanitizer's allocator (GCC 12) has locks that no child gets
 * back which was forked while another thread held one: its first allocation then waits for ever. */
pid_t fork_while_others_sleep(void);

/* The end of a child that a test forked. What threads of its parent held nobody has there, and is no leak. */
_Noreturn void child_ends(int status);

#endif
