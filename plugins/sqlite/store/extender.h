/* plugins/sqlite/store/extender.h - a descriptor of the database file beside SQLite's own: it identifies the file, keeps
 * it open under one name only, and extends it with blocks on the disk. */
#ifndef SQ_EXTENDER_H
#define SQ_EXTENDER_H

#include <stdint.h>

#include "store/file.h"

/* Identifies the file as long as it is open, whatever its path leads to later. Any thread; borrowed from the one table of
 * the process. */
struct sq_extender;

/* Opens the file and locks its name, so that no process opens it by another one. EB_RETRIABLE: a process has it open by
 * another name. */
int32_t sq_extender_get(const char *real, struct sq_extender **, struct eb_error *);
void sq_extender_put(struct sq_extender *); /* may be NULL */

const struct sq_file_identity *sq_extender_file(const struct sq_extender *);

/* How long the file is; 0: that cannot be told. */
int64_t sq_extender_size(const struct sq_extender *);

/* Makes the file at least that long, in whole chunks. EB_OK; EB_EMPTY: this filesystem cannot allocate blocks;
 * EB_RETRIABLE: the disk is full. */
int32_t sq_extender_extend(const struct sq_extender *, int64_t size, int64_t chunk);

#endif
