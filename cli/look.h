/* cli/look.h - reading topics without a group: nothing is acknowledged, nothing is left behind. */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "cli/bus.h"
#include "cli/print.h"

struct cli_look {
    const char *const *topics;          /* without prefix; NULL-ended */
    const char *from, *broker;
    uint64_t count;                     /* 0: no limit */
    bool exit_at_end;
};

/* Prints what the topics hold, from a place on, and then what is added, until told to stop; answers the exit status. */
int cli_look(struct eb_bus *, const struct cli_look *, struct cli_printer *);

#endif
