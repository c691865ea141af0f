/* core/base/nearest.h - finds the known name that a misspelt one probably means. */
#ifndef EBI_NEAREST_H
#define EBI_NEAREST_H

#include <stddef.h>

/* The number of edits (insert, delete, replace, swap of neighbours) from one to the other; limit + 1 where it is more than `limit`. */
unsigned ebi_edits(const char *from, const char *to, unsigned limit);

/* The index of the name nearest to `given`, or -1 when none is near enough to suggest. */
ptrdiff_t ebi_nearest(const char *given, const char *const *names, size_t n);

#endif
