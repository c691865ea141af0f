/* tests/unit/help/test_pack.c - what is packed comes out as it was; what is not packed is refused, and kept whole. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/pack.h>

#include "../memory.h"
#include "messages.h"

enum { SEEDS = 5000 };

static struct random_message random_message;
static struct ebp_bytes packed;
static struct ebp_pairs pairs;

static void tear_down(void) {
    ebp_bytes_free(&packed);
    ebp_pairs_free(&pairs);
}

TestSuite(help_pack, .fini = tear_down);

/* Unpacks from memory of just that length, so that a sanitizer sees a read behind it. */
static struct eb_message unpack(const void *data, size_t len) {
    static char *bytes;
    struct eb_message message = { .size = sizeof message, .topic = { "t", 1 }, .time_ms = 7 };
    struct eb_error err;

    free(bytes);
    bytes = malloc(len ? len : 1);
    if (len > 0)
        memcpy(bytes, data, len);
    cr_assert_eq(ebp_unpack(&pairs, ebp_text(bytes, len), &message, &err), EB_OK);
    cr_assert_eq(message.time_ms, 7, "what the broker knows stays");
    cr_assert(ebp_text_is(message.topic, "t"));
    return message;
}

static void pack(const struct eb_message *message) {
    packed.len = 0;
    cr_assert(ebp_pack(&packed, message));
}

Test(help_pack, each_message_comes_out_as_it_was) {
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        make_message(&random_message, seed);
        pack(&random_message.message);
        struct eb_message message = unpack(packed.data, packed.len);
        cr_assert_null(message.decode_error.data, "seed %u: %s", seed, message.decode_error.data);
        const char *what = difference(&message, &random_message.message);
        cr_assert_null(what, "seed %u: %s", seed, what);
    }
}

/* Rows and messages that were written by earlier versions are read for ever. */
Test(help_pack, version_1_has_these_bytes) {
    struct eb_header attr = { ebp_text_of("type"), ebp_text_of("x.v1") }, header = { ebp_text_of("h"), ebp_text(NULL, 0) };
    struct eb_message message = { .size = sizeof message,
                                  .id = ebp_text_of("7"),
                                  .key = ebp_text_of(""),
                                  .attrs = &attr,
                                  .n_attrs = 1,
                                  .headers = &header,
                                  .n_headers = 1,
                                  .payload = ebp_text_of("data") };
    static const char bytes[] = "\xEBp\1"
                                "\2"
                                "7"
                                "\1"
                                "\0"
                                "\1\1\5"
                                "x.v1"
                                "\1\0\2"
                                "h"
                                "\0"
                                "\5"
                                "data";

    pack(&message);
    cr_assert_eq(packed.len, sizeof bytes - 1);
    cr_assert_eq(memcmp(packed.data, bytes, sizeof bytes - 1), 0);
}

static void refused(const void *data, size_t len, const char *why) {
    struct eb_message message = unpack(data, len);

    cr_assert(message.decode_error.data, "%zu bytes are taken, not refused: %s", len, why);
    cr_assert(strstr(message.decode_error.data, why), "\"%s\" does not say \"%s\"", message.decode_error.data, why);
    cr_assert_eq(message.payload.len, len, "the payload is what the broker had");
    cr_assert(len == 0 || memcmp(message.payload.data, data, len) == 0);
    cr_assert_eq(message.n_attrs + message.n_headers, 0);
    cr_assert_null(message.key.data);
}

Test(help_pack, what_is_not_packed_is_refused_with_the_reason) {
    refused("", 0, "not a message of the event bus");
    refused("{\"type\":\"x\"}", 12, "not a message of the event bus");
    refused("\xEBp", 2, "not a message of the event bus");
    refused("\xEBp\2\0\0\0\0\0\0", 9, "later version");
    refused("\xEBp\1", 3, "id or key is damaged");
    refused("\xEBp\1\0\0\0\1\x63", 8, "attributes or headers are damaged");                    /* an attribute, and no value */
    refused("\xEBp\1\0\0\0\1\x0B\0", 9, "attributes or headers are damaged");                  /* the number of no name */
    refused("\xEBp\1\0\0\0\xFF\xFF\xFF\xFF\x0F\0\0", 13, "attributes or headers are damaged"); /* more than there are bytes */
    refused("\xEBp\1\0\0\0\0\0\5"
            "ab",
            11, "payload is cut short");
    refused("\xEBp\1\0\0\0\0\0\0\0", 10, "more bytes behind");
    refused("\xEBp\1\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 13, "id or key is damaged"); /* beyond 64 bits */
}

Test(help_pack, no_beginning_of_a_packed_message_is_one) {
    make_message(&random_message, 11);
    random_message.message.payload = ebp_text_of("payload");
    pack(&random_message.message);
    for (size_t len = 0; len < packed.len; len++)
        cr_assert(unpack(packed.data, len).decode_error.data, "%zu bytes of %zu", len, packed.len);
}

static struct eb_header many[EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX + 1];

Test(help_pack, the_number_of_headers_is_bounded_and_a_dead_letter_has_room) {
    struct eb_message message = { .size = sizeof message, .headers = many, .n_headers = EBP_PAIRS_MAX };

    cr_assert_null(ebp_unfit(&message));
    message.n_headers++;
    cr_assert(ebp_unfit(&message));
    for (size_t i = EBP_PAIRS_MAX; i < EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX; i++)
        many[i].name = ebp_text_of("dlq_x");
    message.n_headers = EBP_PAIRS_MAX + EBP_DLQ_PAIRS_MAX;
    cr_assert_null(ebp_unfit(&message));
    pack(&message);
    cr_assert_null(unpack(packed.data, packed.len).decode_error.data);
    message.n_headers++;
    cr_assert(ebp_unfit(&message));
    pack(&message);
    refused(packed.data, packed.len, "more than 4160");
}

Test(help_pack, without_memory_nothing_is_packed_and_the_message_may_come_again) {
    struct eb_message message = { .size = sizeof message };
    struct eb_error err;

    make_message(&random_message, 3);
    fail_allocation(1);
    cr_assert_not(ebp_pack(&packed, &random_message.message));
    cr_assert(allocation_failed());
    cr_assert_eq(packed.len, 0);
    pack(&random_message.message);
    fail_allocation(1);
    cr_assert_eq(ebp_unpack(&pairs, ebp_text((char *)packed.data, packed.len), &message, &err), EB_RETRIABLE);
    cr_assert(allocation_failed());
    cr_assert_eq(err.kind, EB_KIND_SYSTEM);
}
