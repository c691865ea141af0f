/* core/config/file.h - reads a small file as a whole. */
#ifndef EBI_FILE_H
#define EBI_FILE_H

#include <stddef.h>
#include <eventbus/error.h>
#include "base/bytes.h"

/* Adds the content of fd, which is open on `path`, and closes fd in any case. EB_PERMANENT, EB_KIND_CONFIG: the file cannot be read, or
 * has more than `most` bytes; the error begins with the path. */
enum eb_status ebi_file_text(const char *path, int fd, size_t most, struct ebi_bytes *, struct eb_error *);

#endif
