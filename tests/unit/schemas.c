/* tests/unit/schemas.c - what the tests of this room share. */
#include "schemas.h"
#include "json/event_data.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *source_folder(void) {
    const char *folder = getenv("top_srcdir");

    cr_assert(folder, "top_srcdir is not set; run this through make check");
    return folder;
}

struct ebi_schema *installed_schema(const char *event_type) {
    struct ebi_schema *schema = NULL;
    struct eb_error err;
    char path[1024];

    snprintf(path, sizeof path, "%s/conf/schemas/%s.avsc", source_folder(), event_type);
    cr_assert_eq(ebi_schema_read_file(path, 1 << 20, &schema, &err), EB_OK, "%s", err.text);
    return schema;
}

struct ebi_schema *schema_of(const char *json) {
    struct ebi_schema *schema = NULL;
    struct eb_error err;

    cr_assert_eq(ebi_schema_parse(json, strlen(json), &schema, &err), EB_OK, "%s: %s", json, err.text);
    return schema;
}

const char kitchen_text[] =
    "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"org.example.kitchen.v1\",\"fields\":["
    "{\"name\":\"nothing\",\"type\":\"null\"},"
    "{\"name\":\"flag\",\"type\":\"boolean\"},"
    "{\"name\":\"small\",\"type\":\"int\"},"
    "{\"name\":\"big\",\"type\":\"long\"},"
    "{\"name\":\"single\",\"type\":\"float\"},"
    "{\"name\":\"real\",\"type\":\"double\"},"
    "{\"name\":\"raw\",\"type\":\"bytes\"},"
    "{\"name\":\"text\",\"type\":\"string\"},"
    "{\"name\":\"color\",\"type\":{\"type\":\"enum\",\"name\":\"Color\",\"symbols\":[\"RED\",\"GREEN\",\"BLUE\"]}},"
    "{\"name\":\"hash\",\"type\":{\"type\":\"fixed\",\"name\":\"Hash\",\"size\":4}},"
    "{\"name\":\"tags\",\"type\":{\"type\":\"array\",\"items\":\"string\"}},"
    "{\"name\":\"context\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
    "{\"name\":\"deep\",\"type\":{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"map\",\"values\":\"long\"}}}},"
    "{\"name\":\"person\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Person\",\"fields\":["
    "{\"name\":\"name\",\"type\":\"string\"},{\"name\":\"age\",\"type\":[\"null\",\"int\"],\"default\":null},"
    "{\"name\":\"pet\",\"type\":[\"null\",{\"type\":\"record\",\"name\":\"Pet\",\"fields\":["
    "{\"name\":\"name\",\"type\":\"string\"}]}]}]}],\"default\":null},"
    "{\"name\":\"others\",\"type\":{\"type\":\"array\",\"items\":\"Person\"}},"
    "{\"name\":\"any\",\"type\":[\"null\",\"boolean\",\"long\",\"double\",\"string\","
    "{\"type\":\"array\",\"items\":\"string\"},{\"type\":\"record\",\"name\":\"Point\",\"fields\":["
    "{\"name\":\"x\",\"type\":\"long\"},{\"name\":\"y\",\"type\":\"long\"}]}]},"
    "{\"name\":\"late\",\"type\":[\"string\",\"null\"]},"
    "{\"name\":\"holes\",\"type\":{\"type\":\"array\",\"items\":[\"null\",\"long\"]}}"
    "]}";

const char kitchen_full[] =
    "{\"nothing\":null,\"flag\":true,\"small\":-2147483648,\"big\":9223372036854775807,\"single\":0.1,\"real\":-0.0,"
    "\"raw\":\"AAH/\",\"text\":\"a\\u0000b\",\"color\":\"BLUE\",\"hash\":\"3q2+7w==\",\"tags\":[\"one\",\"\",\"two\"],"
    "\"context\":{\"a\":\"1\",\"b\":\"2\"},\"deep\":{\"k\":[{},{\"x\":1,\"y\":-1}],\"l\":[]},"
    "\"person\":{\"name\":\"Ann\",\"age\":7,\"pet\":{\"name\":\"Rex\"}},"
    "\"others\":[{\"name\":\"Bo\",\"age\":null,\"pet\":null},{\"name\":\"Cy\",\"age\":1,\"pet\":{\"name\":\"Tom\"}}],"
    "\"any\":{\"x\":1,\"y\":2},\"late\":\"no\",\"holes\":[1,null,-1]}";

const char kitchen_bare[] =
    "{\"nothing\":null,\"flag\":false,\"small\":0,\"big\":0,\"single\":0.0,\"real\":0.0,\"raw\":\"\",\"text\":\"\","
    "\"color\":\"RED\",\"hash\":\"AAAAAA==\",\"tags\":[],\"context\":{},\"deep\":{},\"person\":null,\"others\":[],"
    "\"any\":null,\"late\":null,\"holes\":[]}";

struct ebi_schema *kitchen(void) {
    return schema_of(kitchen_text);
}

struct ebi_schema *schema_with(const char *fields) {
    struct ebi_bytes text = { 0 };
    struct ebi_schema *schema;

    cr_assert(ebi_bytes_add_format(&text,
                                   "{\"type\":\"record\",\"name\":\"CloudEvent\",\"namespace\":\"t.v1\","
                                   "\"fields\":[%s]}",
                                   fields));
    schema = schema_of(text.data);
    ebi_bytes_free(&text);
    return schema;
}

size_t each_installed(void (*each)(const char *event_type)) {
    char path[1024], type[512];
    size_t n = 0;
    DIR *folder;

    snprintf(path, sizeof path, "%s/conf/schemas", source_folder());
    folder = opendir(path);
    cr_assert(folder, "cannot open %s", path);
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char *end;

        snprintf(type, sizeof type, "%s", entry->d_name);
        end = strstr(type, ".avsc");
        if (!end)
            continue;
        *end = '\0';
        each(type);
        n++;
    }
    closedir(folder);
    return n;
}

/* The text between two others of a line, cut out of it. */
static const char *cut(char **line, const char *before, const char *behind) {
    char *from = strstr(*line, before), *to = from ? strstr(from + strlen(before), behind) : NULL;

    cr_assert(to, "a golden without %s", before);
    *to = '\0';
    *line = to + 1;
    return from + strlen(before);
}

size_t each_golden(void (*each)(const struct golden *)) {
    char path[1024], *line = NULL;
    size_t room = 0, n = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/tests/data/goldens.jsonl", source_folder());
    file = fopen(path, "r");
    cr_assert(file, "cannot open %s", path);
    for (; getline(&line, &room, file) > 0; n++) {
        json_t *schema;
        struct golden golden;
        char *rest = line;

        golden.type = cut(&rest, "{\"event_type\":\"", "\"");
        golden.variant = cut(&rest, "\"variant\":\"", "\"");
        golden.data = cut(&rest, "\"data\":", ",\"avro_hex\":\"");
        golden.hex = cut(&rest, "avro_hex\":\"", "\"");
        cr_assert(strstr(rest, "\"schema\":"));
        schema = json_loads(strstr(rest, "\"schema\":") + strlen("\"schema\":"), JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK,
                            NULL);
        golden.schema = json_string_value(schema);
        cr_assert(golden.schema, "a golden without its schema");
        each(&golden);
        json_decref(schema);
    }
    free(line);
    fclose(file);
    return n;
}

/* JSON text with each escape `from` as `to`; to be freed. */
static char *replace(const char *json, const char *from, const char *to) {
    struct ebi_bytes out = { 0 };

    while (*json) {
        bool found = strncmp(json, from, strlen(from)) == 0;
        size_t step = found ? strlen(from) : *json == '\\' ? 2 : 1; /* an escaped backslash begins no escape */

        cr_assert(found ? ebi_bytes_add_text(&out, to) : ebi_bytes_add(&out, json, step));
        json += step;
    }
    return out.data;
}

json_t *oracle_read(const char *json) {
    char *text = replace(json, "\\u0000", "\\ue000");
    json_t *read = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    cr_assert(read, "not JSON: %s", json);
    free(text);
    return read;
}

char *oracle_write(const json_t *json, size_t flags) {
    char *dumped = json_dumps(json, flags | JSON_REAL_PRECISION(17)), *once, *twice;

    cr_assert(dumped);
    once = replace(dumped, "\\uE000", "\\u0000");
    twice = replace(once, "\xee\x80\x80", "\\u0000");
    free(dumped);
    free(once);
    return twice;
}

struct ebi_bytes from_hex(const char *hex) {
    struct ebi_bytes bytes = { 0 };
    unsigned byte;

    cr_assert(strlen(hex) % 2 == 0 && ebi_bytes_reserve(&bytes, strlen(hex) / 2 + 1), "%s", hex);
    for (; *hex; hex += 2) {
        cr_assert_eq(sscanf(hex, "%2x", &byte), 1);
        bytes.data[bytes.len++] = (char)byte;
    }
    return bytes;
}

char *to_hex(const struct ebi_bytes *bytes) {
    char *hex = malloc(bytes->len * 2 + 1);

    cr_assert(hex);
    hex[0] = '\0';
    for (size_t i = 0; i < bytes->len; i++)
        snprintf(hex + i * 2, 3, "%02x", (unsigned)(unsigned char)bytes->data[i]);
    return hex;
}

struct ebi_data *data_of(const struct ebi_schema *schema, const char *json) {
    struct ebi_data *data = ebi_data_new(schema);
    struct eb_error err;

    cr_assert(data);
    cr_assert_eq(ebi_data_from_json(data, "data", json, strlen(json), &err), EB_OK, "%s: %s", json, err.text);
    return data;
}

char *json_of(const struct ebi_data *data) {
    struct ebi_bytes json = { 0 };
    struct eb_error err;

    cr_assert_eq(ebi_data_to_json(data, &json, &err), EB_OK, "%s", err.text);
    return json.data;
}

char *hex_of(const struct ebi_data *data) {
    struct ebi_bytes avro = { 0 };
    struct eb_error err;
    char *hex;

    cr_assert_eq(ebi_data_to_avro(data, &avro, &err), EB_OK, "%s", err.text);
    hex = to_hex(&avro);
    ebi_bytes_free(&avro);
    return hex;
}
