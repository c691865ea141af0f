/* plugins/common/registry/registry.h - the client of a schema registry that speaks Confluent's protocol, for plugins whose
 * broker keeps schemas apart from messages. Linked into a plugin statically: LIBADD libregistry.la. Needs libcurl and
 * jansson, and nothing of the event bus but its statuses and errors.
 *
 * It is a cache that fills itself, and no call of it waits for the network. Ask; while the answer is under way it says
 * EB_EMPTY; when sr_poll tells of news, ask again:
 *
 *     struct sr_entry *value = sr_entry(registry, "logins-org.example.login.v1.CloudEvent", json, strlen(json), &err);
 *     ...
 *     switch (sr_id(value, &id, &err)) {       // cheap: one for each message
 *     case EB_OK:         frame and send; break;
 *     case EB_EMPTY:      the message waits; break;
 *     case EB_RETRIABLE:  it waits on, or is given back; err says what is wrong with the registry; break;
 *     default:            EB_PERMANENT: err says why this schema is refused, in the registry's words
 *     }
 *
 * STATUSES   EB_RETRIABLE (cannot be reached, 401, 403, 429, 5xx, an answer that is no registry's): it is asked again
 *            by itself after a wait, as long as somebody asks here. EB_PERMANENT (404, 409, 422, and what can never be
 *            an Avro schema): remembered, and asked again after SR_REFUSED_MS. One answer alone is not believed that may
 *            come of a race: a 409, and a 404 for an id, which a server may not know yet that lags behind another. It is
 *            asked once more, the id at the next server.
 * SERVERS    Several addresses are one registry. One that fails is left alone for a while that doubles, up to
 *            SR_WAIT_MAX_MS; the next one is asked at once. An entry is retriable only when none is left.
 * THREADS    One owner: all calls of one registry come from one thread at a time. Several registries share nothing.
 *            It starts none of its own (libcurl may, to resolve a name).
 * TRUST      What a registry answers is taken for hostile: its size, its JSON, its ids and the bytes that get into an
 *            error. Host names and certificates are checked, redirects are not followed. Errors hold the server's
 *            address, never its user, password, key or secret. */
#ifndef SR_REGISTRY_H
#define SR_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

enum {
    SR_ANSWER_MAX = 1 << 20,            /* bytes of an answer; a larger one is refused */
    SR_SCHEMAS_MAX = 1000,              /* schemas kept by id; those not used for longest make room */
    SR_SCHEMA_BYTES_MAX = 32 << 20,     /* and what they may take together */
    SR_AT_ONCE = 8,                     /* requests under way */
    SR_WAIT_FIRST_MS = 100,             /* how long a server that failed is left alone; up to a fifth less by chance */
    SR_WAIT_MAX_MS = 10000,
    SR_REFUSED_MS = 30000,              /* how long a refusal is remembered */
    SR_DOUBT_MS = 250,                  /* how long after its first 404 an id is asked for once more */
    SR_DOUBTS_IN_VAIN = 10              /* in SR_REFUSED_MS; further ids are asked for once more at once */
};

/* Laid out for a plugin's option table: see options.h. Borrowed until sr_close has returned. */
struct sr_settings {
    const char *const *urls;            /* NULL-ended; http or https, what comes before /subjects; without user and
                                         * password, which are key and secret */
    const char *key, *secret;           /* Basic auth, sent when both are set */
    const char *ca;                     /* file of CA certificates (PEM); NULL: the system's */
    const char *cert, *cert_key;        /* files of the client certificate and its key (PEM); NULL: none */
    const char *cert_key_password;      /* NULL: the key is not encrypted */
    int64_t connect_timeout_ms;         /* 0: 5000 */
    int64_t timeout_ms;                 /* of a whole request; 0: 10000 */
};

/* Judges them without connecting. EB_OK, or EB_PERMANENT with what is wrong. */
int32_t sr_check(const struct sr_settings *, struct eb_error *);

struct sr_registry;
struct sr_entry;

/* EB_OK, or why not: EB_PERMANENT for settings, EB_FATAL for memory and descriptors. Connects to nothing. */
int32_t sr_open(const struct sr_settings *, struct sr_registry **, struct eb_error *);

/* Drops what is under way. NULL is fine. */
void sr_close(struct sr_registry *);

/* ---- For who writes: schema to id ------------------------------------------------------------------------------ */

/* The schema under the subject; the same entry for the same two texts (copied), alive until sr_close: keep the pointer
 * by what is cheap to compare. Asks for nothing yet. NULL: no memory. */
struct sr_entry *sr_entry(struct sr_registry *, const char *subject, const char *schema, size_t len, struct eb_error *);

/* Its id, which the registry gives when it is asked for the first time, as the Python producer does it:
 * POST /subjects/SUBJECT/versions?normalize=False. EB_OK, EB_EMPTY, EB_RETRIABLE, EB_PERMANENT. An id once known
 * stays. */
int32_t sr_id(struct sr_entry *, uint32_t *id, struct eb_error *);

/* ---- For who reads: id to schema ------------------------------------------------------------------------------- */

/* Borrowed until the next sr_poll, however many are looked at before it. One id always means the same text. */
struct sr_schema {
    const char *json;                   /* as the registry has it; NUL-ended */
    const char *name;                   /* of the outermost record, with its namespace; of others, the type's */
    size_t json_len, name_len;
};

/* GET /schemas/ids/ID. EB_OK, EB_EMPTY, EB_RETRIABLE, EB_PERMANENT: no schema has that id, or it is none for Avro. */
int32_t sr_schema(struct sr_registry *, uint32_t id, struct sr_schema *, struct eb_error *);

/* ---- In the plugin's loop ---------------------------------------------------------------------------------------- */

/* Makes progress, never waits. Answers how many entries have got another answer since the last time: when it is not 0,
 * ask again for what messages wait for. */
size_t sr_poll(struct sr_registry *);

/* A descriptor that becomes readable (poll, epoll, select) when sr_poll has something to do, time-outs and retries
 * included. The same until sr_close; never read from it. */
int sr_fd(const struct sr_registry *);

/* Whether anything is under way or waits to be asked again. When not, sr_fd stays silent until the next question. */
bool sr_busy(const struct sr_registry *);

/* Whether the registry takes this client, found out by a question of its own (GET /schemas/ids/1) that is asked again until
 * a server has taken it, as long as somebody asks here. EB_OK, from then on for ever; EB_EMPTY: not known yet; EB_RETRIABLE:
 * it is away; EB_PERMANENT: it turns this client away, by 401, 403 or its certificate. */
int32_t sr_hello(struct sr_registry *, struct eb_error *);

/* EB_OK, or EB_RETRIABLE with the latest cause while no server is left to ask: what a plugin says in link(). */
int32_t sr_trouble(const struct sr_registry *, struct eb_error *);

#endif
