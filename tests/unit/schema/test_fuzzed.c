/* tests/unit/schema/test_fuzzed.c - what tests/fuzz has found here, each as a promise. */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json/members.h"
#include "support.h"
#include "../../event_of.h"

static const char with_map[] =
    "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"a.b\",\"fields\":[{\"name\":\"m\","
    "\"type\":{\"type\":\"map\",\"values\":\"string\"}}]}";

/* JSON and Avro take keys that are UTF-8 only, so such an item could never be sent. */
Test(fuzzed, a_key_in_a_path_is_utf8) {
    struct ebi_schema *schema = schema_of(with_map);
    struct ebi_data *data = data_of(schema, "{\"m\":{}}");
    struct eb_error err;
    char *json;

    cr_assert_eq(eb_event_set_text(event_of(data), "m{\xf0\x90\x80}", "x", 1, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "UTF-8"), "%s", err.text);
    json = json_of(data);
    cr_assert_str_eq(json, "{\"m\":{}}");
    free(json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* The text at the very end of memory: what reads on dies. */
static const char *at_the_edge(const char *text, size_t len) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    cr_assert(pages != MAP_FAILED && mprotect(pages + page, page, PROT_NONE) == 0);
    return memcpy(pages + page - len, text, len);
}

static enum eb_status read_both(void *arg, const char *name, const char *value, size_t len, struct eb_error *err) {
    int64_t *number = arg;
    char *text = NULL;

    cr_assert_eq(ebi_json_text(name, value, len, &text, err), EB_PERMANENT);
    return ebi_json_long(name, value, len, number, err);
}

Test(fuzzed, a_number_is_not_read_beyond_its_text) {
    struct eb_error err;
    int64_t number = 0;

    cr_assert_eq(ebi_json_long("n", at_the_edge("42", 2), 2, &number, &err), EB_OK);
    cr_assert_eq(number, 42);
    cr_assert_eq(ebi_json_members(at_the_edge("{\"n\":7", 6), 6, read_both, &number, &err), EB_PERMANENT);
    cr_assert_eq(number, 7);
}
