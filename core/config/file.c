/* core/config/file.c - the whole of a small file: see file.h. */
#include "config/file.h"

#include <unistd.h>

#include "base/error.h"

enum eb_status ebi_file_text(const char *path, int fd, size_t most, struct ebi_bytes *text, struct eb_error *err) {
    struct eb_error why = { 0 };
    enum eb_status status = ebi_bytes_fill(text, fd, most, &why);

    close(fd);
    if (status == EB_OK)
        return EB_OK;
    if (status == EB_FATAL && why.native == 0) /* no fault of the file's */
        return ebi_error_memory(err);
    return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: %s", path, why.text);
}
