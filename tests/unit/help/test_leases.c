/* tests/unit/help/test_leases.c - the book says what is to be extended and what is over, at its time and in its order. */
#include <criterion/criterion.h>
#include <eventbus/plugin-help/leases.h>

#include "../memory.h"

enum { LENGTH = 3000, MANY = 500 };

static struct ebp_lease_book book;
static struct ebp_lease leases[MANY];

static void tear_down(void) {
    ebp_lease_book_free(&book);
}

TestSuite(help_leases, .fini = tear_down);

static void begin(size_t i, int64_t sent_ms, int64_t length_ms) {
    cr_assert(ebp_lease_begin(&book, &leases[i], i, sent_ms, length_ms));
}

/* Returns what is due at that time: the token, negative for one that is over; MANY: nothing. */
static int due(int64_t now_ms) {
    enum ebp_lease_what what;
    struct ebp_lease *lease = ebp_lease_due(&book, now_ms, &what);

    return !lease ? MANY : what == EBP_LEASE_OVER ? -(int)lease->token : (int)lease->token;
}

Test(help_leases, a_lease_is_to_be_extended_after_each_third_until_it_is_over) {
    cr_assert_eq(ebp_leases_due_ms(&book), INT64_MAX);
    begin(1, 10000, LENGTH);
    cr_assert_eq(ebp_leases_due_ms(&book), 11000);
    cr_assert_eq(due(10999), MANY);
    cr_assert_eq(due(11000), 1);
    cr_assert_eq(due(11000), MANY, "said once");
    cr_assert_eq(due(12000), 1, "and again while it is not confirmed");
    cr_assert(ebp_lease_is_held(&leases[1], 12999));
    cr_assert_not(ebp_lease_is_held(&leases[1], 13000));
    cr_assert_eq(due(13000), -1);
    cr_assert_eq(due(INT64_MAX), MANY);
    cr_assert_not(ebp_lease_is_held(&leases[1], 0));
}

Test(help_leases, an_extension_counts_from_its_request_and_never_shortens) {
    begin(1, 10000, LENGTH);
    due(11000);
    ebp_lease_extended(&book, &leases[1], 11000);
    cr_assert(ebp_lease_is_held(&leases[1], 13999));
    cr_assert_eq(ebp_leases_due_ms(&book), 12000);
    ebp_lease_extended(&book, &leases[1], 10500); /* the reply to an earlier request */
    cr_assert(ebp_lease_is_held(&leases[1], 13999));
    cr_assert_eq(due(14000), -1);
    ebp_lease_extended(&book, &leases[1], 14000);
    cr_assert_not(ebp_lease_is_held(&leases[1], 14000), "what is over stays over");
    cr_assert_eq(book.n, 0);
}

Test(help_leases, what_the_host_extends_is_due_only_when_it_is_over) {
    begin(1, 10000, LENGTH);
    ebp_lease_left_to_host(&book, &leases[1]);
    cr_assert_eq(due(12999), MANY);
    ebp_lease_extended(&book, &leases[1], 12000);
    cr_assert_eq(ebp_leases_due_ms(&book), 15000);
    cr_assert_eq(due(15000), -1);
}

Test(help_leases, what_ended_is_never_due) {
    begin(1, 0, LENGTH);
    begin(2, 0, LENGTH);
    ebp_lease_end(&book, &leases[1]);
    ebp_lease_end(&book, &leases[1]);
    cr_assert_not(ebp_lease_is_held(&leases[1], 1));
    cr_assert_eq(due(LENGTH), -2);
    cr_assert_eq(due(LENGTH), MANY);
}

Test(help_leases, the_shortest_and_the_longest_lease_come_to_an_end) {
    begin(1, 0, 1);
    begin(2, 0, 2);
    cr_assert_eq(due(1), -1);
    cr_assert_eq(due(1), 2);
    cr_assert_eq(due(1), MANY);
    cr_assert_eq(due(2), -2);
    begin(3, 1000, INT64_MAX);
    cr_assert(ebp_lease_is_held(&leases[3], INT64_MAX / 4));
    cr_assert_eq(due(1000), MANY);
}

/* Against a plain look at all of them. */
Test(help_leases, many_of_any_length_are_due_in_the_order_of_their_times) {
    unsigned state = 1;

    for (int64_t now = 0; now < 3000; now++) {
        size_t i = (state = state * 1103515245 + 12345) >> 8 & 255;

        if (leases[i].place == 0)
            begin(i, now, 1 + (state >> 16) % 200);
        else if (state % 3 == 0)
            ebp_lease_end(&book, &leases[i]);
        else if (state % 3 == 1)
            ebp_lease_extended(&book, &leases[i], now);
        else
            ebp_lease_left_to_host(&book, &leases[i]);
        while (due(now) != MANY)
            continue;
        int64_t first = INT64_MAX;
        size_t n = 0;
        for (size_t k = 0; k < MANY; k++) {
            n += leases[k].place > 0;
            cr_assert(leases[k].place == 0 || (book.leases[leases[k].place - 1] == &leases[k] && leases[k].due_ms > now));
            first = leases[k].place > 0 && leases[k].due_ms < first ? leases[k].due_ms : first;
        }
        cr_assert_eq(n, book.n);
        cr_assert_eq(ebp_leases_due_ms(&book), first);
    }
}

Test(help_leases, without_memory_a_lease_is_in_no_book) {
    fail_allocation(1);
    cr_assert_not(ebp_lease_begin(&book, &leases[0], 7, 0, LENGTH));
    cr_assert(allocation_failed());
    cr_assert_eq(book.n, 0);
    cr_assert_not(ebp_lease_is_held(&leases[0], 0));
    ebp_lease_end(&book, &leases[0]);
}
