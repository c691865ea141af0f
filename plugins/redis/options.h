/* plugins/redis/options.h - the plugin's options: their table, their check, and the struct that the host fills in. */
#ifndef RD_OPTIONS_H
#define RD_OPTIONS_H

#include <eventbus/plugin.h>

enum rd_trim { RD_TRIM_SAFE, RD_TRIM_PEER, RD_TRIM_NONE };

struct rd_settings {
    const char *url, *user, *password;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t login_timeout, command_timeout, keepalive, reply_limit;
    int64_t stream_max_len, stream_hard_len, stream_trim;
    int64_t claim_after;
};

enum { RD_OPTIONS = 14 };
extern const struct eb_option rd_options[];

/* The name of the consumer that holds returned entries. No process has it, so nobody waits for that one to come back. */
extern const char rd_returned_consumer[];

/* EB_OK, or EB_PERMANENT: options that do not fit together. */
int32_t rd_options_check(const void *settings, struct eb_error *);

#endif
