/* tests/fuzz/registry.c - answers of a schema registry, or of what takes itself for one: an HTTP status and a body. What
 * is taken is an id that a frame can hold, or a schema that is a text; all else is refused in one line. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "response.h"

static void take_id(const struct sr_response *response) {
    struct eb_error err = { 0 };
    uint32_t id = 0;
    int32_t status = sr_response_id(response, &id, &err);

    if (status != EB_OK)
        fuzz_refused(status, &err);
    fuzz_promise((status == EB_OK) == (id >= 1 && id <= INT32_MAX), "status %d, and the id %u", status, id);
    fuzz_promise(status != EB_OK || (response->http >= 200 && response->http < 300 && !response->cut), "an id of a refusal");
}

static void take_schema(const struct sr_response *response) {
    struct sr_schema_text schema = { 0 };
    struct eb_error err = { 0 };
    int32_t status = sr_response_schema(response, &schema, &err);

    fuzz_promise((status == EB_OK) == (schema.block != NULL), "status %d, and%s a schema", status, schema.block ? "" : " no");
    if (status != EB_OK) {
        fuzz_refused(status, &err);
        return;
    }
    fuzz_promise(strlen(schema.block + schema.json_len + 1) == schema.name_len, "a name of %zu bytes that ends elsewhere",
                 schema.name_len);
    fuzz_promise(schema.block[schema.json_len] == '\0' && schema.json_len <= response->len, "a text of %zu bytes",
                 schema.json_len);
    free(schema.block);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    static const long statuses[] = { 200, 201, 204, 301, 400, 401, 404, 409, 422, 429, 500, 503, 0, -1, 999 };
    struct fuzz_in in = { bytes, len };
    unsigned how = (unsigned)fuzz_number(&in, 1);
    struct eb_text body = fuzz_rest(&in);
    char *copy = malloc(body.len); /* of just that size: there is no NUL behind an answer */
    struct sr_response response = {
        .http = statuses[how / 2 % (sizeof statuses / sizeof *statuses)], .body = copy, .len = body.len, .cut = how >= 240
    };

    fuzz_promise(copy != NULL || body.len == 0, "memory");
    if (body.len > 0)
        memcpy(copy, body.data, body.len);
    take_id(&response);
    take_schema(&response);
    free(copy);
    return 0;
}
