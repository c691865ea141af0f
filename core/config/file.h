/* core/config/file.h - the whole of a small file. */
#ifndef EBI_FILE_H
#define EBI_FILE_H

#include <stddef.h>
#include "base/bytes.h"

/* Adds what fd, open on `path`, holds; closes fd in any case. EB_PERMANENT, EB_KIND_CONFIG: it cannot be read, or holds
 * more than `most` bytes; the text begins with the path. */
enum eb_status ebi_file_text(const char *path, int fd, size_t most, struct ebi_bytes *, struct eb_error *);

#endif
