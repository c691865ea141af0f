/* tests/unit/growth.c - see growth.h. */
#include "growth.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <malloc.h>
#include <time.h>

enum { RUNS = 3, TRIES = 6 };

static double cpu_seconds(void) {
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double fastest(void (*work)(size_t), size_t n) {
    double best = 1e9;

    for (int i = 0; i < RUNS; i++) {
        double began = cpu_seconds();

        work(n);
        double took = cpu_seconds() - began;
        best = took < best ? took : best;
    }
    return best;
}

void expect_growth(const char *what, void (*work)(size_t), size_t n) {
#ifdef __SANITIZE_ADDRESS__
    const double limit = 32; /* what is freed is kept by the sanitizer: the more, the slower */
#else
    const double limit = 1.5 * 2.5 * 2.5 * 2.5; /* and half as much again for caches that others use as well */
#endif
    double small = 0, large = 0;

    mallopt(M_TRIM_THRESHOLD, INT_MAX); /* memory stays with the process from run to run: pages are not what is measured */
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    work(8 * n);
    for (int i = 0; i < TRIES; i++) {
        small = fastest(work, n);
        large = fastest(work, 8 * n);
        if (large <= small * limit)
            return;
    }
    cr_assert_fail("%s: %zu take %.3f ms, %zu take %.3f ms: %.1f times the time for 8 times the work", what, n, small * 1e3,
                   8 * n, large * 1e3, large / small);
}
