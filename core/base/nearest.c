/* core/base/nearest.c - which known name was probably meant: see nearest.h. */
#include "base/nearest.h"

#include <string.h>

enum { LONGEST = 255, MOST_EDITS = 8 };

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* One row of the table of edits: row[j] is the edits from the first i characters of `from` to the first j of `to`. */
static unsigned fill_row(const char *from, size_t i, const char *to, size_t len, const unsigned *two_above,
                         const unsigned *above, unsigned *row) {
    unsigned best = row[0] = (unsigned)i;

    for (size_t j = 1; j <= len; j++) {
        unsigned edits = above[j - 1] + (from[i - 1] != to[j - 1]);

        edits = least(edits, least(above[j], row[j - 1]) + 1);
        if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
            edits = least(edits, two_above[j - 2] + 1);
        row[j] = edits;
        best = least(best, edits);
    }
    return best;
}

unsigned ebi_edits(const char *from, const char *to, unsigned limit) {
    unsigned rows[3][LONGEST + 1];
    size_t from_len = strlen(from), to_len = strlen(to);
    unsigned before = 0;

    while (from_len && to_len && *from == *to) /* event types share long beginnings */
        from++, to++, from_len--, to_len--;
    while (from_len && to_len && from[from_len - 1] == to[to_len - 1])
        from_len--, to_len--;
    if (from_len > LONGEST || to_len > LONGEST)
        return limit + 1;
    for (unsigned j = 0; j <= to_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= from_len; i++) {
        unsigned best = fill_row(from, i, to, to_len, rows[(i + 1) % 3], rows[(i + 2) % 3], rows[i % 3]);

        if (best > limit && before > limit) /* two rows: a swap looks back that far */
            return limit + 1;
        before = best;
    }
    return least(rows[from_len % 3][to_len], limit + 1);
}

/* How many edits still look like a typing error: a third of what was typed, and never all of it. */
static unsigned slips(size_t len) {
    unsigned most = len / 3 > MOST_EDITS ? MOST_EDITS : (unsigned)(len / 3);

    return most == 0 && len > 1 ? 1 : most;
}

ptrdiff_t ebi_nearest(const char *given, const char *const *names, size_t n) {
    unsigned limit = slips(strlen(given));
    ptrdiff_t found = -1;

    for (size_t i = 0; i < n && limit > 0; i++) {
        unsigned edits = ebi_edits(given, names[i], limit);

        if (edits <= limit) {
            found = (ptrdiff_t)i;
            limit = edits ? edits - 1 : 0; /* only a nearer name from here on */
        }
        if (edits == 0)
            break;
    }
    return found;
}
