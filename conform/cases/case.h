/* conform/cases/case.h - what a case is written with: the host, and other processes of the case.
 *
 * A case is a function that makes events, sends them through a producer of the plugin, receives them through consumers, and
 * reports by a rule what it finds wrong. It runs in a process of its own, on one thread; the runner closes and frees after it
 * whatever it opened or allocated.
 *
 * A rule belongs to one promise (host/rules.h), and a promise is a case. A breach fails the case that names the promise, which
 * may not be the one that is running; the running one, if it was ended, counts as not judged. */
#ifndef EBC_CASE_H
#define EBC_CASE_H

#include "host/host.h"

/* ---- cases ---- */

enum ebc_role { EBC_PRODUCER = 1, EBC_CONSUMER = 2, EBC_ADMIN = 4, EBC_SEND_AND_RECEIVE = 3, EBC_ALL_ROLES = 7 };

/* What a case needs of the broker: the run's commands stop and start it; the plugin has settings under which no broker
 * answers. */
enum ebc_broker_need { EBC_RESTARTED = 1, EBC_UNREACHABLE = 2 };

/* What another process of a case runs. */
struct ebc_peer_entry {
    const char *name;
    void (*run)(struct ebc_test *);
};

struct ebc_case {
    const char *group, *name;
    const char *about;           /* one line: what it tests */
    uint32_t roles;              /* enum ebc_role: skipped without them */
    uint32_t producer, consumer; /* traits: skipped unless claimed */
    uint32_t broker;             /* enum ebc_broker_need: skipped unless the run can do it */
    void (*run)(struct ebc_test *);
    const struct ebc_peer_entry *peers; /* NULL-name-ended; NULL: none */
};

/* The groups' tables, each ended by a case without a name. */
extern const struct ebc_case ebc_calls[], ebc_traits[], ebc_sending[], ebc_resending[], ebc_receiving[], ebc_subscribing[],
    ebc_settling[], ebc_order[], ebc_admin[], ebc_seeking[], ebc_removing[], ebc_crash[], ebc_crash_sending[], ebc_outage[],
    ebc_options[], ebc_sizes[], ebc_schemas[], ebc_positions[], ebc_closing_producers[], ebc_closing_consumers[], ebc_starts[],
    ebc_model[], ebc_load_cases[], ebc_together[];

/* Expects that the group gets exactly stored[first..n) now; another break is one of this rule. */
void ebc_expect_rest(struct ebc_test *, enum ebc_rule, const char *topic, const char *group, struct ebc_received **stored,
                     size_t first, size_t n);

/* ---- the broker ---- */

/* Stop and start the broker by the run's commands, and return when they have ended. A command that fails fails the case. */
void ebc_broker_stop(struct ebc_test *);
void ebc_broker_start(struct ebc_test *);

/* ---- other processes ---- */

/* Another process of a case. Owned by the case. */
struct ebc_peer;

/* Starts this program again, to run the case's entry of that name. The new process has the same events, topics and groups by
 * their names. */
struct ebc_peer *ebc_peer_start(struct ebc_test *, const char *name);
/* In the peer: writes a line for the case that started it. */
void ebc_peer_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Reads the peer's next line, within the time; false when none came or there will be none. */
bool ebc_peer_read_line(struct ebc_peer *, char line[200], int64_t timeout_ms);
/* In the peer: stops it here, between two calls of the plugin, so that it holds no lock. */
void ebc_peer_stop_itself(void);
/* Waits until the peer has stopped itself; lets it go on. */
void ebc_peer_await_stop(struct ebc_peer *);
void ebc_peer_continue(struct ebc_peer *);
/* Kills the peer and waits for its end; lines that it wrote before can still be read. */
void ebc_peer_kill(struct ebc_peer *);

#endif
