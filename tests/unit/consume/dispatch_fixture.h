/* tests/unit/consume/dispatch_fixture.h - a dispatch without threads: messages come in, run in turn, and get their verdicts. */
#ifndef DISPATCH_FIXTURE_H
#define DISPATCH_FIXTURE_H

#include "consume/dispatch.h"

extern struct ebi_dispatch dispatch;

void dispatch_begin(void);
void dispatch_end(void);

/* Takes in a message of a key; "" is no key. The token is the position, too. */
struct ebi_inflight *take_message(const struct eb_message *, const char *key);
struct ebi_inflight *take(uint64_t token, const char *key);

/* A message that was delivered so often that it is to run alone. */
struct ebi_inflight *take_alone(uint64_t token, const char *key);

/* Takes the verdicts out as "ACK 1, RETURN 2", gives them to the plugin, and confirms them. */
const char *gathered(void);

/* The token of the next message to run, which is at work then; 0: none may run. */
uint64_t next(void);

#endif
