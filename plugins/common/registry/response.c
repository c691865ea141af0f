/* plugins/common/registry/response.c - see response.h. */
#include "response.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>

#include "fail.h"

enum { WORDS_ROOM = 400 };              /* of the registry's own words in an error */

/* NULs are let in, so that a schema that holds one is told from an answer that is no registry's. */
static json_t *parse(const struct sr_answer *answer) {
    return answer->cut ? NULL : json_loadb(answer->body, answer->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

/* The registry's error code, 0 without one, and what it says, "" when it says nothing. */
static json_int_t words(const json_t *root, char *out, size_t room) {
    const json_t *message = json_object_get(root, "message");
    const json_t *code = json_object_get(root, "error_code");

    sr_clean(out, room, json_is_string(message) ? json_string_value(message) : "", json_string_length(message));
    return json_integer_value(code);
}

/* These tell of the server, or of the way to it: another time, or another server, may answer otherwise. */
static bool may_pass(long http) {
    return http < 400 || http >= 500 || http == 401 || http == 403 || http == 407 || http == 408 || http == 425 ||
           http == 429;
}

static const char *advice(long http) {
    if (http == 401 || http == 403)
        return "; see schema_registry_key and schema_registry_secret";
    if (http >= 300 && http < 400)
        return "; redirects are not followed, give the address it leads to";
    return "";
}

/* What an answer with another status than 2xx means. A refusal counts only when the registry itself speaks: a web
 * server that knows no such path answers 404 as well, and no event shall be lost for a wrong address. */
static int32_t refuse(const struct sr_answer *answer, struct eb_error *err) {
    char text[WORDS_ROOM];
    json_t *root = parse(answer);
    json_int_t code = words(root, text, sizeof text);
    bool permanent = code != 0 && !may_pass(answer->http);

    json_decref(root);
    if (permanent)
        return sr_fail(err, EB_PERMANENT, EB_KIND_DATA, code,
                       "refused with %ld: %s (error code %" JSON_INTEGER_FORMAT ")", answer->http,
                       *text ? text : "no reason given", code);
    if (!may_pass(answer->http))
        return sr_fail(err, EB_RETRIABLE, EB_KIND_BROKER, answer->http,
                       "HTTP status %ld, and not as a schema registry says it; is this its address?", answer->http);
    return sr_fail(err, EB_RETRIABLE, EB_KIND_BROKER, answer->http, "HTTP status %ld%s%s%s", answer->http,
                   *text ? ": " : "", text, advice(answer->http));
}

bool sr_answer_bars(const struct sr_answer *answer) {
    json_t *root = answer->http == 403 ? parse(answer) : NULL;
    bool of_this = json_is_integer(json_object_get(root, "error_code"));

    json_decref(root);
    return answer->http == 401 || (answer->http == 403 && !of_this);
}

static bool succeeded(const struct sr_answer *answer) {
    return answer->http >= 200 && answer->http < 300;
}

static int32_t no_registry(struct eb_error *err) {
    return sr_fail(err, EB_RETRIABLE, EB_KIND_BROKER, 0,
                   "this is no answer of a schema registry; is this its address?");
}

int32_t sr_answer_id(const struct sr_answer *answer, uint32_t *id, struct eb_error *err) {
    if (!succeeded(answer))
        return refuse(answer, err);
    json_t *root = parse(answer);
    const json_t *found = json_object_get(root, "id");
    bool there = json_is_integer(found);
    json_int_t value = json_integer_value(found);

    json_decref(root);
    if (!there)
        return no_registry(err);
    if (value < 1 || value > INT32_MAX)
        return sr_fail(err, EB_RETRIABLE, EB_KIND_BROKER, 0, "it gave the id %" JSON_INTEGER_FORMAT
                       ", which is none: ids are 1 to 2147483647", value);
    *id = (uint32_t)value;
    return EB_OK;
}

/* The outermost type: down through {"type": {...}} to what has a name of its own, or is a word. */
static const json_t *outermost(const json_t *type) {
    for (const json_t *inner; json_is_object(type); type = inner) {
        inner = json_object_get(type, "type");
        if (!json_is_object(inner))
            return type;
    }
    return type;
}

static bool named(const char *word) {
    return strcmp(word, "record") == 0 || strcmp(word, "error") == 0 || strcmp(word, "enum") == 0 ||
           strcmp(word, "fixed") == 0;
}

/* namespace.name, name, or the type's word; NULL: no Avro schema. The answer is to be freed. */
static char *name_of(const json_t *schema) {
    const json_t *type = outermost(schema);
    const json_t *word = json_is_object(type) ? json_object_get(type, "type") : type;
    const char *kind = json_is_array(word) ? "union" : json_string_value(word);
    char *name = NULL;

    if (!kind || !named(kind))
        return kind ? strdup(kind) : NULL;
    const char *own = json_string_value(json_object_get(type, "name"));
    const char *space = json_string_value(json_object_get(type, "namespace"));
    if (!own)
        return NULL;
    if (strchr(own, '.') || !space || !*space)
        return strdup(own);
    return asprintf(&name, "%s.%s", space, own) < 0 ? NULL : name;
}

static int32_t no_avro(struct eb_error *err, const char *why) {
    return sr_fail(err, EB_PERMANENT, EB_KIND_DATA, 0, "it is no schema for Avro: %s", why);
}

/* Copies text and name into one block. */
static int32_t keep(const json_t *text, const char *name, struct sr_text *out, struct eb_error *err) {
    size_t json_len = json_string_length(text), name_len = strlen(name);
    char *block = malloc(json_len + 1 + name_len + 1);

    if (!block)
        return sr_no_memory(err);
    memcpy(block, json_string_value(text), json_len + 1);
    memcpy(block + json_len + 1, name, name_len + 1);
    *out = (struct sr_text){block, json_len, name_len};
    return EB_OK;
}

static int32_t read_schema(const json_t *root, struct sr_text *out, struct eb_error *err) {
    const json_t *text = json_object_get(root, "schema");
    const char *type = json_string_value(json_object_get(root, "schemaType"));
    char shown[40];

    if (!json_is_string(text))
        return no_registry(err);
    if (type && strcmp(type, "AVRO") != 0) {
        sr_clean(shown, sizeof shown, type, strlen(type));
        return no_avro(err, shown);
    }
    if (json_array_size(json_object_get(root, "references")) > 0)
        return no_avro(err, "it refers to other schemas, which is not supported");
    json_t *schema = json_loadb(json_string_value(text), json_string_length(text), JSON_DECODE_ANY, NULL);
    char *name = name_of(schema);
    int32_t status = name ? keep(text, name, out, err) : no_avro(err, "its text has no type that Avro knows");
    free(name);
    json_decref(schema);
    return status;
}

int32_t sr_answer_schema(const struct sr_answer *answer, struct sr_text *out, struct eb_error *err) {
    if (!succeeded(answer))
        return refuse(answer, err);
    if (answer->cut)
        return no_avro(err, "it is larger than 1 MiB");
    json_t *root = parse(answer);
    int32_t status = read_schema(root, out, err);
    json_decref(root);
    return status;
}
