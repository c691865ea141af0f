/* tests/event_of.h - an event that is its data alone, for the accessors of eventbus/event.h where no signal is needed. */
#ifndef TEST_EVENT_OF_H
#define TEST_EVENT_OF_H

#include "signal/event.h"

/* Returns the one such event of a program: it is of the data given last. */
static inline struct eb_event *event_of(const struct ebi_data *data) {
    static struct eb_event event;

    event.data = (struct ebi_data *)data;
    return &event;
}

#endif
