/* plugins/common/registry/registry.h - the client of a schema registry that speaks Confluent's protocol, for plugins whose
 * broker keeps schemas apart from messages. A plugin links it statically: LIBADD libregistry.la libplugincommon.la. It needs
 * libcurl, jansson and uthash.
 *
 * It is a cache that fills itself, and no call waits for the network. While the response is under way a call returns
 * EB_EMPTY; when sr_poll reports news, call it again:
 *
 *     struct sr_entry *value = sr_entry(registry, "logins-org.example.login.v1.CloudEvent", json, strlen(json), &err);
 *     ...
 *     switch (sr_id(value, &id, &err)) {       // cheap: one for each message
 *     case EB_OK:         frame and send; break;
 *     case EB_EMPTY:      the message waits; break;
 *     case EB_RETRIABLE:  it waits on, or is handed back; err says what is wrong with the registry; break;
 *     default:            EB_PERMANENT: err says why this schema is refused, in the registry's words
 *     }
 *
 * STATUSES   EB_RETRIABLE (it cannot be reached; 401, 403, 429, 5xx; a response that is not a registry's): the request is
 *            sent again after a wait, as long as somebody calls. EB_PERMANENT (404, 409, 422, and what can never be an Avro
 *            schema): remembered, and sent again after SR_REFUSED_MS. A single response that may come of a race is not
 *            believed: a 409, and a 404 for an id, which a server that lags behind another may not know yet. That request is
 *            sent once more, the one for an id to the next server.
 * SERVERS    Several addresses are one registry. A server that fails is left alone for a wait that doubles, up to
 *            SR_WAIT_MAX_MS, and the next one is tried at once. An entry is retriable only when no server is left.
 * THREADS    One owner: all calls of one registry come from one thread at a time. Several registries share nothing.
 *            It starts no thread of its own (libcurl may, to resolve a name).
 * TRUST      Each response is taken for hostile: its size, its JSON, its ids and the bytes that get into an error. Host
 *            names and certificates are checked, redirects are not followed. Errors hold the server's address, never its
 *            user, password, key or secret. */
#ifndef SR_REGISTRY_H
#define SR_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

#include "settings.h"

struct sr_registry;
struct sr_entry;

/* Returns EB_OK, EB_PERMANENT for wrong settings, or EB_FATAL without memory or descriptors. Does not connect. */
int32_t sr_open(const struct sr_settings *, struct sr_registry **, struct eb_error *);

/* Drops the requests under way. NULL is fine. */
void sr_close(struct sr_registry *);

/* ---- For writers: schema to id --------------------------------------------------------------------------------- */

/* Returns the entry of a schema under its subject: the same entry for the same two texts (copied), alive until sr_close.
 * Keep the pointer by something that is cheap to compare. Sends nothing yet. NULL: no memory. */
struct sr_entry *sr_entry(struct sr_registry *, const char *subject, const char *schema, size_t len, struct eb_error *);

/* Gets the entry's id, which the registry gives at the first request, the one that the Python producer sends:
 * POST /subjects/SUBJECT/versions?normalize=False. Returns EB_OK, EB_EMPTY, EB_RETRIABLE or EB_PERMANENT. An id that is
 * known once stays so. */
int32_t sr_id(struct sr_entry *, uint32_t *id, struct eb_error *);

/* ---- For readers: id to schema --------------------------------------------------------------------------------- */

/* Borrowed until the next sr_poll, however many are read before it. One id always means the same text. */
struct sr_schema {
    const char *json; /* as the registry has it; NUL-ended */
    const char *name; /* of the outermost record, with its namespace; of others, the type's */
    size_t json_len, name_len;
};

/* GET /schemas/ids/ID. Returns EB_OK, EB_EMPTY, EB_RETRIABLE, or EB_PERMANENT when no schema has that id or it cannot be used
 * as an Avro schema. */
int32_t sr_schema(struct sr_registry *, uint32_t id, struct sr_schema *, struct eb_error *);

/* ---- In the plugin's loop ---------------------------------------------------------------------------------------- */

/* Makes progress, never waits. Returns how many entries and ids have another status since the last call; when it is not 0,
 * ask again for those that messages wait for. */
size_t sr_poll(struct sr_registry *);

/* Returns a descriptor that becomes readable (poll, epoll, select) when sr_poll has something to do, time-outs and retries
 * included. It stays the same until sr_close. Never read from it. */
int sr_fd(const struct sr_registry *);

/* Whether a request is under way or waits to be sent again. When not, sr_fd stays silent until the next one. */
bool sr_busy(const struct sr_registry *);

/* Whether the registry accepts this client, found out by a request of its own (GET /schemas/ids/1), which is sent again until
 * a server has accepted it, as long as somebody calls. Returns EB_OK, from then on for ever; EB_EMPTY while it is not known;
 * EB_RETRIABLE while the registry is away; EB_PERMANENT when it rejects this client by 401, 403 or its certificate. */
int32_t sr_probe(struct sr_registry *, struct eb_error *);

/* Returns EB_OK, or EB_RETRIABLE with the latest cause while no server is left to try: what a plugin reports by link(). */
int32_t sr_link_status(const struct sr_registry *, struct eb_error *);

#endif
