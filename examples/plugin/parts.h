/* parts.h - what the parts of this plugin share. */
#ifndef PARTS_H
#define PARTS_H

#include <stdbool.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help.h>
#include "stub.h"

_Static_assert(EB_ABI_MAJOR == 1, "written for major 1 of the plugin interface");

/* What the host fills from a [broker ...] section, by the table in plugin.c. FILL IN: one field for each option. */
struct settings {
    const char *url;
    int64_t window;        /* messages that a producer has sent and the broker has not confirmed */
    const char *away_file; /* the stub's */
};

/* Where a URL leads. */
struct address {
    char host[256], name[STUB_NAME_ROOM];
};

/* Takes a URL apart. False: it is not one of this broker. */
bool acme_address(const char *url, struct address *);

/* EB_RETRIABLE: a later try may find memory. */
int32_t acme_no_memory(struct eb_error *);

/* Reports a change of the connection to the host. Any thread. */
void acme_link(const struct eb_host *, const struct address *, bool up, const char *why);

/* EB_PERMANENT: the name of a topic or a group is longer than the broker takes. */
int32_t acme_name(const char *what, const char *name, struct eb_error *err);

/* Translates a point. EB_PERMANENT: it holds no position of this broker. */
int32_t acme_point(const struct eb_point *, struct stub_point *, struct eb_error *);

/* Packs a message that ebp_unfit has nothing against into the bytes, in place of what they hold. False: no memory. */
bool acme_pack(struct ebp_bytes *, const struct eb_message *);

/* Gives the host a message by `take`: host->received, or the `each` of browse; returns what that returns. Bytes that cannot be
 * unpacked are given with decode_error set. EB_RETRIABLE: no memory, and `take` was not called. */
int32_t acme_give(const struct stub_message *, uint64_t token, int32_t (*take)(void *, const struct eb_message *), void *arg,
                  struct eb_error *);

#endif
