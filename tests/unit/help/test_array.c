/* tests/unit/help/test_array.c */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <eventbus/plugin-help/array.h>

#include "../memory.h"

struct list {
    uint32_t *numbers;
    size_t n, room;
};

Test(help_array, grows_by_doubling_and_keeps_what_is_in_it) {
    struct list list = { 0 };
    size_t grown = 0, room = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        cr_assert(EBP_RESERVE(list.numbers, list.room, list.n + 1));
        grown += list.room != room;
        room = list.room;
        list.numbers[list.n++] = i;
    }
    cr_assert_leq(grown, 12);
    for (uint32_t i = 0; i < list.n; i++)
        cr_assert_eq(list.numbers[i], i);
    free(list.numbers);
}

Test(help_array, many_can_be_reserved_at_once) {
    struct list list = { 0 };

    cr_assert(EBP_RESERVE(list.numbers, list.room, list.n));
    cr_assert_null(list.numbers);
    cr_assert(EBP_RESERVE(list.numbers, list.room, 1000));
    cr_assert_geq(list.room, 1000);
    cr_assert_lt(list.room, 2000);
    free(list.numbers);
}

Test(help_array, large_elements_take_room_too) {
    struct {
        char bytes[1000];
    } *elements = NULL;
    size_t room = 0;

    cr_assert(EBP_RESERVE(elements, room, 1));
    cr_assert_geq(room, 1);
    elements[0].bytes[999] = 'x';
    free(elements);
}

Test(help_array, what_no_memory_has_is_refused_and_changes_nothing) {
    struct list list = { 0 };

    cr_assert(EBP_RESERVE(list.numbers, list.room, 1));
    list.numbers[0] = 7;
    size_t room = list.room;
    fail_allocation(1);
    cr_assert_not(EBP_RESERVE(list.numbers, list.room, room + 1));
    cr_assert(allocation_failed());
    cr_assert_not(EBP_RESERVE(list.numbers, list.room, SIZE_MAX));
    cr_assert_not(EBP_RESERVE(list.numbers, list.room, SIZE_MAX / sizeof(uint32_t)));
    cr_assert_eq(list.room, room);
    cr_assert_eq(list.numbers[0], 7);
    free(list.numbers);
}
