/* options.c - the options of a [broker ...] section and their check; names and positions. See settings.h. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#define PLACE(field) .offset = offsetof(struct settings, field)

/* clang-format off */
const struct eb_option ebn_options[] = {
    { .key = "url", .type = EB_OPT_LIST, .flags = EB_OPT_SECRET | EB_OPT_URL, .fallback = "nats://127.0.0.1:4222", PLACE(url),
      .help = "Where the servers of one NATS cluster are: nats://[user:password@]host[:port], tls:// the same over TLS; they "
              "are tried in turn" },
    { .key = "user", .type = EB_OPT_TEXT, PLACE(user), .help = "The user, where the url names none" },
    { .key = "password", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, PLACE(password),
      .help = "The password of user: ${file:PATH} keeps it out of this file" },
    { .key = "token", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, PLACE(token),
      .help = "The token, where the server asks for one instead of a user" },
    { .key = "credentials", .type = EB_OPT_TEXT, PLACE(credentials),
      .help = "A credentials file (.creds) with a user's JWT and its seed, as nsc writes it" },
    { .key = "tls_ca", .type = EB_OPT_TEXT, PLACE(tls_ca),
      .help = "A file of certificates to trust with tls://, instead of the system's" },
    { .key = "tls_cert", .type = EB_OPT_TEXT, PLACE(tls_cert),
      .help = "A file with this client's certificate chain, where the server asks for one" },
    { .key = "tls_key", .type = EB_OPT_TEXT, PLACE(tls_key), .help = "A file with the private key of tls_cert" },
    { .key = "tls_server_name", .type = EB_OPT_TEXT, PLACE(tls_server_name),
      .help = "The name that the server's certificate must have, where it is not the host of the url" },
    { .key = "login_timeout", .type = EB_OPT_MS, .fallback = "3s", .min = 50, .max = 600000, PLACE(login_timeout),
      .help = "How long one try to connect and log in may take" },
    { .key = "domain", .type = EB_OPT_TEXT, PLACE(domain), .help = "The JetStream domain, where it is not the server's own" },
    { .key = "subject_prefix", .type = EB_OPT_TEXT, .fallback = "eventbus", PLACE(subject_prefix),
      .help = "What the subjects of all topics begin with: topic user-login has the subject eventbus.user-login" },
    { .key = "ack_timeout", .type = EB_OPT_MS, .flags = EB_OPT_PRODUCER | EB_OPT_CONSUMER, .fallback = "5s", .min = 100,
      .max = 600000, PLACE(ack_timeout),
      .help = "How long the server may take to confirm a message or an acknowledgement before it is sent again" },
    { .key = "max_pending", .type = EB_OPT_INT, .flags = EB_OPT_PRODUCER, .fallback = "4096", .min = 1, .max = 65536,
      PLACE(max_pending), .help = "Messages that are sent before the server has confirmed the first of them" },
    { .key = "create_topics", .type = EB_OPT_BOOL, .flags = EB_OPT_PRODUCER, .fallback = "yes", PLACE(create_topics),
      .help = "Whether a topic's stream is made with its first event; no: eventbus topics create makes it" },
    { .key = "storage", .type = EB_OPT_CHOICE, .flags = EB_OPT_PRODUCER | EB_OPT_ADMIN, .fallback = "file",
      .choices = "file|memory", PLACE(storage), .help = "Where a new stream keeps its events" },
    { .key = "replicas", .type = EB_OPT_INT, .flags = EB_OPT_PRODUCER | EB_OPT_ADMIN, .fallback = "1", .min = 1, .max = 5,
      PLACE(replicas), .help = "How many servers of a cluster keep a new stream" },
    { .key = "max_age", .type = EB_OPT_MS, .flags = EB_OPT_PRODUCER | EB_OPT_ADMIN, .fallback = "0", .min = 0,
      .max = INT64_C(3650) * 86400000, PLACE(max_age),
      .help = "How long a new stream keeps an event, at least 1s; 0: until it is trimmed" },
    { .key = "max_bytes", .type = EB_OPT_BYTES, .flags = EB_OPT_PRODUCER | EB_OPT_ADMIN, .fallback = "0", .min = 0,
      .max = INT64_C(1) << 50, PLACE(max_bytes),
      .help = "How many bytes a new stream keeps, before it refuses more; 0: no limit but the server's" },
    { .key = "duplicate_window", .type = EB_OPT_MS, .flags = EB_OPT_PRODUCER | EB_OPT_ADMIN, .fallback = "2m", .min = 100,
      .max = 86400000, PLACE(duplicate_window),
      .help = "How long a new stream knows a send again that came twice; not less than delivery_timeout, nor more than "
              "max_age" },
    { .key = "lease", .type = EB_OPT_MS, .flags = EB_OPT_CONSUMER | EB_OPT_ADMIN, .fallback = "30s", .min = 500,
      .max = 86400000, PLACE(lease),
      .help = "How long a worker keeps an event without a sign of life before another one gets it; a group has the time "
              "with which it was made" },
};
/* clang-format on */

_Static_assert(sizeof ebn_options / sizeof ebn_options[0] == EBN_N_OPTIONS, "the count in settings.h");

static int32_t wrong(struct eb_error *err, const char *text) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s", text);
}

static bool is_url(const char *url) {
    static const char *const schemes[] = { "nats://", "tls://" };

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0 && url[strlen(schemes[i])] && !strpbrk(url, " \t\r\n"))
            return true;
    return false;
}

/* Whether a subject may begin with it: tokens of letters, digits, - and _, with single dots between. */
static bool is_prefix(const char *prefix) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(prefix);

    return len > 0 && len <= EBN_DOMAIN_MAX && strspn(prefix, plain) == len && prefix[0] != '.' && prefix[len - 1] != '.' &&
           !strstr(prefix, "..");
}

int32_t ebn_check(const void *given, struct eb_error *err) {
    const struct settings *settings = given;
    int logins = (settings->user != NULL) + (settings->token != NULL) + (settings->credentials != NULL);

    if (!settings->url || !settings->url[0])
        return wrong(err, "url: expected at least one server");
    for (size_t i = 0; settings->url[i]; i++)
        if (!is_url(settings->url[i]))
            return wrong(err, "url: expected nats://[user:password@]host[:port] or tls://..., several with blanks between");
    if (!is_prefix(settings->subject_prefix))
        return wrong(err, "subject_prefix: expected letters, digits, - and _, with single dots between, up to 64 characters");
    if (settings->domain && (!is_prefix(settings->domain) || strchr(settings->domain, '.')))
        return wrong(err, "domain: expected letters, digits, - and _, up to 64 characters");
    if (settings->password && !settings->user)
        return wrong(err, "password: needs user beside it");
    if (logins > 1)
        return wrong(err, settings->token ? "token: excludes user and credentials; give one of the three"
                                          : "credentials: excludes user and token; give one of the three");
    if (!settings->tls_cert != !settings->tls_key)
        return wrong(err, settings->tls_cert ? "tls_cert: needs tls_key beside it" : "tls_key: needs tls_cert beside it");
    if (settings->max_age > 0 && settings->max_age < 1000)
        return wrong(err, "max_age: expected 0 or at least 1s");
    if (settings->max_age > 0 && settings->duplicate_window > settings->max_age)
        return wrong(err, "duplicate_window: is longer than max_age, which the server refuses");
    return EB_OK;
}

/* ---- Names ---- */

static bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Appends a character to a name, escaped where it has to be. */
static size_t put(char *out, size_t at, char c, bool plain) {
    static const char digits[] = "0123456789ABCDEF";

    if (plain) {
        out[at++] = c;
    } else {
        out[at++] = EBN_ESCAPE;
        out[at++] = digits[(unsigned char)c >> 4];
        out[at++] = digits[(unsigned char)c & 0xF];
    }
    out[at] = 0;
    return at;
}

bool ebn_name(const char *text, char *out) {
    size_t at = 0;

    for (; *text && at + 3 <= EBN_NAME_MAX; text++)
        at = put(out, at, *text, is_plain(*text));
    return at > 0 && !*text;
}

bool ebn_name_text(const char *name, char *out) {
    char again[EBN_NAME_MAX + 1];
    const char *given = name;
    size_t n = 0;

    if (strlen(name) > EBN_NAME_MAX)
        return false;
    for (; *name; name++) {
        int high = name[0] == EBN_ESCAPE ? ebp_hex_digit(name[1]) : 0,
            low = name[0] == EBN_ESCAPE && high >= 0 ? ebp_hex_digit(name[2]) : 0;
        if (high < 0 || low < 0 || (name[0] == EBN_ESCAPE && high + low == 0))
            return false;
        out[n++] = name[0] == EBN_ESCAPE ? (char)(high << 4 | low) : name[0];
        name += name[0] == EBN_ESCAPE ? 2 : 0;
    }
    out[n] = 0;
    return ebn_name(out, again) && strcmp(again, given) == 0;
}

void ebn_subject(const struct settings *settings, const char *topic, char *out) {
    size_t at = (size_t)snprintf(out, EBN_SUBJECT_ROOM, "%s.", settings->subject_prefix);

    for (const char *c = topic; *c; c++) {
        bool dot = *c == '.' && c > topic && c[-1] != '.' && c[1] && c[1] != '.';
        at = put(out, at, *c, dot || is_plain(*c));
    }
}

int32_t ebn_check_name(const char *what, const char *text, struct eb_error *err) {
    char name[EBN_NAME_MAX + 1];

    if (ebn_name(text, name))
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "%s %.300s: the name must have 1 to %d characters, where each one beside letters, digits, - and _ "
                             "counts as three",
                             what, text, EBN_NAME_MAX);
}

/* ---- Points ---- */

int32_t ebn_position(struct eb_text position, uint64_t *sequence, struct eb_error *err) {
    const char *text = position.data ? position.data : "";
    size_t digits = strspn(text, "0123456789");

    *sequence = digits > 0 && digits < 20 ? strtoull(text, NULL, 10) : 0;
    if (*sequence > 0 && !text[digits] && digits == position.len)
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "\"%.60s\" is not a position of NATS: expected the sequence of a message, a number from 1 on",
                             text);
}

/* Each message that is sent or received needs one, which is too often for printf. */
void ebn_position_text(uint64_t sequence, char out[EBN_POSITION_ROOM]) {
    char digits[EBN_POSITION_ROOM], *at = digits + sizeof digits - 1;

    *at = 0;
    do
        *--at = (char)('0' + sequence % 10);
    while ((sequence /= 10) > 0);
    memcpy(out, at, (size_t)(digits + sizeof digits - at));
}

int32_t ebn_check_point(const struct eb_point *point, struct eb_error *err) {
    uint64_t sequence;

    return point && point->kind == EB_POSITION ? ebn_position(point->position, &sequence, err) : EB_OK;
}
