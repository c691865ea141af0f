/* cli/look.h - reads topics without a group: acknowledges nothing and leaves no trace. */
#ifndef CLI_LOOK_H
#define CLI_LOOK_H

#include "cli/bus.h"
#include "cli/print.h"

struct cli_look {
    const char *const *topics; /* without the prefix; ends with NULL */
    const char *from, *broker;
    uint64_t count; /* 0: no limit */
    bool exit_at_end;
};

/* Prints the messages of the topics from a start point on, and then new ones, until a signal comes. Returns the exit
 * status. */
int cli_look(struct eb_bus *, const struct cli_look *, struct cli_printer *);

#endif
