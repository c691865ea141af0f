/* plugins/redis/options.c - see options.h. */
#include "options.h"

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/plugin-help/error.h>

#include "connection/url.h"

const char rd_returned_consumer[] = "eventbus-returned";

#define PLACE(field) .offset = offsetof(struct rd_settings, field)

/* clang-format off */
const struct eb_option rd_options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET | EB_OPT_URL, .fallback = "redis://127.0.0.1:6379/0", PLACE(url),
      .help = "Where Redis is: redis://[user:password@]host[:port][/db], rediss:// the same over TLS, or "
              "unix://[user:password@]/path[?db=N]" },
    { .key = "user", .type = EB_OPT_TEXT, PLACE(user), .help = "The ACL user, where the url names none" },
    { .key = "password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, PLACE(password),
      .help = "The password, where the url holds none: ${file:PATH} keeps it out of this file" },
    { .key = "tls_ca", .type = EB_OPT_TEXT, PLACE(tls_ca),
      .help = "A file or folder of certificates to trust with rediss://, instead of the system's" },
    { .key = "tls_cert", .type = EB_OPT_TEXT, PLACE(tls_cert),
      .help = "A file with this client's certificate chain, where the server asks for one" },
    { .key = "tls_key", .type = EB_OPT_TEXT, PLACE(tls_key), .help = "A file with the private key of tls_cert" },
    { .key = "login_timeout", .type = EB_OPT_MS, .fallback = "3s", .min = 50, .max = 600000, PLACE(login_timeout),
      .help = "How long one try to connect and log in may take" },
    { .key = "command_timeout", .type = EB_OPT_MS, .fallback = "10s", .min = 100, .max = 600000, PLACE(command_timeout),
      .help = "How long a reply may take before the connection is given up and opened again" },
    { .key = "keepalive", .type = EB_OPT_MS, .fallback = "30s", .min = 100, .max = 3600000, PLACE(keepalive),
      .help = "After this long without traffic a PING asks whether the server is there" },
    { .key = "reply_limit", .type = EB_OPT_BYTES, .fallback = "64M", .min = 65536, .max = INT64_C(1) << 31,
      PLACE(reply_limit), .help = "The largest reply that is accepted; must hold the largest event" },
    { .key = "stream_max_len", .type = EB_OPT_INT, .fallback = "10000", .min = 0, .max = INT64_C(1) << 53,
      .flags = EB_OPT_PRODUCER, PLACE(stream_max_len),
      .help = "About how many entries a stream keeps; 0: no limit. Dead letters are never trimmed" },
    { .key = "stream_hard_len", .type = EB_OPT_INT, .fallback = "1000000", .min = 0, .max = INT64_C(1) << 53,
      .flags = EB_OPT_PRODUCER, PLACE(stream_hard_len),
      .help = "With stream_trim = safe: entries beyond which even unread ones go, with an error in the log; 0: no "
              "limit" },
    { .key = "stream_trim", .type = EB_OPT_CHOICE, .fallback = "safe", .choices = "safe|peer|none",
      .flags = EB_OPT_PRODUCER, PLACE(stream_trim),
      .help = "safe: towards stream_max_len only what every group has acknowledged; peer: the oldest at each sending, "
              "as the Python producer; none: never" },
    { .key = "claim_after", .type = EB_OPT_MS, .fallback = "1m", .min = 300, .max = 86400000,
      .flags = EB_OPT_CONSUMER | EB_OPT_ADMIN, PLACE(claim_after),
      .help = "A consumer's events go to others after this long without a sign of life from it; must exceed what a Python "
              "consumer in the group may take for one event" },
};
/* clang-format on */

_Static_assert(sizeof rd_options / sizeof *rd_options == RD_OPTIONS, "RD_OPTIONS counts them");

static int32_t wrong(struct eb_error *err, const char *what) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s", what);
}

static bool given(const char *text) {
    return text && text[0];
}

int32_t rd_options_check(const void *settings, struct eb_error *err) {
    const struct rd_settings *set = settings;
    struct rd_url url;
    int32_t status = rd_url_parse(set->url ? set->url : "", &url, err);

    if (status != EB_OK)
        return status;
    if (url.has_password && (given(set->user) || given(set->password)))
        return wrong(err, "both url and user or password log in: leave one of them out");
    if (given(set->user) && !given(set->password))
        return wrong(err, "user needs password");
    if (!url.tls && (given(set->tls_ca) || given(set->tls_cert) || given(set->tls_key)))
        return wrong(err, "tls_ca, tls_cert and tls_key are of use with a url of rediss:// only");
    if (given(set->tls_cert) != given(set->tls_key))
        return wrong(err, "tls_cert and tls_key go together");
    if (set->stream_hard_len > 0 && set->stream_hard_len < set->stream_max_len)
        return wrong(err, "stream_hard_len is below stream_max_len");
    return EB_OK;
}
