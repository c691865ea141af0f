/* plugins/common/registry/tests/test_response.c - what a registry's response means, hostile ones above all. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../response.h"

struct told {
    const char *what;
    long http;
    const char *body;
    int32_t status;
    const char *says; /* a part of the error */
};

static struct sr_response response_of(const struct told *told) {
    return (struct sr_response){ .http = told->http, .body = told->body, .len = strlen(told->body) };
}

static void check(const struct told *told, int32_t status, const struct eb_error *err) {
    cr_assert_eq(status, told->status, "%s: status %d: %s", told->what, status, err->text);
    if (status != EB_OK)
        cr_assert(strstr(err->text, told->says), "%s: \"%s\" does not say \"%s\"", told->what, err->text, told->says);
    for (const char *c = err->text; *c; c++)
        cr_assert((unsigned char)*c >= 0x20, "%s: a control character in \"%s\"", told->what, err->text);
}

#define TOO_DEEP_16 "[[[[[[[[[[[[[[[["
#define TOO_DEEP_256                                                                                                           \
    TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16    \
        TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16 TOO_DEEP_16

/* clang-format off */
static const struct told ids[] = {
    {"an id", 200, "{\"id\":7}", EB_OK, ""},
    {"an id among other things", 201, " {\"version\":1,\"id\":2147483647,\"schema\":\"x\"} ", EB_OK, ""},
    {"zero", 200, "{\"id\":0}", EB_RETRIABLE, "ids are 1 to 2147483647"},
    {"a negative one", 200, "{\"id\":-1}", EB_RETRIABLE, "-1"},
    {"one beyond 31 bits", 200, "{\"id\":2147483648}", EB_RETRIABLE, "2147483648"},
    {"one beyond 64 bits", 200, "{\"id\":99999999999999999999}", EB_RETRIABLE, "not a schema registry's"},
    {"a real", 200, "{\"id\":7.0}", EB_RETRIABLE, "not a schema registry's"},
    {"a text", 200, "{\"id\":\"7\"}", EB_RETRIABLE, "not a schema registry's"},
    {"none", 200, "{}", EB_RETRIABLE, "not a schema registry's"},
    {"an id twice", 200, "{\"id\":7,\"id\":8}", EB_RETRIABLE, "not a schema registry's"},
    {"nothing", 200, "", EB_RETRIABLE, "not a schema registry's"},
    {"a page", 200, "<html>Welcome</html>", EB_RETRIABLE, "is this its address?"},
    {"an array", 200, "[7]", EB_RETRIABLE, "not a schema registry's"},
    {"something after it", 200, "{\"id\":7}}", EB_RETRIABLE, "not a schema registry's"},
    {"too deep", 200, "{\"id\":" TOO_DEEP_256 TOO_DEEP_256 TOO_DEEP_256 TOO_DEEP_256 TOO_DEEP_256 TOO_DEEP_256
     TOO_DEEP_256 TOO_DEEP_256 TOO_DEEP_256, EB_RETRIABLE, "not a schema registry's"},
    {"incompatible", 409, "{\"error_code\":409,\"message\":\"incompatible with an earlier schema\"}", EB_PERMANENT,
     "refused with 409: incompatible with an earlier schema (error code 409)"},
    {"invalid", 422, "{\"error_code\":42201,\"message\":\"Invalid namespace:\\u001b[2J a-b\\n\"}", EB_PERMANENT,
     "refused with 422: Invalid namespace: [2J a-b  (error code 42201)"},
    {"no reason", 422, "{\"error_code\":42201}", EB_PERMANENT, "no reason given"},
    {"a reason that is not text", 422, "{\"error_code\":42201,\"message\":{}}", EB_PERMANENT, "no reason given"},
    {"a web server's 404", 404, "<html>Not Found</html>", EB_RETRIABLE, "HTTP status 404 without the error code"},
    {"a JSON 404 without a code", 404, "{\"message\":\"no route\"}", EB_RETRIABLE, "is this its address?"},
    {"a wrong password", 401, "{\"error_code\":401,\"message\":\"Unauthorized\"}", EB_RETRIABLE,
     "HTTP status 401: Unauthorized; see schema_registry_key"},
    {"not allowed", 403, "{\"error_code\":40301,\"message\":\"no write\"}", EB_RETRIABLE, "403: no write; see"},
    {"too many requests", 429, "{\"error_code\":42901,\"message\":\"slow down\"}", EB_RETRIABLE, "429: slow down"},
    {"its store is away", 500, "{\"error_code\":50001,\"message\":\"backend\"}", EB_RETRIABLE, "500: backend"},
    {"a gateway", 502, "<html>Bad Gateway</html>", EB_RETRIABLE, "HTTP status 502"},
    {"a redirect", 302, "", EB_RETRIABLE, "redirects are not followed"},
    {"an interim response", 100, "", EB_RETRIABLE, "100"},
};
/* clang-format on */

Test(registry_response, ids) {
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct sr_response response = response_of(&ids[i]);
        struct eb_error err = { 0 };
        uint32_t id = 0;
        check(&ids[i], sr_response_id(&response, &id, &err), &err);
        cr_assert_eq(id != 0, ids[i].status == EB_OK, "%s: id %u", ids[i].what, id);
    }
}

/* clang-format off */
static const struct told schemas[] = {
    {"a word", 200, "{\"schema\":\"\\\"string\\\"\"}", EB_OK, "string"},
    {"a key's schema", 200, "{\"schema\":\"{\\\"name\\\": \\\"user\\\", \\\"type\\\": \\\"long\\\"}\"}", EB_OK, "long"},
    {"a record", 200, "{\"schema\":\"{\\\"name\\\":\\\"CloudEvent\\\",\\\"namespace\\\":\\\"org.x\\\","
     "\\\"type\\\":\\\"record\\\",\\\"fields\\\":[]}\",\"schemaType\":\"AVRO\"}", EB_OK, "org.x.CloudEvent"},
    {"a full name", 200, "{\"schema\":\"{\\\"name\\\":\\\"a.B\\\",\\\"namespace\\\":\\\"c\\\","
     "\\\"type\\\":\\\"record\\\"}\"}", EB_OK, "a.B"},
    {"a record within", 200, "{\"schema\":\"{\\\"type\\\":{\\\"type\\\":\\\"enum\\\",\\\"name\\\":\\\"E\\\"}}\"}",
     EB_OK, "E"},
    {"a union", 200, "{\"schema\":\"[\\\"null\\\",\\\"string\\\"]\",\"references\":[]}", EB_EMPTY, ""},
    {"a record without a name", 200, "{\"schema\":\"{\\\"type\\\":\\\"record\\\"}\"}", EB_PERMANENT, "no type that Avro knows"},
    {"no JSON within", 200, "{\"schema\":\"syntax = proto3;\"}", EB_PERMANENT, "no type that Avro knows"},
    {"Protobuf", 200, "{\"schema\":\"syntax\",\"schemaType\":\"PROTOBUF\"}", EB_PERMANENT, "PROTOBUF"},
    {"JSON Schema", 200, "{\"schema\":\"{}\",\"schemaType\":\"JSON\"}", EB_PERMANENT, "JSON"},
    {"a type that ends the line", 200, "{\"schema\":\"{}\",\"schemaType\":\"A\\nB\"}", EB_PERMANENT, "A B"},
    {"references", 200, "{\"schema\":\"\\\"string\\\"\",\"references\":[{\"name\":\"x\"}]}", EB_PERMANENT, "refers to"},
    {"a NUL", 200, "{\"schema\":\"\\\"string\\\"\\u0000\"}", EB_PERMANENT, "no type that Avro knows"},
    {"a number", 200, "{\"schema\":7}", EB_RETRIABLE, "not a schema registry's"},
    {"none", 200, "{}", EB_RETRIABLE, "not a schema registry's"},
    {"unknown", 404, "{\"error_code\":40403,\"message\":\"Schema 5 not found\"}", EB_PERMANENT, "Schema 5 not found"},
    {"a web server's 404", 404, "Not Found", EB_RETRIABLE, "is this its address?"},
    {"down", 503, "", EB_RETRIABLE, "503"},
};
/* clang-format on */

Test(registry_response, schemas) {
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        struct told told = schemas[i];
        struct sr_response response = response_of(&told);
        struct eb_error err = { 0 };
        struct sr_schema_text text = { 0 };
        if (told.status == EB_EMPTY) /* a union: its first branches are not its name */
            told.status = EB_OK, told.says = "union";
        int32_t status = sr_response_schema(&response, &text, &err);
        check(&told, status, &err);
        cr_assert_eq(text.block != NULL, status == EB_OK, "%s", told.what);
        if (status == EB_OK) {
            cr_assert_str_eq(text.block + text.json_len + 1, told.says, "%s", told.what);
            cr_assert_eq(strlen(text.block), text.json_len, "%s", told.what);
            cr_assert_eq(strlen(told.says), text.name_len, "%s", told.what);
        }
        free(text.block);
    }
}

Test(registry_response, one_that_was_cut_is_refused_for_good_where_it_is_the_schema) {
    struct sr_response response = { .http = 200, .body = "{\"id\":7,\"schema\":\"", .len = 17, .cut = true };
    struct sr_schema_text text = { 0 };
    struct eb_error err;
    uint32_t id;

    cr_assert_eq(sr_response_schema(&response, &text, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "larger than 1 MiB"), "%s", err.text);
    cr_assert_eq(sr_response_id(&response, &id, &err), EB_RETRIABLE);
}

Test(registry_response, no_prefix_of_a_response_reads_beyond_it) {
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
        for (size_t len = 0; len < strlen(schemas[i].body); len++) {
            char *exactly = malloc(len + 1); /* the sanitizer watches its end; malloc(0) may be NULL */
            struct sr_response response = { .http = 200, .body = exactly + 1, .len = len };
            struct sr_schema_text text = { 0 };
            memcpy(exactly + 1, schemas[i].body, len);
            cr_assert_neq(sr_response_schema(&response, &text, NULL), EB_OK, "%s, %zu bytes", schemas[i].what, len);
            free(text.block);
            free(exactly);
        }
}
