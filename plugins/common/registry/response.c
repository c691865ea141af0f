/* plugins/common/registry/response.c - see response.h. */
#include "response.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/text.h>

enum { MESSAGE_ROOM = 400 }; /* of the registry's own message in an error */

/* NULs are accepted here, so that a schema with a NUL is not mistaken for a response that is not a registry's. */
static json_t *parse(const struct sr_response *response) {
    return response->cut ? NULL : json_loadb(response->body, response->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
}

/* Returns the registry's error code, 0 without one; copies its message, "" without one. */
static json_int_t error_code(const json_t *root, char *message, size_t room) {
    const json_t *text = json_object_get(root, "message");
    const json_t *code = json_object_get(root, "error_code");

    ebp_one_line(message, room, json_is_string(text) ? json_string_value(text) : "", json_string_length(text));
    return json_integer_value(code);
}

/* Whether the status is about the server or the way to it, so that a later try or another server may succeed. */
static bool may_pass(long http) {
    return http < 400 || http >= 500 || http == 401 || http == 403 || http == 407 || http == 408 || http == 425 || http == 429;
}

static const char *advice(long http) {
    if (http == 401 || http == 403)
        return "; see schema_registry_key and schema_registry_secret";
    if (http >= 300 && http < 400)
        return "; redirects are not followed, give the address it leads to";
    return "";
}

/* Fills in the error of a response whose status is not 2xx. It is a refusal only with a registry's error code: a web server
 * that does not know the path returns 404 as well, and no event may be lost because the address is wrong. */
static int32_t classify_failure(const struct sr_response *response, struct eb_error *err) {
    char message[MESSAGE_ROOM];
    json_t *root = parse(response);
    json_int_t code = error_code(root, message, sizeof message);
    bool permanent = code != 0 && !may_pass(response->http);

    json_decref(root);
    if (permanent)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_DATA, code,
                                 "refused with %ld: %s (error code %" JSON_INTEGER_FORMAT ")", response->http,
                                 *message ? message : "no reason given", code);
    if (!may_pass(response->http))
        return ebp_error(err, EB_RETRIABLE, response->http,
                         "HTTP status %ld without the error code of a schema registry; is this its address?", response->http);
    return ebp_error(err, EB_RETRIABLE, response->http, "HTTP status %ld%s%s%s", response->http, *message ? ": " : "", message,
                     advice(response->http));
}

bool sr_response_rejects_auth(const struct sr_response *response) {
    json_t *root = response->http == 403 ? parse(response) : NULL;
    bool of_this_request = json_is_integer(json_object_get(root, "error_code"));

    json_decref(root);
    return response->http == 401 || (response->http == 403 && !of_this_request);
}

static bool succeeded(const struct sr_response *response) {
    return response->http >= 200 && response->http < 300;
}

static int32_t not_a_registry(struct eb_error *err) {
    return ebp_error(err, EB_RETRIABLE, 0, "the response is not a schema registry's; is this its address?");
}

int32_t sr_response_id(const struct sr_response *response, uint32_t *id, struct eb_error *err) {
    if (!succeeded(response))
        return classify_failure(response, err);
    json_t *root = parse(response);
    const json_t *found = json_object_get(root, "id");
    bool there = json_is_integer(found);
    json_int_t value = json_integer_value(found);

    json_decref(root);
    if (!there)
        return not_a_registry(err);
    if (value < 1 || value > INT32_MAX)
        return ebp_error(err, EB_RETRIABLE, 0, "the id in the response is %" JSON_INTEGER_FORMAT "; ids are 1 to 2147483647",
                         value);
    *id = (uint32_t)value;
    return EB_OK;
}

/* The outermost type: follows {"type": {...}} to what has a name of its own, or is a word. */
static const json_t *outermost(const json_t *type) {
    for (const json_t *inner; json_is_object(type); type = inner) {
        inner = json_object_get(type, "type");
        if (!json_is_object(inner))
            return type;
    }
    return type;
}

static bool is_named_type(const char *word) {
    return strcmp(word, "record") == 0 || strcmp(word, "error") == 0 || strcmp(word, "enum") == 0 || strcmp(word, "fixed") == 0;
}

/* Returns namespace.name, name, or the type's word, for the caller to free. NULL: not an Avro schema. */
static char *name_of(const json_t *schema) {
    const json_t *type = outermost(schema);
    const json_t *word = json_is_object(type) ? json_object_get(type, "type") : type;
    const char *kind = json_is_array(word) ? "union" : json_string_value(word);
    char *name = NULL;

    if (!kind || !is_named_type(kind))
        return kind ? strdup(kind) : NULL;
    const char *own = json_string_value(json_object_get(type, "name"));
    const char *space = json_string_value(json_object_get(type, "namespace"));
    if (!own)
        return NULL;
    if (strchr(own, '.') || !space || !*space)
        return strdup(own);
    return asprintf(&name, "%s.%s", space, own) < 0 ? NULL : name;
}

static int32_t not_avro(struct eb_error *err, const char *why) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_DATA, 0, "cannot be used as an Avro schema: %s", why);
}

/* Copies text and name into one block. */
static int32_t keep(const json_t *text, const char *name, struct sr_schema_text *out, struct eb_error *err) {
    size_t json_len = json_string_length(text), name_len = strlen(name);
    char *block = malloc(json_len + 1 + name_len + 1);

    if (!block)
        return ebp_no_memory(err);
    memcpy(block, json_string_value(text), json_len + 1);
    memcpy(block + json_len + 1, name, name_len + 1);
    *out = (struct sr_schema_text){ block, json_len, name_len };
    return EB_OK;
}

static int32_t read_schema(const json_t *root, struct sr_schema_text *out, struct eb_error *err) {
    const json_t *text = json_object_get(root, "schema");
    const char *type = json_string_value(json_object_get(root, "schemaType"));
    char shown[40];

    if (!json_is_string(text))
        return not_a_registry(err);
    if (type && strcmp(type, "AVRO") != 0) {
        ebp_one_line(shown, sizeof shown, type, strlen(type));
        return not_avro(err, shown);
    }
    if (json_array_size(json_object_get(root, "references")) > 0)
        return not_avro(err, "it refers to other schemas, which is not supported");
    json_t *schema = json_loadb(json_string_value(text), json_string_length(text), JSON_DECODE_ANY, NULL);
    char *name = name_of(schema);
    int32_t status = name ? keep(text, name, out, err) : not_avro(err, "its text has no type that Avro knows");
    free(name);
    json_decref(schema);
    return status;
}

int32_t sr_response_schema(const struct sr_response *response, struct sr_schema_text *out, struct eb_error *err) {
    if (!succeeded(response))
        return classify_failure(response, err);
    if (response->cut)
        return not_avro(err, "it is larger than 1 MiB");
    json_t *root = parse(response);
    int32_t status = read_schema(root, out, err);
    json_decref(root);
    return status;
}
