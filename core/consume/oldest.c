/* core/consume/oldest.c - see oldest.h. */
#include "consume/oldest.h"

#include <stdlib.h>

static int by_stamp(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

uint64_t ebi_oldest_eighth(uint64_t *stamps, size_t n) {
    qsort(stamps, n, sizeof *stamps, by_stamp);
    return stamps[n < 8 ? 0 : n / 8 - 1];
}
