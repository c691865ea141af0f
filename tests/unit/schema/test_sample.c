/* tests/unit/schema/test_sample.c - an example of any event: complete, the same each time, and believable. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "../schemas.h"
#include "../../event_of.h"
#include "schema/sample.h"

static struct ebi_data *sample_of(const struct ebi_schema *schema) {
    struct ebi_data *data = ebi_data_new(schema);
    struct eb_error err;

    cr_assert_eq(ebi_data_sample(data, &err), EB_OK, "%s", err.text);
    cr_assert_eq(ebi_data_complete(data, &err), EB_OK, "%s", err.text);
    return data;
}

/* Every field shows a value: nothing is null, no list, map or text empty. */
static void shows_all(const json_t *json, const char *type) {
    cr_expect(!json_is_null(json), "%s has a null", type);
    cr_expect(!json_is_string(json) || json_string_length(json) > 0, "%s has an empty text", type);
    cr_expect(!json_is_array(json) || json_array_size(json) > 0, "%s has an empty list", type);
    cr_expect(!json_is_object(json) || json_object_size(json) > 0, "%s has an empty map", type);
    for (size_t i = 0; i < json_array_size(json); i++)
        shows_all(json_array_get(json, i), type);
    for (void *at = json_object_iter((json_t *)json); at; at = json_object_iter_next((json_t *)json, at))
        shows_all(json_object_iter_value(at), type);
}

/* No text is the one that stands where nothing is known of a name. */
static void is_believable(const json_t *json, const char *type, const char *name) {
    cr_expect(!json_is_string(json) || strcmp(json_string_value(json), "example") != 0, "%s: nothing is known of %s", type,
              name);
    for (size_t i = 0; i < json_array_size(json); i++)
        is_believable(json_array_get(json, i), type, name);
    for (void *at = json_object_iter((json_t *)json); at; at = json_object_iter_next((json_t *)json, at))
        is_believable(json_object_iter_value(at), type, json_object_iter_key(at));
}

static void has_a_sample(const char *type) {
    struct ebi_schema *schema = installed_schema(type);
    struct ebi_data *one = sample_of(schema), *other = sample_of(schema), *read;
    char *json = json_of(one), *again = json_of(other), *hex = hex_of(one), *read_hex;
    json_t *seen = oracle_read(json);

    cr_assert_str_eq(json, again);
    shows_all(seen, type);
    is_believable(seen, type, "");
    read = data_of(schema, json);
    read_hex = hex_of(read);
    cr_assert_str_eq(read_hex, hex);
    json_decref(seen);
    free(json);
    free(again);
    free(hex);
    free(read_hex);
    ebi_data_free(one);
    ebi_data_free(other);
    ebi_data_free(read);
    ebi_schema_free(schema);
}

Test(sample, every_event_type_has_one) {
    cr_assert_eq(each_installed(has_a_sample), 72);
}

Test(sample, keys_times_and_addresses_look_like_what_they_are) {
    struct ebi_schema *schema = installed_schema("org.openedx.learning.certificate.created.v1");
    struct ebi_data *data = sample_of(schema);
    const char *text;
    size_t len;

    cr_assert_eq(eb_event_get_text(event_of(data), "certificate.course.course_key", &text, &len, NULL), EB_OK);
    cr_assert_str_eq(text, "course-v1:edX+DemoX+Demo_Course");
    cr_assert_eq(eb_event_get_text(event_of(data), "certificate.course.start", &text, &len, NULL), EB_OK);
    cr_assert_str_eq(text, "2026-01-15T08:00:00+00:00");
    cr_assert_eq(eb_event_get_text(event_of(data), "certificate.user.pii.email", &text, &len, NULL), EB_OK);
    cr_assert_str_eq(text, "demo_learner@example.com");
    cr_assert_eq(eb_event_get_text(event_of(data), "certificate.user.pii.name", &text, &len, NULL), EB_OK);
    cr_assert_str_eq(text, "Demo Learner");
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(sample, any_schema_has_one) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = sample_of(schema);
    char *json = json_of(data);

    cr_assert_str_eq(json, "{\"nothing\":null,\"flag\":true,\"small\":42,\"big\":42,\"single\":0.5,\"real\":0.5,"
                           "\"raw\":\"ZXhhbXBsZQ==\",\"text\":\"example\",\"color\":\"RED\",\"hash\":\"AAECAw==\","
                           "\"tags\":[\"example\"],\"context\":{\"course_name\":\"Demonstration Course\"},"
                           "\"deep\":{\"key\":[{\"key\":42}]},"
                           "\"person\":{\"name\":\"Demo\",\"age\":42,\"pet\":{\"name\":\"Demo\"}},"
                           "\"others\":[{\"name\":\"Demo\",\"age\":42,\"pet\":{\"name\":\"Demo\"}}],"
                           "\"any\":true,\"late\":\"example\",\"holes\":[42]}");
    free(json);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(sample, what_was_set_before_is_gone) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full), *fresh = sample_of(schema);
    char *one, *other = json_of(fresh);

    cr_assert_eq(ebi_data_sample(data, NULL), EB_OK);
    one = json_of(data);
    cr_assert_str_eq(one, other);
    free(one);
    free(other);
    ebi_data_free(data);
    ebi_data_free(fresh);
    ebi_schema_free(schema);
}
