/* tests/unit/schema/test_fuzzed.c - what tests/fuzz has found here, each as a promise. */
#include <criterion/criterion.h>
#include <string.h>

#include "support.h"

static const char with_map[] = "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"a.b\",\"fields\":[{\"name\":\"m\","
                               "\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}";

/* JSON and Avro take keys that are UTF-8 only, so such an item could never be sent. */
Test(fuzzed, a_key_in_a_path_is_utf8) {
    struct ebi_schema *schema = schema_of(with_map);
    struct ebi_data *data = data_of(schema, "{\"m\":{}}");
    struct eb_error err;
    char *json;

    cr_assert_eq(ebi_data_set_text(data, "m{\xf0\x90\x80}", "x", 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "UTF-8"), "%s", err.text);
    json = json_of(data);
    cr_assert_str_eq(json, "{\"m\":{}}");
    free(json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}
