/* plugins/sqlite/extend.h - makes the database file longer, with blocks on the disk behind it, by the kernel alone. */
#ifndef SQ_EXTEND_H
#define SQ_EXTEND_H

#include <stdint.h>

#include "file.h"

/* A way to write to a database file beside sqlite's own. Any thread; borrowed from the one table of them. */
struct sq_way;

/* NULL: there is none, for want of a descriptor or memory, or because another file lies there by now. */
struct sq_way *sq_way_get(const char *path, const struct sq_file_identity *);
void sq_way_put(struct sq_way *);       /* may be NULL */

/* EB_OK: the file is at least that long; where it was not, by whole chunks. EB_EMPTY: this filesystem cannot do that;
 * EB_RETRIABLE: the disk is full. */
int32_t sq_way_extend(const struct sq_way *, int64_t size, int64_t chunk);

#endif
