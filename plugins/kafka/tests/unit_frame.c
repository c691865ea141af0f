/* plugins/kafka/tests/unit_frame.c - frames, keys as text, positions. */
#include <criterion/criterion.h>
#include <string.h>
#include "record/frame.h"
#include "position.h"

#define TEXT(literal) ((struct eb_text){ literal, sizeof(literal) - 1 })

Test(kafka_frame, comes_off_as_it_was_put) {
    char framed[6] = { 0, 0, 0, 0, 0, 'x' };
    struct eb_text inside;
    uint32_t id;

    kf_frame_put(framed, 0xA1B2C3D4);
    cr_assert(kf_frame_take((struct eb_text){ framed, 6 }, &id, &inside));
    cr_assert_eq(id, 0xA1B2C3D4);
    cr_assert_eq(inside.len, 1);
    cr_assert_not(kf_frame_take((struct eb_text){ framed, 4 }, &id, &inside), "truncated");
    framed[0] = 1;
    cr_assert_not(kf_frame_take((struct eb_text){ framed, 6 }, &id, &inside), "no frame");
}

Test(kafka_frame, keys_are_text_by_their_type) {
    static const struct {
        struct eb_text type, avro;
        const char *text; /* NULL: it is not of that type */
        /* clang-format off */
    } cases[] = {
        { TEXT("string"), TEXT("\x0c" "foobob"), "foobob" },
        { TEXT("string"), TEXT("\x0c" "fooba"), NULL },
        { TEXT("string"), TEXT(""), NULL },
        { TEXT("long"), TEXT("\x01"), "-1" },
        { TEXT("long"), TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "-9223372036854775808" },
        { TEXT("long"), TEXT("\x02\x02"), NULL },
        { TEXT("boolean"), TEXT("\x01"), "true" },
        { TEXT("boolean"), TEXT("\x02"), NULL },
        { { NULL, 0 }, TEXT("\x0c" "foobob"), "foobob" },
        { { NULL, 0 }, TEXT("\x02"), "1" },
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[KF_KEY_ROOM];
        struct eb_text text;
        bool good = kf_key_text(cases[i].type, cases[i].avro, room, &text);

        cr_assert_eq(good, cases[i].text != NULL, "case %zu", i);
        cr_assert(!good || (text.len == strlen(cases[i].text) && memcmp(text.data, cases[i].text, text.len) == 0), "case %zu",
                  i);
    }
}

static int32_t check(const char *position) {
    struct eb_point point = { .size = sizeof point, .kind = EB_POSITION, .position = { position, strlen(position) } };

    return kf_position_check(&point, NULL);
}

Test(kafka_point, positions_are_partitions_with_offsets) {
    static const char *const good[] = { "0:0", "3:17", "0:1,1:2,2147483647:3" };
    static const char *const bad[] = { "",
                                       "3",
                                       ":",
                                       "3:",
                                       ":5",
                                       "3:5,",
                                       "3:5,3:6",
                                       "1:2,3:5,3:6",
                                       "-1:5",
                                       "3:-5",
                                       "3:5 ",
                                       "2147483648:1",
                                       "0:9223372036854775807",
                                       "0:99999999999999999999" };
    int64_t offset;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert_eq(check(good[i]), EB_OK, "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(check(bad[i]), EB_PERMANENT, "%s", bad[i]);
    cr_assert(kf_position_offset("0:1,7:42", 7, &offset));
    cr_assert_eq(offset, 42);
    cr_assert_not(kf_position_offset("0:1,7:42", 1, &offset));
}

Test(kafka_point, a_place_is_printed_as_it_is_read) {
    static const struct {
        int32_t partition;
        int64_t offset;
        const char *text;
    } cases[] = { { 0, 0, "0:0" }, { 12, 1009, "12:1009" }, { INT32_MAX, INT64_MAX, "2147483647:9223372036854775807" } };
    char room[KF_POSITION_ROOM];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(kf_position_print(room, cases[i].partition, cases[i].offset), strlen(cases[i].text));
        cr_assert_str_eq(room, cases[i].text);
    }
}
