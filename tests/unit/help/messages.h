/* tests/unit/help/messages.h - messages made by chance, whose texts are absent, empty, usual or any bytes; and whether two are
 * the same. */
#ifndef TEST_HELP_MESSAGES_H
#define TEST_HELP_MESSAGES_H

#include <stdbool.h>
#include <eventbus/plugin.h>

enum { MESSAGE_PAIRS = 12 };

struct random_message {
    struct eb_message message;
    struct eb_header attrs[MESSAGE_PAIRS], headers[MESSAGE_PAIRS];
    char text[8192];
    size_t used;
    unsigned long long state;
};

/* Another message for each seed. */
void make_message(struct random_message *, unsigned long long seed);

/* Returns NULL, or what is not the same of what a broker carries: id, keys, attributes, headers, payload. */
const char *difference(const struct eb_message *, const struct eb_message *);

#endif
