/* plugins/redis/connection/server_error.h - classifies error replies of the server and says what to do about them. */
#ifndef RD_CONNECTION_SERVER_ERROR_H
#define RD_CONNECTION_SERVER_ERROR_H

#include "connection/reply.h"

enum rd_error_class {
    RD_UNAVAILABLE = 1, /* the whole server takes nothing now: give the connection up and try everything again later */
    RD_KEY_REFUSED,     /* EB_PERMANENT: this key is refused until somebody changes something */
    RD_NO_GROUP,        /* the stream or the group is gone */
    RD_UNSUPPORTED,     /* EB_PERMANENT: the server does not have the command or one of its options */
    RD_OTHER_ERROR
};

/* Returns the class and fills in err (may be NULL): `what` (say, "topic x"), cause, what to do. Of the server's own
 * words err shows only those that cannot hold an event's data or a password. */
enum rd_error_class rd_classify_error(const struct rd_node *error, const char *what, struct eb_error *err);

/* For a reply whose other errors do not matter: EB_RETRIABLE and err for RD_UNAVAILABLE; EB_OK for all else. */
int32_t rd_check_available(const struct rd_node *reply, const char *what, struct eb_error *err);

/* Adds to the err of an RD_KEY_REFUSED which user is refused (NULL: nobody has logged in) and what to do about the
 * key. */
void rd_add_advice(struct eb_error *err, const struct rd_node *error, const char *user, const char *topic);

/* Whether the reply is an error whose first word is this. */
bool rd_error_is(const struct rd_node *reply, const char *word);

#endif
