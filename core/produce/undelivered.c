/* core/produce/undelivered.c - see undelivered.h. */
#include "produce/undelivered.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/folders.h"

/* Writes all of it, or leaves the file as it was: half a line would spoil the next one. */
static enum eb_status write_line(int fd, const char *path, const struct ebi_bytes *line, struct eb_error *err) {
    off_t before = lseek(fd, 0, SEEK_END);
    size_t done = 0;

    while (done < line->len) {
        ssize_t n = write(fd, line->data + done, line->len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s", path);
            if (done > 0 && before >= 0 && ftruncate(fd, before) != 0)
                ebi_error_context(err, "half a line is left at its end");
            return EB_FATAL;
        }
        done += (size_t)n;
    }
    if (fdatasync(fd) != 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s to disk", path);
    return EB_OK;
}

enum eb_status ebi_undelivered_add(const char *path, const struct eb_event *event, const char *topic,
                                   struct eb_error *err) {
    struct eb_event addressed = *event; /* borrows all from it */
    struct ebi_bytes line = {0};
    int fd = -1;

    addressed.meta.topic = topic;
    enum eb_status status = ebi_event_to_cloudevent(&addressed, &line, err);

    if (status == EB_OK && !ebi_bytes_add(&line, "\n", 1))
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = ebi_make_folders_for(path, err);
    if (status != EB_OK)
        goto done;
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", path);
        goto done;
    }
    status = write_line(fd, path, &line, err);
done:
    if (fd >= 0)
        close(fd);                      /* and with it the lock */
    ebi_bytes_free(&line);
    return status;
}
