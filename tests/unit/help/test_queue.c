/* tests/unit/help/test_queue.c - the queue in one thread. tests/threads/test_queue.c has several. */
#include <criterion/criterion.h>
#include <eventbus/plugin-help/queue.h>

#include "../memory.h"

enum { ROOM = 4 };

struct report {
    int number;
    const char *text;
};

static int wakes;

static void wake(void *arg) {
    ++*(int *)arg;
}

static struct ebp_queue *queue;

static void set_up(void) {
    queue = ebp_queue_new(sizeof(struct report), ROOM, wake, &wakes);
    cr_assert(queue);
}

static void tear_down(void) {
    ebp_queue_unref(queue);
}

TestSuite(help_queue, .init = set_up, .fini = tear_down);

static int32_t push(int number) {
    struct report report = { number, "x" };

    return ebp_queue_push(queue, &report);
}

/* Pops up to max, which come in order from `first`; returns how many. */
static size_t pop(size_t max, int first) {
    struct report got[2 * ROOM];
    size_t n = ebp_queue_pop(queue, got, max);

    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(got[i].number, first + (int)i);
        cr_assert_str_eq(got[i].text, "x");
    }
    return n;
}

Test(help_queue, items_come_out_in_their_order_wherever_the_ring_wraps) {
    int next = 0, due = 0;

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < round % ROOM + 1; i++)
            if (push(next) == EB_OK)
                next++;
        due += (int)pop((size_t)round % (2 * ROOM), due);
    }
    due += (int)pop(2 * ROOM, due);
    cr_assert_eq(due, next);
    cr_assert_gt(next, 50);
}

Test(help_queue, it_is_bounded) {
    for (int i = 0; i < ROOM; i++)
        cr_assert_eq(push(i), EB_OK);
    cr_assert_eq(push(ROOM), EB_FULL);
    cr_assert_eq(ebp_queue_count(queue), ROOM);
    cr_assert_eq(pop(1, 0), 1);
    cr_assert_eq(push(ROOM), EB_OK);
    cr_assert_eq(pop(2 * ROOM, 1), ROOM);
}

Test(help_queue, a_full_queue_is_waited_for_no_longer_than_the_timeout) {
    struct report report = { 9, "x" };
    int64_t began = ebp_monotonic_ms();

    for (int i = 0; i < ROOM; i++)
        push(i);
    cr_assert_eq(ebp_queue_push_wait(queue, &report, 50), EB_FULL);
    cr_assert_geq(ebp_monotonic_ms() - began, 50);
    cr_assert_eq(ebp_queue_push_wait(queue, &report, INT64_MIN), EB_FULL);
}

Test(help_queue, each_push_that_is_taken_wakes) {
    for (int i = 0; i < ROOM + 3; i++)
        push(i);
    cr_assert_eq(wakes, ROOM);
}

Test(help_queue, a_closed_queue_takes_nothing_wakes_nobody_and_gives_out_the_rest) {
    push(0);
    push(1);
    cr_assert_not(ebp_queue_is_closed(queue));
    ebp_queue_close(queue);
    cr_assert(ebp_queue_is_closed(queue));
    cr_assert_eq(push(2), EB_GONE);
    cr_assert_eq(wakes, 2);
    cr_assert_eq(pop(2 * ROOM, 0), 2);
    cr_assert_eq(push(2), EB_GONE);
    cr_assert_eq(pop(2 * ROOM, 0), 0);
}

/* As a client library that calls back after its close has returned. */
Test(help_queue, who_has_a_reference_may_push_after_the_instance_is_gone) {
    struct ebp_queue *late = ebp_queue_ref(queue);
    struct report report = { 1, "x" };

    ebp_queue_close(queue);
    ebp_queue_unref(queue);
    cr_assert_eq(ebp_queue_push(late, &report), EB_GONE);
    queue = late; /* the last reference, for tear_down */
}

Test(help_queue, nothing_is_popped_for_nobody) {
    push(0);
    cr_assert_eq(ebp_queue_pop(queue, NULL, 0), 0);
    cr_assert_eq(ebp_queue_count(queue), 1);
}

Test(help_queue, without_memory_or_room_there_is_no_queue) {
    for (unsigned n = 1; n <= 2; n++) {
        fail_allocation(n);
        cr_assert_null(ebp_queue_new(8, 8, NULL, NULL));
        cr_assert(allocation_failed());
    }
    cr_assert_null(ebp_queue_new(8, 0, NULL, NULL));
    volatile size_t huge = SIZE_MAX / 2; /* the compiler does not see what the sizes come to */
    cr_assert_null(ebp_queue_new(huge, 4, NULL, NULL));
    ebp_queue_unref(NULL);
}
