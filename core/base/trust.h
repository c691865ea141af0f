/* core/base/trust.h - whether only root and the running user can change a file: the one rule for files that are loaded or obeyed because
 * of the folder they are in. */
#ifndef EBI_TRUST_H
#define EBI_TRUST_H

#include <eventbus/error.h>

/* Checks a file and all folders above it. `file` is an absolute path without links, as realpath(3) gives it. Each must
 * belong to root or the running user and may not be writable by others; in a sticky folder they may not touch what is
 * there; a group of root or the running user alone is no other. EB_PERMANENT, EB_KIND_SYSTEM: who may write what, and what
 * to do about it. */
enum eb_status ebi_trust_check(const char *file, struct eb_error *);

#endif
