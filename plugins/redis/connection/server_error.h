/* plugins/redis/connection/server_error.h - what an error that the server answered means, and what is done about it. */
#ifndef RD_CONNECTION_SERVER_ERROR_H
#define RD_CONNECTION_SERVER_ERROR_H

#include "connection/reply.h"

enum rd_error_class {
    RD_UNAVAILABLE = 1,          /* the whole server takes nothing now: the connection is given up, all comes again later */
    RD_KEY_REFUSED,                 /* this key only, and until somebody does something: EB_PERMANENT */
    RD_NO_GROUP,             /* stream or group are gone */
    RD_UNSUPPORTED,             /* a command or an option of one that this server does not have: EB_PERMANENT */
    RD_OTHER_ERROR
};

/* Fills err (may be NULL): `what` (say, "topic x"), cause, what to do. Of the server's own words only those are shown
 * that cannot hold an event's data or a password. */
enum rd_error_class rd_classify_error(const struct rd_node *error, const char *what, struct eb_error *err);

/* Of an RD_KEY_REFUSED, behind that: who is refused (NULL: nobody has logged in), what to do about the topic's key. */
void rd_add_advice(struct eb_error *err, const struct rd_node *error, const char *user, const char *topic);

/* Whether the error's first word is this. */
bool rd_error_is(const struct rd_node *error, const char *word);

#endif
