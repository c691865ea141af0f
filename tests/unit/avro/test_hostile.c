/* tests/unit/avro/test_hostile.c - Avro bytes that are cut, changed or made to do harm: refused, with the place, and
 * without memory beyond what they are worth. Run with sanitizers too: every buffer is just as long as its bytes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "../schemas.h"
#include "../../event_of.h"
#include "json/event_data.h"

static enum eb_status read_tight(struct ebi_data *data, const char *bytes, size_t len, struct eb_error *err) {
    char *copy = malloc(len ? len : 1);
    enum eb_status status;

    memcpy(copy, bytes, len);
    status = ebi_data_from_avro(data, copy, len, err);
    free(copy);
    return status;
}

/* Data that has been refused is empty. */
static void is_empty(const struct ebi_data *data) {
    struct ebi_data *fresh = ebi_data_new(ebi_data_schema(data));
    struct eb_error one, other;

    cr_assert_eq(ebi_data_complete(data, &one), EB_PERMANENT);
    cr_assert_eq(ebi_data_complete(fresh, &other), EB_PERMANENT);
    cr_assert_str_eq(one.text, other.text);
    ebi_data_free(fresh);
}

static void cut_everywhere(const struct golden *golden) {
    struct ebi_schema *schema = installed_schema(golden->type);
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes avro = from_hex(golden->hex);
    size_t step = avro.len > 2000 ? avro.len / 200 : 1;

    for (size_t len = 0; len < avro.len; len += step) {
        struct eb_error err;

        cr_assert_eq(read_tight(data, avro.data, len, &err), EB_PERMANENT, "%s %s cut to %zu", golden->type, golden->variant,
                     len);
        cr_assert_eq(err.kind, EB_KIND_DATA);
        cr_assert(strncmp(err.text, "data", 4) == 0, "%s", err.text);
    }
    is_empty(data);
    cr_assert_eq(read_tight(data, avro.data, avro.len, NULL), EB_OK);
    ebi_bytes_free(&avro);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

Test(hostile, every_golden_cut_anywhere_is_refused) {
    each_golden(cut_everywhere);
}

static size_t survived, refused_flips;

/* What is read after a change can be written again, and is then read the same. */
static void writes_again(const struct ebi_schema *schema, const struct ebi_data *data) {
    struct ebi_bytes avro = { 0 }, json = { 0 };
    struct ebi_data *again = ebi_data_new(schema);
    char *one = hex_of(data), *other;

    cr_assert_eq(ebi_data_to_avro(data, &avro, NULL), EB_OK);
    cr_assert_eq(ebi_data_from_avro(again, avro.data, avro.len, NULL), EB_OK);
    other = hex_of(again);
    cr_assert_str_eq(one, other);
    ebi_data_to_json(data, &json, NULL); /* a changed double may be none that JSON has */
    free(one);
    free(other);
    ebi_bytes_free(&avro);
    ebi_bytes_free(&json);
    ebi_data_free(again);
}

static void flip_each_bit(const struct ebi_schema *schema, struct ebi_bytes *avro) {
    struct ebi_data *data = ebi_data_new(schema);

    for (size_t bit = 0; bit < avro->len * 8; bit++) {
        avro->data[bit / 8] ^= (char)(1 << bit % 8);
        if (read_tight(data, avro->data, avro->len, NULL) == EB_OK) {
            writes_again(schema, data);
            survived++;
        } else {
            refused_flips++;
        }
        avro->data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ebi_data_free(data);
}

static void flip_golden(const struct golden *golden) {
    struct ebi_schema *schema = installed_schema(golden->type);
    struct ebi_bytes avro = from_hex(golden->hex);

    if (avro.len <= 300)
        flip_each_bit(schema, &avro);
    ebi_bytes_free(&avro);
    ebi_schema_free(schema);
}

Test(hostile, any_bit_turned_is_no_fault) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = data_of(schema, kitchen_full);
    struct ebi_bytes avro = { 0 };

    cr_assert_eq(ebi_data_to_avro(data, &avro, NULL), EB_OK);
    flip_each_bit(schema, &avro);
    each_golden(flip_golden);
    cr_assert_gt(survived, 10000);
    cr_assert_gt(refused_flips, 10000);
    ebi_bytes_free(&avro);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* Bytes of no sense at all, drawn the same way each time. */
Test(hostile, random_bytes_are_no_fault) {
    struct ebi_schema *schema = kitchen();
    struct ebi_data *data = ebi_data_new(schema);
    uint64_t state = 1;

    for (int run = 0; run < 100000; run++) {
        char bytes[64];

        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
            bytes[i] = (char)(state >> 60 < 12 ? state >> 33 & 7 : state >> 33); /* small ones lead further */
        }
        if (read_tight(data, bytes, (size_t)run % sizeof bytes, NULL) == EB_OK)
            writes_again(schema, data);
    }
    ebi_data_free(data);
    ebi_schema_free(schema);
}

struct attack {
    const char *type, *hex;
    const char *expected; /* the error; NULL: the data as JSON is `json` */
    const char *json;
};

static void attack(const struct attack *a) {
    struct ebi_bytes fields = { 0 }, avro = from_hex(a->hex);
    struct eb_error err = { 0 };
    struct ebi_schema *schema;
    struct ebi_data *data;
    char *json;

    cr_assert(ebi_bytes_add_format(&fields, "{\"name\":\"a\",\"type\":%s}", a->type));
    schema = schema_with(fields.data);
    data = ebi_data_new(schema);
    if (a->expected) {
        cr_expect_eq(read_tight(data, avro.data, avro.len, &err), EB_PERMANENT, "%s of %s was taken", a->hex, a->type);
        cr_expect(strncmp(err.text, a->expected, strlen(a->expected)) == 0, "%s of %s\n  gave: %s\n  not:  %s", a->hex, a->type,
                  err.text, a->expected);
    } else {
        cr_expect_eq(read_tight(data, avro.data, avro.len, &err), EB_OK, "%s of %s: %s", a->hex, a->type, err.text);
        json = json_of(data);
        cr_expect_str_eq(json, a->json);
        free(json);
    }
    ebi_data_free(data);
    ebi_schema_free(schema);
    ebi_bytes_free(&avro);
    ebi_bytes_free(&fields);
}

#define NULLS "{\"type\":\"array\",\"items\":\"null\"}"
#define EMPTIES "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}}"
#define STRINGS "{\"type\":\"array\",\"items\":\"string\"}"
#define LONGS "{\"type\":\"array\",\"items\":\"long\"}"
#define MAP "{\"type\":\"map\",\"values\":\"long\"}"
#define ENUM "{\"type\":\"enum\",\"name\":\"C\",\"symbols\":[\"A\",\"B\"]}"

Test(hostile, what_would_do_harm_is_refused_with_its_place) {
    /* clang-format off */
    static const struct attack attacks[] = {
        /* lengths of 2^62, -1, one too many, 2^31 */
        { "\"string\"", "ffffffffffffffff7f", "data.a, byte 0: a length of -4611686018427387904 bytes", NULL },
        { "\"string\"", "feffffffffffffff7f41",
          "data.a, byte 0: a length of 4611686018427387903 bytes, more than are left", NULL },
        { "\"string\"", "0141", "data.a, byte 0: a length of -1 bytes", NULL },
        { "\"string\"", "0441", "data.a, byte 0: a length of 2 bytes, more than are left", NULL },
        { "\"bytes\"", "808080801041", "data.a, byte 0: a length of 2147483648 bytes, more than are left", NULL },
        { "\"bytes\"", "", "data.a, byte 0: ends inside a number", NULL },
        { "\"string\"", "02ff", "data.a, byte 1: a text that is not UTF-8", NULL },
        { "\"string\"", "06eda080", "data.a, byte 1: a text that is not UTF-8", NULL },
        { "\"string\"", "04c080", "data.a, byte 1: a text that is not UTF-8", NULL },
        /* numbers */
        { "\"long\"", "ffffffffffffffffff02", "data.a, byte 0: a number of more than 64 bits", NULL },
        { "\"long\"", "8080808080808080808000", "data.a, byte 0: a number of more than 64 bits", NULL },
        { "\"long\"", "80", "data.a, byte 0: ends inside a number", NULL },
        { "\"int\"", "8080808010", "data.a, byte 0: a number beyond 32 bits for an int", NULL },
        { "\"float\"", "000000", "data.a, byte 0: ends inside a float", NULL },
        { "\"double\"", "00000000000000", "data.a, byte 0: ends inside a double", NULL },
        { "\"boolean\"", "02", "data.a, byte 0: a boolean other than 0 and 1", NULL },
        { "\"boolean\"", "", "data.a, byte 0: ends before a boolean", NULL },
        { "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "000000", "data.a, byte 0: ends inside a fixed of 4 bytes",
          NULL },
        { ENUM, "04", "data.a, byte 0: a number beyond the symbols of the enum", NULL },
        { ENUM, "01", "data.a, byte 0: a number beyond the symbols of the enum", NULL },
        { "[\"null\",\"long\"]", "04", "data.a, byte 0: branch 2 of a union that has 2", NULL },
        { "[\"null\",\"long\"]", "01", "data.a, byte 0: branch -1 of a union that has 2", NULL },
        { "[\"null\",\"long\",\"string\"]", "06", "data.a, byte 0: branch 3 of a union that has 3", NULL },
        { "\"long\"", "0200", "data, byte 1: 1 bytes are left over", NULL },
        /* counts */
        { NULLS, "feffffffffffffff7f00", "data.a, byte 9: 4611686018427387903 items, too many for an event of 10 bytes",
          NULL },
        { NULLS, "8080808080808080808001", "data.a, byte 0: a number of more than 64 bits", NULL },
        { NULLS, "ffffffffffffffffff0100", "data.a, byte 11: 9223372036854775808 items, too many", NULL },
        { EMPTIES, "808080808080808001" "00",
          "data.a, byte 9: 36028797018963968 items, too many for an event of 10 bytes", NULL },
        { STRINGS, "8080808080808080800100",
          "data.a, byte 10: 4611686018427387904 items, more than the bytes left can hold", NULL },
        { LONGS, "0602", "data.a, byte 1: 3 items, more than the bytes left can hold", NULL },
        { LONGS, "020000020000", "data, byte 3: 3 bytes are left over", NULL },
        { LONGS, "0202", "data.a, byte 2: ends inside a number", NULL },
        { LONGS, "01040200", "data.a, byte 3: a block is not as long as it says", NULL },
        { LONGS, "0101", "data.a, byte 0: a block of -1 bytes", NULL },
        { LONGS, "017f", "data.a, byte 0: a block of -64 bytes", NULL },
        { LONGS, "01feffffffffffffff7f0200", "data.a, byte 0: a block of 4611686018427387903 bytes, more than are left",
          NULL },
        { MAP, "040261020261040000", "data.a, byte 8: a map has a key twice", NULL },
        { MAP, "0202ff0200", "data.a{item 0}, byte 2: a text that is not UTF-8", NULL },
        { "{\"type\":\"array\",\"items\":" MAP "}", "0400020261ff", "data.a[1]{item 0}, byte 5: ends inside a num",
          NULL },
        /* what is unusual, but right */
        { LONGS, "0202" "0404" "0600", NULL, "{\"a\":[1,2,3]}" },
        { LONGS, "0304" "0204" "0206" "00", NULL, "{\"a\":[1,2,3]}" },
        { MAP, "020262020202610400", NULL, "{\"a\":{\"a\":2,\"b\":1}}" },
        { MAP, "02026202" "0106026104" "00", NULL, "{\"a\":{\"a\":2,\"b\":1}}" },
        { NULLS, "0a00", NULL, "{\"a\":[null,null,null,null,null]}" },
        { EMPTIES, "0400", NULL, "{\"a\":[{},{}]}" },
        { "\"long\"", "8000", NULL, "{\"a\":0}" },
        { "\"long\"", "ffffffffffffffffff01", NULL, "{\"a\":-9223372036854775808}" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        attack(&attacks[i]);
}

/* Many blocks of items without a size: none is too large by itself. */
Test(hostile, small_blocks_do_not_add_up_without_end) {
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":" NULLS "}");
    struct ebi_data *data = ebi_data_new(schema);
    struct ebi_bytes avro = { 0 };
    struct eb_error err;

    for (int i = 0; i < 1000; i++)
        cr_assert(ebi_bytes_add(&avro, "\x80\x80\x04", 3)); /* 32768 items each */
    cr_assert(ebi_bytes_add(&avro, "", 1));
    cr_assert_eq(read_tight(data, avro.data, avro.len, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "32768 items, too many for an event of 3001 bytes"), "%s", err.text);
    ebi_bytes_free(&avro);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* A record of many optional fields is a byte each, and in JSON nothing at all: its slots are counted. */
Test(hostile, wide_items_do_not_fill_the_memory) {
    struct ebi_bytes fields = { 0 }, json = { 0 };
    struct ebi_schema *schema;
    struct ebi_data *data;
    struct eb_error err;

    cr_assert(ebi_bytes_add_text(&fields, "{\"name\":\"a\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\","
                                          "\"name\":\"W\",\"fields\":["));
    for (int i = 0; i < 4000; i++)
        cr_assert(ebi_bytes_add_format(&fields, "%s{\"name\":\"f%d\",\"type\":[\"null\",\"long\"]}", i ? "," : "", i));
    cr_assert(ebi_bytes_add_text(&fields, "]}}}"));
    schema = schema_with(fields.data);
    data = ebi_data_new(schema);
    cr_assert(ebi_bytes_add_text(&json, "{\"a\":[{}"));
    for (int i = 0; i < 10000; i++)
        cr_assert(ebi_bytes_add_text(&json, ",{}"));
    cr_assert(ebi_bytes_add_text(&json, "]}"));
    cr_assert_eq(ebi_data_from_json(data, "data", json.data, json.len, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "data.a: too many items for JSON of"), "%s", err.text);
    ebi_bytes_free(&json);
    ebi_bytes_free(&fields);
    ebi_data_free(data);
    ebi_schema_free(schema);
}

/* 16 MB of the most wasteful kind are read within 64 times as much memory. */
Test(hostile, memory_is_in_proportion) {
    struct ebi_schema *schema = schema_with("{\"name\":\"a\",\"type\":" LONGS "}");
    struct ebi_data *data = ebi_data_new(schema);
    struct rlimit limit = { .rlim_cur = (rlim_t)1 << 30, .rlim_max = (rlim_t)1 << 30 };
    size_t items = (1 << 24) - 16;
    char *avro = calloc(1, items + 8);
    struct eb_error err;
    size_t at = 0, count;

#if !defined(__SANITIZE_ADDRESS__)
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
#else
    (void)limit;
#endif
    for (uint64_t bits = items * 2;; bits >>= 7) {
        avro[at++] = (char)((bits & 0x7f) | (bits > 0x7f ? 0x80 : 0));
        if (bits <= 0x7f)
            break;
    }
    cr_assert_eq(ebi_data_from_avro(data, avro, at + items + 1, &err), EB_OK, "%s", err.text);
    cr_assert_eq(eb_event_count(event_of(data), "a", &count, &err), EB_OK);
    cr_assert_eq(count, items);
    free(avro);
    ebi_data_free(data);
    ebi_schema_free(schema);
}
