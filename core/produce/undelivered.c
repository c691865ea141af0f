/* core/produce/undelivered.c - see undelivered.h. */
#include "produce/undelivered.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/folders.h"
#include "produce/send_id.h"

/* ---- The lock ---- */

/* Gives a file that root creates in the state folder of a service to that service, which has to write to it as well. */
static void give_to_owner_of_folder(const char *path, int fd) {
    char *folder = geteuid() == 0 ? strdup(path) : NULL;
    char *slash = folder ? strrchr(folder, '/') : NULL;
    struct stat owner;

    if (slash)
        slash[slash == folder] = '\0';
    if (slash && stat(folder, &owner) == 0 && owner.st_uid != 0 && fchown(fd, owner.st_uid, owner.st_gid) != 0)
        errno = 0; /* the file stays root's, who can write it */
    free(folder);
}

static int open_or_create(const char *path, int flags) {
    int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | (flags & ~O_CREAT));

    if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
        return fd;
    fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600);
    if (fd >= 0)
        give_to_owner_of_folder(path, fd);
    return fd;
}

static int lock(int fd) {
    int locked;

    do
        locked = flock(fd, LOCK_EX);
    while (locked != 0 && errno == EINTR);
    return locked;
}

static bool still_named(const char *path, int fd) {
    struct stat named, locked;

    return fstat(fd, &locked) == 0 && stat(path, &named) == 0 && named.st_dev == locked.st_dev && named.st_ino == locked.st_ino;
}

enum eb_status ebi_undelivered_lock(const char *path, int flags, int *fd, struct eb_error *err) {
    for (;;) { /* repeats only where the file is moved between open and lock */
        *fd = open_or_create(path, flags);
        if (*fd < 0 && errno == ENOENT && !(flags & O_CREAT))
            return EB_EMPTY;
        if (*fd < 0)
            return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", path);
        if (lock(*fd) != 0) {
            ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot lock %s", path);
            close(*fd);
            return EB_FATAL;
        }
        if (still_named(path, *fd))
            return EB_OK;
        close(*fd);
    }
}

/* ---- Adding ---- */

/* Writes the whole line, or leaves the file as it was: half a line would spoil the next one. */
static enum eb_status write_line(int fd, const char *path, const char *line, size_t len, struct eb_error *err) {
    off_t before = lseek(fd, 0, SEEK_END);
    size_t done = 0;

    while (done < len) {
        ssize_t n = write(fd, line + done, len - done);

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

/* Whether a process died, or the power failed, in the middle of a line: what is left of it must not become a part of the next. */
static bool ends_within_a_line(int fd, off_t size) {
    char last;

    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/* Appends a line that begins with a newline, which is left out where the file does not need it. */
static enum eb_status append(const char *path, const struct ebi_bytes *line, struct eb_error *err) {
    struct stat about = { 0 };
    int fd = -1;
    enum eb_status status = ebi_make_folders_for(path, err);

    if (status == EB_OK)
        status = ebi_undelivered_lock(path, O_CREAT, &fd, err);
    if (status != EB_OK)
        return status;
    if (fstat(fd, &about) != 0)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", path);
    size_t skip = S_ISREG(about.st_mode) && ends_within_a_line(fd, about.st_size) ? 0 : 1;
    if (status == EB_OK)
        status = write_line(fd, path, line->data + skip, line->len - skip, err);
    if (status == EB_OK && about.st_size == 0)
        status = ebi_sync_folder_of(path, err); /* the file is new: its name, too */
    close(fd);                                  /* unlocks it */
    return status;
}

enum eb_status ebi_undelivered_add(const char *path, const struct eb_event *event, const char *topic, const char *key_field,
                                   struct eb_error *err) {
    struct eb_event addressed = *event; /* borrows everything from it */
    char prefix[EBI_SEND_ID_PREFIX], send_id[EBI_SEND_ID_ROOM];
    struct ebi_bytes line = { 0 };
    enum eb_status status = EB_OK;

    addressed.meta.topic = topic;
    addressed.key_field = key_field;
    if (!addressed.send_id) { /* not sent yet: all attempts to send the line have this one */
        ebi_send_id_prefix(prefix);
        ebi_send_id_write(send_id, prefix, 0);
        addressed.send_id = send_id;
    }
    if (!ebi_bytes_add(&line, "\n", 1))
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = ebi_event_to_cloudevent(&addressed, &line, err);
    if (status == EB_OK && !ebi_bytes_add(&line, "\n", 1))
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = append(path, &line, err);
    ebi_bytes_free(&line);
    return status;
}

enum eb_status ebi_undelivered_append(const char *path, const void *bytes, size_t len, struct eb_error *err) {
    struct ebi_bytes line = { 0 };
    enum eb_status status = EB_OK;

    if (!ebi_bytes_add(&line, "\n", 1) || !ebi_bytes_add(&line, bytes, len) || !ebi_bytes_add(&line, "\n", 1))
        status = ebi_error_memory(err);
    if (status == EB_OK)
        status = append(path, &line, err);
    ebi_bytes_free(&line);
    return status;
}
