/* plugins/common/registry/registry.c - see registry.h: the two tables, schema to id and id to schema. */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#define HASH_NONFATAL_OOM 1             /* hh.tbl is NULL then; without it uthash ends the process */
#include <uthash.h>

#include "response.h"
#include "fail.h"
#include "request_queue.h"

struct sr_entry {
    struct sr_question question;        /* first: a question of an entry is its entry */
    struct sr_registry *registry;
    uint32_t id;
    char *subject, *schema;             /* in texts; schema ends with a NUL as well */
    size_t texts_len;
    char *texts;                        /* subject NUL schema NUL: what it is found by */
    UT_hash_handle hh;
};

struct lookup {
    struct sr_question question;        /* first, likewise */
    uint32_t id;
    uint64_t used;                      /* grows with each look at it */
    struct sr_text text;
    UT_hash_handle hh;
};

struct sr_registry {
    struct sr_settings settings;
    struct sr_desk desk;
    struct sr_question hello;
    struct sr_entry *entries;
    struct lookup *lookups;
    size_t bytes;                       /* of the schemas in lookups */
    uint64_t looks;
    bool turned_away;                   /* a lookup had no room: ask again after the next sr_poll */
};

static struct sr_registry *registry_of(struct sr_desk *desk) {
    return (struct sr_registry *)((char *)desk - offsetof(struct sr_registry, desk));
}

static void lookup_free(struct sr_registry *registry, struct lookup *lookup) {
    HASH_DEL(registry->lookups, lookup);
    sr_question_end(&registry->desk, &lookup->question);
    registry->bytes -= lookup->text.json_len + lookup->text.name_len;
    free(lookup->text.block);
    free(lookup);
}

static void entry_free(struct sr_registry *registry, struct sr_entry *entry) {
    HASH_DEL(registry->entries, entry);
    sr_question_end(&registry->desk, &entry->question);
    free(entry->texts);
    free(entry);
}

int32_t sr_open(const struct sr_settings *settings, struct sr_registry **out, struct eb_error *err) {
    int32_t status = sr_check(settings, err);
    struct sr_registry *registry = status == EB_OK ? calloc(1, sizeof *registry) : NULL;

    if (status != EB_OK)
        return status;
    if (!registry)
        return sr_no_memory(err);
    registry->settings = *settings;
    registry->desk.alarm_ms = INT64_MAX;
    registry->hello.what = SR_HELLO;
    status = sr_http_make(&registry->settings, &registry->desk.http, err);
    if (status == EB_OK && !sr_servers_make(&registry->desk.servers, settings->urls))
        status = sr_no_memory(err);
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
    sr_http_free(registry->desk.http);                  /* first: nothing comes back to a question that is gone */
    HASH_ITER(hh, registry->entries, entry, next_entry)
        entry_free(registry, entry);
    HASH_ITER(hh, registry->lookups, lookup, next_lookup)
        lookup_free(registry, lookup);
    sr_question_end(&registry->desk, &registry->hello);
    sr_servers_free(&registry->desk.servers);
    free(registry);
}

/* ---- Schema to id ------------------------------------------------------------------------------------------------ */

static struct sr_entry *entry_make(char *texts, size_t len, size_t subject_len) {
    struct sr_entry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    entry->question.what = SR_ENTRY;
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
        sr_no_memory(err);
        return NULL;
    }
    entry->registry = registry;
    HASH_ADD_KEYPTR(hh, registry->entries, entry->texts, texts_len, entry);
    if (!entry->hh.tbl) {
        free(entry->texts);
        free(entry);
        sr_no_memory(err);
        return NULL;
    }
    return entry;
}

int32_t sr_id(struct sr_entry *entry, uint32_t *id, struct eb_error *err) {
    int32_t status = sr_ask(&entry->registry->desk, &entry->question, err);

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
        return sr_fail(err, EB_PERMANENT, EB_KIND_DATA, 0, "%u is the id of no schema: ids are 1 to 2147483647", id);
    HASH_FIND(hh, registry->lookups, &id, sizeof id, lookup);
    if (!lookup && HASH_COUNT(registry->lookups) >= 2u * SR_SCHEMAS_MAX) {
        registry->turned_away = true;
        sr_desk_call(&registry->desk, sr_now_ms());
        return EB_EMPTY;
    }
    if (!lookup)
        lookup = lookup_make(registry, id);
    if (!lookup)
        return sr_no_memory(err);
    lookup->used = ++registry->looks;
    int32_t status = sr_ask(&registry->desk, &lookup->question, err);
    if (status == EB_OK)
        *out = (struct sr_schema){.json = lookup->text.block, .json_len = lookup->text.json_len,
                                  .name = lookup->text.block + lookup->text.json_len + 1,
                                  .name_len = lookup->text.name_len};
    return status;
}

static int by_use(const struct lookup *a, const struct lookup *b) {
    return a->used < b->used ? -1 : a->used > b->used;
}

static bool crowded(const struct sr_registry *registry, unsigned of_four) {
    return HASH_COUNT(registry->lookups) > (size_t)SR_SCHEMAS_MAX * of_four / 4 ||
           registry->bytes > (size_t)SR_SCHEMA_BYTES_MAX / 4 * of_four;
}

/* Down to three quarters, so that sorting is rare. */
static void make_room(struct sr_registry *registry) {
    struct lookup *lookup, *next;

    if (!crowded(registry, 4))
        return;
    HASH_SORT(registry->lookups, by_use);
    HASH_ITER(hh, registry->lookups, lookup, next) {
        if (!crowded(registry, 3))
            return;
        if (sr_question_rests(&lookup->question))
            lookup_free(registry, lookup);
    }
}

/* ---- What the desk asks for -------------------------------------------------------------------------------------- */

/* The address that the question goes to; NULL: no memory. What sr_hello asks is what every reader asks, so that nothing on
 * the way lets only this through, or only this not. */
static char *address_of(const struct sr_question *question, const char *server) {
    char *address = NULL, *subject = NULL;
    int wrote = -1;

    switch (question->what) {
    case SR_ENTRY:
        subject = curl_easy_escape(NULL, ((const struct sr_entry *)question)->subject, 0);
        wrote = subject ? asprintf(&address, "%s/subjects/%s/versions?normalize=False", server, subject) : -1;
        break;
    case SR_LOOKUP:
        wrote = asprintf(&address, "%s/schemas/ids/%u", server, ((const struct lookup *)question)->id);
        break;
    case SR_HELLO:
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

struct sr_request *sr_question_send(struct sr_desk *desk, struct sr_question *question, const char *server) {
    char *address = address_of(question, server);
    bool post = question->what == SR_ENTRY;
    char *body = post ? body_of((const struct sr_entry *)question) : NULL;
    struct sr_request *request = address && (body || !post) ? sr_http_start(desk->http, address, body, question) : NULL;

    free(body);
    free(address);
    return request;
}

/* Only who may not come in, or what is no registry, is no answer: whether it knows schema 1 does not matter. */
static int32_t greeted(const struct sr_answer *answer, struct eb_error *err) {
    struct sr_text text = {0};
    int32_t status = sr_answer_schema(answer, &text, err);

    free(text.block);
    return status == EB_PERMANENT || (answer->http == 403 && !sr_answer_bars(answer)) ? EB_OK : status;
}

int32_t sr_question_answer(struct sr_desk *desk, struct sr_question *question, const struct sr_answer *answer,
                           struct eb_error *err) {
    struct lookup *lookup = (struct lookup *)question;

    if (question->what == SR_HELLO)
        return greeted(answer, err);
    if (question->what == SR_ENTRY)
        return sr_answer_id(answer, &((struct sr_entry *)question)->id, err);
    int32_t status = sr_answer_schema(answer, &lookup->text, err);
    if (status == EB_OK)
        registry_of(desk)->bytes += lookup->text.json_len + lookup->text.name_len;
    return status;
}

void sr_question_context(const struct sr_question *question, const char *server, struct eb_error *err) {
    switch (question->what) {
    case SR_ENTRY:
        sr_context(err, "schema registry %s: the schema of subject %s", server,
                   ((const struct sr_entry *)question)->subject);
        break;
    case SR_LOOKUP:
        sr_context(err, "schema registry %s: schema %u", server, ((const struct lookup *)question)->id);
        break;
    case SR_HELLO:
        sr_context(err, "schema registry %s", server);
        break;
    }
}

/* ---- In the plugin's loop ---------------------------------------------------------------------------------------- */

size_t sr_poll(struct sr_registry *registry) {
    size_t news;

    make_room(registry);
    sr_desk_work(&registry->desk);
    news = registry->desk.news + registry->turned_away;
    registry->desk.news = 0;
    registry->turned_away = false;
    return news;
}

int sr_fd(const struct sr_registry *registry) {
    return sr_http_fd(registry->desk.http);
}

bool sr_busy(const struct sr_registry *registry) {
    const struct sr_desk *desk = &registry->desk;

    return desk->queued.n > 0 || desk->sent > 0 || desk->wanted > 0 || registry->turned_away;
}

int32_t sr_hello(struct sr_registry *registry, struct eb_error *err) {
    int32_t status = sr_ask(&registry->desk, &registry->hello, err);

    if (status != EB_RETRIABLE || registry->hello.barred == 0)
        return status;
    if (err)
        err->status = EB_PERMANENT;
    return EB_PERMANENT;
}

int32_t sr_trouble(const struct sr_registry *registry, struct eb_error *err) {
    if (!sr_servers_all_failed(&registry->desk.servers))
        return EB_OK;
    if (err)
        *err = registry->desk.trouble;
    return EB_RETRIABLE;
}
