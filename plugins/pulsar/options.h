/* options.h - the plugin's options: their table, their check, and the struct that the host fills in. */
#ifndef PL_OPTIONS_H
#define PL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/plugin.h>

/* The order of the choices in the table. */
enum pl_batching { PL_BATCHING_KEY, PL_BATCHING_MIXED, PL_BATCHING_OFF };
enum pl_subscription { PL_SUBSCRIPTION_AUTO, PL_SUBSCRIPTION_SHARED, PL_SUBSCRIPTION_KEY_SHARED, PL_SUBSCRIPTION_EXCLUSIVE };

/* Texts that are not given are NULL; times are in ms. */
struct pl_settings {
    const char *url, *admin_url;
    const char *token, *token_file, *token_env; /* one of them at most */
    const char *tls_ca, *tls_cert, *tls_key;
    const char *tenant, *name_space;
    int64_t operation_timeout, keepalive;
    /* producer */
    int64_t compression, batching, batch_delay, batch_messages, batch_bytes, max_pending, key_hash;
    /* consumer */
    int64_t subscription, ack_delay, topic_wait, batch_index_ack;
    /* admin */
    int64_t partitions, retention;
};

enum { PL_OPTIONS = 25 };
extern const struct eb_option pl_options[];

/* EB_OK, or EB_PERMANENT: options that do not fit together. */
int32_t pl_options_check(const void *settings, struct eb_error *);

/* Whether the url is of TLS. */
bool pl_url_is_tls(const char *url);

/* Writes where the HTTP admin interface is, without a slash at its end: admin_url, or the host of url with port 8080, for TLS
 * 8443. False: it does not fit into the room. */
bool pl_admin_url(const struct pl_settings *, char *out, size_t room);

/* Makes a copy of the token that is given by token, token_file or token_env, for the caller to free; *token is NULL if none
 * is given. It is read at each call, so a token that was renewed in its file is used. EB_RETRIABLE with EB_KIND_CONFIG: it
 * cannot be read; EB_KIND_SYSTEM: no memory. */
int32_t pl_token(const struct pl_settings *, char **token, struct eb_error *);

/* A copy of its own, for a thread that may outlive the instance; NULL: no memory. */
struct pl_settings *pl_settings_copy(const struct pl_settings *);
void pl_settings_free(struct pl_settings *);

/* Whether broker-side batch index acknowledgement is promised by the settings and possible with this libpulsar. */
bool pl_acks_by_index(const struct pl_settings *);

#endif
