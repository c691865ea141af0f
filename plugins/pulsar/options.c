/* options.c - see options.h. */
#include "config.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <eventbus/plugin-help.h>

#define PLACE(field) .offset = offsetof(struct pl_settings, field)

/* clang-format off */
const struct eb_option pl_options[] = {
    { .key = "url", .type = EB_OPT_TEXT, .flags = EB_OPT_URL | EB_OPT_SECRET, .fallback = "pulsar://localhost:6650", PLACE(url),
      .help = "Where the brokers or a proxy are: pulsar://host[:port][,host[:port]...], or pulsar+ssl:// for TLS" },
    { .key = "admin_url", .type = EB_OPT_TEXT, .flags = EB_OPT_URL | EB_OPT_SECRET, PLACE(admin_url),
      .help = "Where their HTTP interface is: http://host[:port] or https://; without it the host of url with port 8080, and "
              "8443 for TLS" },
    { .key = "token", .type = EB_OPT_TEXT, .flags = EB_OPT_SECRET, PLACE(token),
      .help = "The token that logs in: ${file:PATH} keeps it out of this file" },
    { .key = "token_file", .type = EB_OPT_TEXT, PLACE(token_file),
      .help = "A file with the token, read at each login, so that it can be renewed" },
    { .key = "token_env", .type = EB_OPT_TEXT, PLACE(token_env), .help = "The environment variable that holds the token" },
    { .key = "tls_ca", .type = EB_OPT_TEXT, PLACE(tls_ca),
      .help = "A file of certificates to trust with TLS, instead of the system's" },
    { .key = "tls_cert", .type = EB_OPT_TEXT, PLACE(tls_cert),
      .help = "A file with this client's certificate chain, where the broker asks for one" },
    { .key = "tls_key", .type = EB_OPT_TEXT, PLACE(tls_key), .help = "A file with the private key of tls_cert" },
    { .key = "tenant", .type = EB_OPT_TEXT, .fallback = "public", PLACE(tenant), .help = "The tenant of the topics" },
    { .key = "namespace", .type = EB_OPT_TEXT, .fallback = "default", PLACE(name_space),
      .help = "The namespace of the topics" },
    { .key = "operation_timeout", .type = EB_OPT_MS, .fallback = "30s", .min = 1000, .max = 600000, PLACE(operation_timeout),
      .help = "How long one request to the broker may take before it is tried again" },
    { .key = "keepalive", .type = EB_OPT_MS, .fallback = "30s", .min = 1000, .max = 3600000, PLACE(keepalive),
      .help = "After this long without traffic the client asks whether the broker is there" },
    { .key = "compression", .type = EB_OPT_CHOICE, .flags = EB_OPT_PRODUCER, .fallback = "none",
      .choices = "none|lz4|zlib|zstd|snappy", PLACE(compression), .help = "How batches are compressed" },
    { .key = "batching", .type = EB_OPT_CHOICE, .flags = EB_OPT_PRODUCER, .fallback = "key", .choices = "key|mixed|off",
      PLACE(batching),
      .help = "What goes to the broker together: key: messages of one key; mixed: of any keys, which is faster and breaks the "
              "order of keys between several workers of a group; off: nothing" },
    { .key = "batch_delay", .type = EB_OPT_MS, .flags = EB_OPT_PRODUCER, .fallback = "5ms", .min = 1, .max = 10000,
      PLACE(batch_delay), .help = "How long a message waits for others of its batch" },
    { .key = "batch_messages", .type = EB_OPT_INT, .flags = EB_OPT_PRODUCER, .fallback = "1000", .min = 2, .max = 100000,
      PLACE(batch_messages), .help = "The most messages of a batch" },
    { .key = "batch_bytes", .type = EB_OPT_BYTES, .flags = EB_OPT_PRODUCER, .fallback = "128k", .min = 1024, .max = 4194304,
      PLACE(batch_bytes), .help = "The most bytes of a batch" },
    { .key = "max_pending", .type = EB_OPT_INT, .flags = EB_OPT_PRODUCER, .fallback = "8192", .min = 1, .max = 1000000,
      PLACE(max_pending), .help = "Messages that are sent before the broker has confirmed the first of them" },
    { .key = "key_hash", .type = EB_OPT_CHOICE, .flags = EB_OPT_PRODUCER, .fallback = "java_string",
      .choices = "java_string|murmur3|boost", PLACE(key_hash),
      .help = "Which partition a key belongs to; the other producers of a topic must use the same: Java and Go use "
              "java_string, Python boost where nothing else is set" },
    { .key = "subscription", .type = EB_OPT_CHOICE, .flags = EB_OPT_CONSUMER, .fallback = "auto",
      .choices = "auto|shared|key_shared|exclusive", PLACE(subscription),
      .help = "The type of a group's subscription; auto: key_shared for order = key, exclusive for order = strict, shared for "
              "order = none. With exclusive one worker reads a partition, and others wait until it ends" },
    { .key = "ack_delay", .type = EB_OPT_MS, .flags = EB_OPT_CONSUMER, .fallback = "5ms", .min = 0, .max = 1000,
      PLACE(ack_delay), .help = "How long acknowledgements wait for others, to go to the broker together" },
    { .key = "topic_wait", .type = EB_OPT_MS, .flags = EB_OPT_CONSUMER, .fallback = "1s", .min = 100, .max = 3600000,
      PLACE(topic_wait), .help = "How often a worker looks for topics that did not exist" },
    { .key = "batch_index_ack", .type = EB_OPT_BOOL, .flags = EB_OPT_CONSUMER, .fallback = "yes", PLACE(batch_index_ack),
      .help = "Whether the broker keeps acknowledgements of single messages of a batch: "
              "acknowledgmentAtBatchIndexLevelEnabled of its configuration" },
    { .key = "partitions", .type = EB_OPT_INT, .flags = EB_OPT_ADMIN, .fallback = "0", .min = 0, .max = 100000,
      PLACE(partitions),
      .help = "Partitions of topics that are created without a number of them, such as those for dead letters; 0: the topic is "
              "not partitioned" },
    { .key = "retention", .type = EB_OPT_MS, .flags = EB_OPT_ADMIN, .fallback = "7d", .min = 0, .max = 315360000000,
      PLACE(retention),
      .help = "How long a topic that is created here keeps what all its groups have acknowledged, or what it has no group for; "
              "0: as its namespace says" },
};
/* clang-format on */

_Static_assert(sizeof pl_options / sizeof *pl_options == PL_OPTIONS, "PL_OPTIONS counts them");

/* ---- URLs ---- */

bool pl_url_is_tls(const char *url) {
    return strncmp(url, "pulsar+ssl://", 13) == 0;
}

/* Returns what follows the scheme of url, or NULL if the scheme is neither of the two. */
static const char *after_scheme(const char *url, const char *plain, const char *tls) {
    return strncmp(url, plain, strlen(plain)) == 0 ? url + strlen(plain)
           : strncmp(url, tls, strlen(tls)) == 0   ? url + strlen(tls)
                                                   : NULL;
}

/* Whether `text` begins with host[:port]; sets *end behind it. A host may be [IPv6]. */
static bool host_and_port(const char *text, const char **end) {
    const char *at = text;

    if (*at == '[') {
        at += strcspn(at, "]/,");
        if (*at++ != ']')
            return false;
    } else {
        at += strcspn(at, ":/,?#@ ");
    }
    if (at == text)
        return false;
    if (*at == ':') {
        char *behind;
        unsigned long port = at[1] >= '0' && at[1] <= '9' ? strtoul(at + 1, &behind, 10) : 0;

        if (port < 1 || port > 65535)
            return false;
        at = behind;
    }
    *end = at;
    return true;
}

static bool service_url_is_valid(const char *url) {
    const char *at = after_scheme(url, "pulsar://", "pulsar+ssl://");

    while (at && host_and_port(at, &at)) {
        if (*at == '\0' || strcmp(at, "/") == 0)
            return true;
        if (*at++ != ',')
            return false;
    }
    return false;
}

static bool admin_url_is_valid(const char *url) {
    const char *at = after_scheme(url, "http://", "https://");

    return at && host_and_port(at, &at) && (*at == '\0' || (*at == '/' && !strpbrk(at, "?# ")));
}

bool pl_admin_url(const struct pl_settings *set, char *out, size_t room) {
    const char *host = after_scheme(set->url, "pulsar://", "pulsar+ssl://");
    int len;

    if (set->admin_url) {
        size_t given = strlen(set->admin_url);

        while (given > 0 && set->admin_url[given - 1] == '/')
            given--;
        return ebp_text_copy(ebp_text(set->admin_url, given), out, room);
    }
    size_t host_len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/,");
    bool tls = pl_url_is_tls(set->url);
    len = snprintf(out, room, "%s://%.*s:%d", tls ? "https" : "http", (int)host_len, host, tls ? 8443 : 8080);
    return len > 0 && (size_t)len < room;
}

/* ---- the token ---- */

enum { TOKEN_MAX = 64 * 1024 };

/* Reads the token's file; `room` bytes at most. Returns its length, or -1 with errno: EFBIG if it is larger. */
static ssize_t read_file(const char *path, char *out, size_t room) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t used = 0;
    ssize_t n = 1;

    if (fd < 0)
        return -1;
    while (used < room && (n = read(fd, out + used, room - used)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        used += n > 0 ? (size_t)n : 0;
    }
    int failed = n < 0 ? errno : used == room ? EFBIG : 0;
    close(fd);
    errno = failed;
    return failed ? -1 : (ssize_t)used;
}

static int32_t token_of_file(const char *path, char **token, struct eb_error *err) {
    char *text = malloc(TOKEN_MAX + 1);
    ssize_t len = text ? read_file(path, text, TOKEN_MAX) : 0;

    if (!text)
        return ebp_no_memory(err);
    if (len < 0) {
        free(text);
        ebp_errno(err, EB_RETRIABLE, "cannot read the token from %s", path);
        if (err)
            err->kind = EB_KIND_CONFIG;
        return EB_RETRIABLE;
    }
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    text[len] = '\0';
    *token = text;
    return EB_OK;
}

int32_t pl_token(const struct pl_settings *set, char **token, struct eb_error *err) {
    const char *text = set->token;

    *token = NULL;
    if (set->token_file)
        return token_of_file(set->token_file, token, err);
    if (set->token_env && !(text = getenv(set->token_env)))
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_CONFIG, 0, "token_env: the environment has no variable %s",
                                 set->token_env);
    if (text && !(*token = strdup(text)))
        return ebp_no_memory(err);
    return EB_OK;
}

/* ---- the check ---- */

static int32_t wrong(struct eb_error *err, const char *what) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s", what);
}

/* Whether Pulsar takes it as the name of a tenant or a namespace. */
static bool name_is_valid(const char *name) {
    return *name && strlen(name) <= 200 &&
           name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-=:.,_")] == '\0';
}

static int32_t check_tls(const struct pl_settings *set, struct eb_error *err) {
    bool tls = pl_url_is_tls(set->url) || (set->admin_url && strncmp(set->admin_url, "https://", 8) == 0);

    if (!tls && (set->tls_ca || set->tls_cert || set->tls_key))
        return wrong(err,
                     "tls_ca, tls_cert and tls_key are of use with a url of pulsar+ssl:// or an admin_url of https:// only");
    if (!set->tls_cert != !set->tls_key)
        return wrong(err, set->tls_cert ? "tls_cert needs tls_key" : "tls_key needs tls_cert");
    return EB_OK;
}

int32_t pl_options_check(const void *settings, struct eb_error *err) {
    const struct pl_settings *set = settings;

    if (strchr(set->url, '@'))
        return wrong(err, "url: it holds no user and password with Pulsar; use token, token_file or tls_cert");
    if (!service_url_is_valid(set->url))
        return wrong(err, "url: expected pulsar://host[:port][,host[:port]...] or pulsar+ssl://...");
    if (set->admin_url && strchr(set->admin_url, '@'))
        return wrong(err, "admin_url: it holds no user and password with Pulsar; use token, token_file or tls_cert");
    if (set->admin_url && !admin_url_is_valid(set->admin_url))
        return wrong(err, "admin_url: expected http://host[:port] or https://host[:port]");
    if (!name_is_valid(set->tenant))
        return wrong(err, "tenant: expected letters, digits, and any of - = : . , _");
    if (!name_is_valid(set->name_space))
        return wrong(err, "namespace: expected letters, digits, and any of - = : . , _, without the tenant");
    if (!!set->token + !!set->token_file + !!set->token_env > 1)
        return wrong(err, "token, token_file and token_env exclude each other: keep one of them");
    if ((set->token || set->token_file || set->token_env) && set->tls_cert)
        return wrong(err, "tls_cert logs in as a token does: keep one of them");
    return check_tls(set, err);
}

/* ---- copies ---- */

/* The texts of the settings, NULL at the end. */
static const char **texts_of(struct pl_settings *set, size_t i) {
    const char **const texts[] = { &set->url,    &set->admin_url, &set->token,   &set->token_file, &set->token_env,
                                   &set->tls_ca, &set->tls_cert,  &set->tls_key, &set->tenant,     &set->name_space };

    return i < sizeof texts / sizeof *texts ? texts[i] : NULL;
}

struct pl_settings *pl_settings_copy(const struct pl_settings *from) {
    struct pl_settings *copy = malloc(sizeof *copy);
    const char **text;
    bool whole = true;

    if (!copy)
        return NULL;
    *copy = *from;
    for (size_t i = 0; (text = texts_of(copy, i)); i++)
        if (*text)
            whole = (*text = strdup(*text)) != NULL && whole;
    if (whole)
        return copy;
    pl_settings_free(copy);
    return NULL;
}

void pl_settings_free(struct pl_settings *set) {
    const char **text;

    for (size_t i = 0; set && (text = texts_of(set, i)); i++)
        free((void *)(uintptr_t)*text);
    free(set);
}

bool pl_acks_by_index(const struct pl_settings *set) {
#ifdef HAVE_PULSAR_BATCH_INDEX_ACK
    return set->batch_index_ack != 0;
#else
    (void)set;
    return false;
#endif
}
