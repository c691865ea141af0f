/* core/config/file.c - the whole of a small file: see file.h. */
#include "config/file.h"

#include <errno.h>
#include <unistd.h>

#include "base/error.h"

enum { READ_STEP = 16384 };

/* Adds everything that can be read from fd, to its end. */
static enum eb_status fill(struct ebi_bytes *text, int fd, const char *path, size_t most, struct eb_error *err) {
    size_t left = most;

    for (;;) {
        ssize_t got;

        if (!ebi_bytes_reserve(text, READ_STEP))
            return ebi_error_memory(err);
        got = read(fd, text->data + text->len, READ_STEP);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: cannot read", path);
        if (got == 0)
            return EB_OK;
        if ((size_t)got > left)
            return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "%s: larger than %zu bytes", path, most);
        left -= (size_t)got;
        text->len += (size_t)got;
        text->data[text->len] = '\0';
    }
}

enum eb_status ebi_file_text(const char *path, int fd, size_t most, struct ebi_bytes *text, struct eb_error *err) {
    enum eb_status status = fill(text, fd, path, most, err);

    close(fd);
    return status;
}
