/* tests/unit/help/test_ring.c */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <eventbus/plugin-help/ring.h>

#include "../memory.h"

static struct ebp_submit_ring submitted;
static struct eb_message messages[3];
static const struct eb_message *const three[] = { &messages[0], &messages[1], &messages[2] };

Test(help_ring, submit_takes_what_fits_and_keeps_the_order) {
    size_t taken = 0, n;

    while ((n = ebp_submit_take(&submitted, three, 3)) == 3)
        taken += n;
    taken += n;
    cr_assert_eq(taken, EBP_SUBMIT_ROOM);
    cr_assert_eq(ebp_submit_take(&submitted, three, 3), 0);
    for (size_t i = 0; i < submitted.n; i++)
        cr_assert_eq(ebp_submit_at(&submitted, i), three[i % 3]);
}

Test(help_ring, what_leaves_makes_room_across_the_end) {
    while (ebp_submit_take(&submitted, three, 3) == 3)
        continue;
    ebp_submit_drop(&submitted, EBP_SUBMIT_ROOM - 1);
    cr_assert_eq(ebp_submit_at(&submitted, 0), three[(EBP_SUBMIT_ROOM - 1) % 3]);
    cr_assert_eq(ebp_submit_take(&submitted, three, 3), 3);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(ebp_submit_at(&submitted, i + 1), three[i]);
    ebp_submit_put(&submitted, 1, three[2]);
    cr_assert_eq(ebp_submit_at(&submitted, 1), three[2]);
    ebp_submit_drop(&submitted, 4);
    cr_assert_eq(submitted.n, 0);
}

struct numbers {
    struct ebp_ring ring;
    int *list;
};

static void push(struct numbers *numbers, int number) {
    cr_assert(EBP_RING_RESERVE(&numbers->ring, numbers->list, 1));
    numbers->list[ebp_ring_push(&numbers->ring)] = number;
}

Test(help_ring, a_ring_grows_wherever_it_begins) {
    for (int first = 0; first < 200; first += 7) {
        struct numbers numbers = { 0 };
        for (int i = 0; i < first; i++) {
            push(&numbers, -1);
            cr_assert_eq(numbers.list[ebp_ring_pop(&numbers.ring)], -1);
        }
        for (int i = 0; i < 1000; i++)
            push(&numbers, i);
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(numbers.list[ebp_ring_at(&numbers.ring, (size_t)i)], i, "first %d, number %d", first, i);
        for (int i = 0; i < 1000; i++)
            cr_assert_eq(numbers.list[ebp_ring_pop(&numbers.ring)], i);
        cr_assert_eq(numbers.ring.n, 0);
        free(numbers.list);
    }
}

Test(help_ring, many_can_be_reserved_at_once) {
    struct numbers numbers = { 0 };

    push(&numbers, 7);
    cr_assert(EBP_RING_RESERVE(&numbers.ring, numbers.list, 1000));
    cr_assert_geq(numbers.ring.room - numbers.ring.n, 1000);
    cr_assert_eq(numbers.list[ebp_ring_at(&numbers.ring, 0)], 7);
    size_t room = numbers.ring.room;
    cr_assert(EBP_RING_RESERVE(&numbers.ring, numbers.list, room - 1));
    cr_assert_eq(numbers.ring.room, room);
    free(numbers.list);
}

Test(help_ring, what_no_memory_has_is_refused_and_changes_nothing) {
    struct numbers numbers = { 0 };

    push(&numbers, 7);
    struct ebp_ring before = numbers.ring;
    fail_allocation(1);
    cr_assert_not(EBP_RING_RESERVE(&numbers.ring, numbers.list, before.room));
    cr_assert(allocation_failed());
    cr_assert_not(EBP_RING_RESERVE(&numbers.ring, numbers.list, SIZE_MAX));
    cr_assert_not(EBP_RING_RESERVE(&numbers.ring, numbers.list, SIZE_MAX / 4));
    cr_assert_eq(numbers.ring.n, before.n);
    cr_assert_eq(numbers.ring.room, before.room);
    cr_assert_eq(numbers.list[ebp_ring_pop(&numbers.ring)], 7);
    free(numbers.list);
}
