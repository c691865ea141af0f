/* core/base/nearest.h - which known name was probably meant. */
#ifndef EBI_NEAREST_H
#define EBI_NEAREST_H

#include <stddef.h>

/* Edits (insert, delete, replace, swap of neighbours) from one to the other; more than `limit` is limit + 1. */
unsigned ebi_edits(const char *from, const char *to, unsigned limit);

/* The index of the name nearest to `given`, or -1 when none is near enough to suggest. */
ptrdiff_t ebi_nearest(const char *given, const char *const *names, size_t n);

#endif
