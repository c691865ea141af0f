/* plugins/common/registry/registry.c - see registry.h: the two tables, schema to id and id to schema. */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then; without it uthash ends the process */
#include <uthash.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "request_queue.h"
#include "response.h"

struct sr_entry {
    struct sr_request request; /* first: a pointer to it is a pointer to the entry */
    struct sr_registry *registry;
    uint32_t id;
    char *subject, *schema; /* point into texts; schema ends with a NUL too */
    size_t texts_len;
    char *texts; /* subject NUL schema NUL: the key of the table */
    UT_hash_handle hh;
};

struct lookup {
    struct sr_request request; /* first, likewise */
    uint32_t id;
    uint64_t used; /* the number of its latest use */
    struct sr_schema_text text;
    UT_hash_handle hh;
};

struct sr_registry {
    struct sr_settings settings;
    struct sr_request_queue queue;
    struct sr_request probe;
    struct sr_entry *entries;
    struct lookup *lookups;
    size_t bytes; /* of the schemas in lookups */
    uint64_t uses;
    bool crowded_out; /* a lookup found no room: it is to be tried again after the next sr_poll */
};

static struct sr_registry *registry_of(struct sr_request_queue *queue) {
    return (struct sr_registry *)((char *)queue - offsetof(struct sr_registry, queue));
}

static void lookup_free(struct sr_registry *registry, struct lookup *lookup) {
    HASH_DEL(registry->lookups, lookup);
    sr_request_end(&registry->queue, &lookup->request);
    registry->bytes -= lookup->text.json_len + lookup->text.name_len;
    free(lookup->text.block);
    free(lookup);
}

static void entry_free(struct sr_registry *registry, struct sr_entry *entry) {
    HASH_DEL(registry->entries, entry);
    sr_request_end(&registry->queue, &entry->request);
    free(entry->texts);
    free(entry);
}

int32_t sr_open(const struct sr_settings *settings, struct sr_registry **out, struct eb_error *err) {
    int32_t status = sr_check(settings, err);
    struct sr_registry *registry = status == EB_OK ? calloc(1, sizeof *registry) : NULL;

    if (status != EB_OK)
        return status;
    if (!registry)
        return ebp_no_memory(err);
    registry->settings = *settings;
    registry->queue.alarm_ms = INT64_MAX;
    registry->probe.type = SR_PROBE;
    status = sr_http_make(&registry->settings, &registry->queue.http, err);
    if (status == EB_OK && !sr_servers_make(&registry->queue.servers, settings->urls))
        status = ebp_no_memory(err);
    if (status != EB_OK) {
        sr_close(registry);
        return status;
    }
    *out = registry;
    return EB_OK;
}

void sr_close(struct sr_registry *registry) {
    struct sr_entry *entry, *next_entry;
    struct lookup *lookup, *next_lookup;

    if (!registry)
        return;
    sr_http_free(registry->queue.http); /* first, so that no result comes for a request that is freed */
    HASH_ITER(hh, registry->entries, entry, next_entry)
    entry_free(registry, entry);
    HASH_ITER(hh, registry->lookups, lookup, next_lookup)
    lookup_free(registry, lookup);
    sr_request_end(&registry->queue, &registry->probe);
    sr_servers_free(&registry->queue.servers);
    free(registry);
}

/* ---- Schema to id ------------------------------------------------------------------------------------------------ */

static struct sr_entry *entry_make(char *texts, size_t len, size_t subject_len) {
    struct sr_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    entry->request.type = SR_REGISTER;
    entry->texts = texts;
    entry->texts_len = len;
    entry->subject = texts;
    entry->schema = texts + subject_len + 1;
    return entry;
}

struct sr_entry *sr_entry(struct sr_registry *registry, const char *subject, const char *schema, size_t len,
                          struct eb_error *err) {
    size_t subject_len = strlen(subject), texts_len = subject_len + 1 + len + 1;
    char *texts = malloc(texts_len);
    struct sr_entry *entry = NULL;

    if (texts) {
        memcpy(texts, subject, subject_len + 1);
        memcpy(texts + subject_len + 1, schema, len);
        texts[texts_len - 1] = 0;
        HASH_FIND(hh, registry->entries, texts, texts_len, entry);
    }
    if (entry) {
        free(texts);
        return entry;
    }
    entry = texts ? entry_make(texts, texts_len, subject_len) : NULL;
    if (!entry) {
        free(texts);
        ebp_no_memory(err);
        return NULL;
    }
    entry->registry = registry;
    HASH_ADD_KEYPTR(hh, registry->entries, entry->texts, texts_len, entry);
    if (!entry->hh.tbl) {
        free(entry->texts);
        free(entry);
        ebp_no_memory(err);
        return NULL;
    }
    return entry;
}

int32_t sr_id(struct sr_entry *entry, uint32_t *id, struct eb_error *err) {
    int32_t status = sr_ask(&entry->registry->queue, &entry->request, err);

    if (status == EB_OK)
        *id = entry->id;
    return status;
}

/* ---- Id to schema ------------------------------------------------------------------------------------------------ */

static struct lookup *lookup_make(struct sr_registry *registry, uint32_t id) {
    struct lookup *lookup = calloc(1, sizeof *lookup);

    if (!lookup)
        return NULL;
    lookup->id = id;
    HASH_ADD(hh, registry->lookups, id, sizeof lookup->id, lookup);
    if (lookup->hh.tbl)
        return lookup;
    free(lookup);
    return NULL;
}

int32_t sr_schema(struct sr_registry *registry, uint32_t id, struct sr_schema *out, struct eb_error *err) {
    struct lookup *lookup;

    if (id < 1 || id > INT32_MAX)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_DATA, 0, "%u is not a schema id: ids are 1 to 2147483647", id);
    HASH_FIND(hh, registry->lookups, &id, sizeof id, lookup);
    if (!lookup && HASH_COUNT(registry->lookups) >= 2u * SR_SCHEMAS_MAX) {
        registry->crowded_out = true;
        sr_request_queue_call_at(&registry->queue, ebp_monotonic_ms());
        return EB_EMPTY;
    }
    if (!lookup)
        lookup = lookup_make(registry, id);
    if (!lookup)
        return ebp_no_memory(err);
    lookup->used = ++registry->uses;
    int32_t status = sr_ask(&registry->queue, &lookup->request, err);
    if (status == EB_OK)
        *out = (struct sr_schema){ .json = lookup->text.block,
                                   .json_len = lookup->text.json_len,
                                   .name = lookup->text.block + lookup->text.json_len + 1,
                                   .name_len = lookup->text.name_len };
    return status;
}

static int by_use(const struct lookup *a, const struct lookup *b) {
    return a->used < b->used ? -1 : a->used > b->used;
}

/* Whether the schemas take more than that many quarters of their room. */
static bool is_fuller_than(const struct sr_registry *registry, unsigned quarters) {
    return HASH_COUNT(registry->lookups) > (size_t)SR_SCHEMAS_MAX * quarters / 4 ||
           registry->bytes > (size_t)SR_SCHEMA_BYTES_MAX / 4 * quarters;
}

/* Frees the schemas not used for longest, down to three quarters, so that sorting is rare. */
static void make_room(struct sr_registry *registry) {
    struct lookup *lookup, *next;

    if (!is_fuller_than(registry, 4))
        return;
    HASH_SORT(registry->lookups, by_use);
    HASH_ITER(hh, registry->lookups, lookup, next) {
        if (!is_fuller_than(registry, 3))
            return;
        if (sr_request_is_idle(&lookup->request))
            lookup_free(registry, lookup);
    }
}

/* ---- What a request sends, and where its response goes ----------------------------------------------------------- */

/* Returns the address of the request; NULL: no memory. A probe requests what every reader does, so that a proxy on the way
 * cannot treat it differently. */
static char *address_of(const struct sr_request *request, const char *server) {
    char *address = NULL, *subject = NULL;
    int wrote = -1;

    switch (request->type) {
    case SR_REGISTER:
        subject = curl_easy_escape(NULL, ((const struct sr_entry *)request)->subject, 0);
        wrote = subject ? asprintf(&address, "%s/subjects/%s/versions?normalize=False", server, subject) : -1;
        break;
    case SR_LOOKUP:
        wrote = asprintf(&address, "%s/schemas/ids/%u", server, ((const struct lookup *)request)->id);
        break;
    case SR_PROBE:
        wrote = asprintf(&address, "%s/schemas/ids/1", server);
        break;
    }
    curl_free(subject);
    return wrote < 0 ? NULL : address;
}

static char *body_of(const struct sr_entry *entry) {
    size_t len = entry->texts_len - (size_t)(entry->schema - entry->texts) - 1;
    json_t *body = json_pack("{ss%}", "schema", entry->schema, len);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    json_decref(body);
    return text;
}

struct sr_transfer *sr_request_send(struct sr_request_queue *queue, struct sr_request *request, const char *server) {
    char *address = address_of(request, server);
    bool post = request->type == SR_REGISTER;
    char *body = post ? body_of((const struct sr_entry *)request) : NULL;
    struct sr_transfer *transfer = address && (body || !post) ? sr_http_start(queue->http, address, body, request) : NULL;

    free(body);
    free(address);
    return transfer;
}

/* A probe succeeds unless the server rejects this client or is not a registry; whether it knows schema 1 does not matter. */
static int32_t take_probe_response(const struct sr_response *response, struct eb_error *err) {
    struct sr_schema_text text = { 0 };
    int32_t status = sr_response_schema(response, &text, err);

    free(text.block);
    return status == EB_PERMANENT || (response->http == 403 && !sr_response_rejects_auth(response)) ? EB_OK : status;
}

int32_t sr_request_take_response(struct sr_request_queue *queue, struct sr_request *request, const struct sr_response *response,
                                 struct eb_error *err) {
    struct lookup *lookup = (struct lookup *)request;

    if (request->type == SR_PROBE)
        return take_probe_response(response, err);
    if (request->type == SR_REGISTER)
        return sr_response_id(response, &((struct sr_entry *)request)->id, err);
    int32_t status = sr_response_schema(response, &lookup->text, err);
    if (status == EB_OK)
        registry_of(queue)->bytes += lookup->text.json_len + lookup->text.name_len;
    return status;
}

void sr_request_context(const struct sr_request *request, const char *server, struct eb_error *err) {
    switch (request->type) {
    case SR_REGISTER:
        ebp_error_context(err, "schema registry %s: the schema of subject %s", server,
                          ((const struct sr_entry *)request)->subject);
        break;
    case SR_LOOKUP:
        ebp_error_context(err, "schema registry %s: schema %u", server, ((const struct lookup *)request)->id);
        break;
    case SR_PROBE:
        ebp_error_context(err, "schema registry %s", server);
        break;
    }
}

/* ---- In the plugin's loop ---------------------------------------------------------------------------------------- */

size_t sr_poll(struct sr_registry *registry) {
    size_t news;

    make_room(registry);
    sr_request_queue_work(&registry->queue);
    news = registry->queue.news + registry->crowded_out;
    registry->queue.news = 0;
    registry->crowded_out = false;
    return news;
}

int sr_fd(const struct sr_registry *registry) {
    return sr_http_fd(registry->queue.http);
}

bool sr_busy(const struct sr_registry *registry) {
    const struct sr_request_queue *queue = &registry->queue;

    return queue->queued || queue->sent > 0 || queue->wanted > 0 || registry->crowded_out;
}

int32_t sr_probe(struct sr_registry *registry, struct eb_error *err) {
    int32_t status = sr_ask(&registry->queue, &registry->probe, err);

    if (status != EB_RETRIABLE || registry->probe.auth_rejected == 0)
        return status;
    if (err)
        err->status = EB_PERMANENT;
    return EB_PERMANENT;
}

int32_t sr_link_status(const struct sr_registry *registry, struct eb_error *err) {
    if (!sr_servers_all_failed(&registry->queue.servers))
        return EB_OK;
    if (err)
        *err = registry->queue.server_error;
    return EB_RETRIABLE;
}
