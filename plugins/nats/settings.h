/* settings.h - the options of a [broker ...] section, and what the roles make of names and points. */
#ifndef EBN_SETTINGS_H
#define EBN_SETTINGS_H

#include <eventbus/plugin.h>
#include <eventbus/plugin-help.h>

_Static_assert(EB_ABI_MAJOR == 1, "written for major 1 of the plugin interface");

/* The host fills it by the table in options.c; it never changes and is valid until close has returned. */
struct settings {
    const char *const *url;
    const char *user, *password, *token, *credentials;
    const char *tls_ca, *tls_cert, *tls_key, *tls_server_name;
    const char *subject_prefix, *domain;
    int64_t login_timeout; /* ms, as all times here */
    int64_t ack_timeout, max_pending;
    int64_t create_topics, storage, replicas, max_age, max_bytes, duplicate_window;
    int64_t lease;
};

extern const struct eb_option ebn_options[];
enum { EBN_N_OPTIONS = 21 };

/* The check of struct eb_plugin. */
int32_t ebn_check(const void *settings, struct eb_error *);

/* ---- Names ---- */

enum { EBN_NAME_MAX = 200, EBN_SUBJECT_ROOM = 512, EBN_API_ROOM = 640, EBN_DOMAIN_MAX = 64 };

/* What stands before two hexadecimal digits. Not %: nats-server makes the subjects of acknowledgements by a format that has the
 * names of the stream and the consumer in it, so after a % they come out wrong, and with a blank they break the connection. */
#define EBN_ESCAPE '='

/* Writes a topic's stream, a group's durable consumer: letters, digits, - and _ as they are, all else as =XX. Returns false if
 * that is longer than EBN_NAME_MAX or empty; `out` has EBN_NAME_MAX + 1 bytes. */
bool ebn_name(const char *text, char *out);

/* The text that such a name stands for, for names that a server lists. Returns false for one that ebn_name does not write. */
bool ebn_name_text(const char *name, char *out);

/* The subject of a topic: the prefix, a dot and the topic, in which dots stay between other characters. `out` has
 * EBN_SUBJECT_ROOM bytes; the topic has a name (ebn_name). */
void ebn_subject(const struct settings *, const char *topic, char *out);

/* Whether ebn_name takes it; else EB_PERMANENT, filled. `what` is "topic" or "group". */
int32_t ebn_check_name(const char *what, const char *text, struct eb_error *);

/* ---- Points ---- */

/* Reads a position, the sequence of a message in its stream, from 1 on. EB_PERMANENT with EB_KIND_CONFIG: malformed. */
int32_t ebn_position(struct eb_text position, uint64_t *sequence, struct eb_error *);

enum { EBN_POSITION_ROOM = 24 };

/* Writes the position of a message. */
void ebn_position_text(uint64_t sequence, char out[EBN_POSITION_ROOM]);

/* Checks the position of a point of that kind. */
int32_t ebn_check_point(const struct eb_point *, struct eb_error *);

#endif
