/* plugins/redis/options.h - the options, as the host fills them in. */
#ifndef RD_OPTIONS_H
#define RD_OPTIONS_H

#include <stdint.h>

enum rd_trim { RD_TRIM_SAFE, RD_TRIM_PEER, RD_TRIM_NONE };

struct rd_settings {
    const char *url, *user, *password;
    const char *tls_ca, *tls_cert, *tls_key;
    int64_t login_timeout, command_timeout, keepalive, reply_limit;
    int64_t stream_max_len, stream_hard_len, stream_trim;
    int64_t claim_after;
};

#endif
