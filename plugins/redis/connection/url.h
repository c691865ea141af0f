/* plugins/redis/connection/url.h - where Redis is: redis://[user:password@]host[:port][/db], rediss:// the same over
 * TLS, unix://[user:password@]/path[?db=N]. */
#ifndef RD_CONNECTION_URL_H
#define RD_CONNECTION_URL_H

#include <eventbus/plugin.h>
#include <stdbool.h>

enum { RD_HOST_ROOM = 256, RD_LOGIN_ROOM = 512 };

struct rd_url {
    bool tls, local; /* local: a socket in the file system, whose path is `host` */
    char host[RD_HOST_ROOM], port[6];
    char user[RD_LOGIN_ROOM], password[RD_LOGIN_ROOM];
    bool has_password;
    int32_t db;
    char shown[RD_HOST_ROOM + 32]; /* for messages: nothing secret in it */
};

/* EB_OK, or EB_PERMANENT with what is wrong; neither shows the password. */
int32_t rd_url_parse(const char *text, struct rd_url *, struct eb_error *);

#endif
