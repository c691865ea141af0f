/* plugins/sqlite/store/extender.h - the database file as the kernel knows it: which one it is, and longer, with blocks on the disk
 * behind it. */
#ifndef SQ_EXTENDER_H
#define SQ_EXTENDER_H

#include <stdint.h>

#include "store/file.h"

/* An open descriptor of a database file beside sqlite's own: what the file is for as long as it is open, whatever its path
 * leads to by then. Any thread; borrowed from the one table of them. */
struct sq_extender;

/* Opens the file, and keeps others from opening it by another name. EB_RETRIABLE: somebody has it open by another name. */
int32_t sq_extender_get(const char *real, struct sq_extender **, struct eb_error *);
void sq_extender_put(struct sq_extender *);       /* may be NULL */

const struct sq_file_identity *sq_extender_file(const struct sq_extender *);

/* EB_OK: the file is at least that long; where it was not, by whole chunks. EB_EMPTY: this filesystem cannot do that;
 * EB_RETRIABLE: the disk is full. */
int32_t sq_extender_extend(const struct sq_extender *, int64_t size, int64_t chunk);

#endif
