/* tests/unit/growth.h - that a loop over waiting things does not become quadratic. */
#ifndef TEST_GROWTH_H
#define TEST_GROWTH_H

#include <stddef.h>

/* Fails the test unless twice the work takes at most 2.5 times the time. It compares `work(n)` with `work(8 * n)`, three
 * doublings, because noise weighs less there: 8 times is linear, 64 quadratic, 2.5 * 2.5 * 2.5 = 15.6 the limit, and half as
 * much again, since the larger work fits less into caches that a busy machine uses for others, too. The time is
 * that of the CPU in this thread, so other processes do not count; the fastest of several runs is taken, and a ratio above
 * the limit is measured again before it fails. */
void expect_growth(const char *what, void (*work)(size_t n), size_t n);

#endif
