/* core/produce/resend.c - see resend.h.
 *
 * Files beside PATH, while they are needed: PATH.lock, which a run holds; PATH.sending, the file that was taken over; PATH.new, where
 * the lines that are left are put in front of those that were added to PATH since; PATH.torn. A process that adds to PATH holds the
 * file's own lock for a moment (see undelivered.c), and notices that it was moved. */
#include "produce/resend.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/folders.h"
#include "produce/undelivered.h"

/* Replaces the first byte of a delivered line: no event begins with it. */
static const char delivered_mark = '\x06';

enum { PIECE = 1 << 16, LONGEST_LINE = 1 << 30 };

struct ebi_resend {
    char *path, *sending, *fresh, *torn;
    int lock, fd;  /* of PATH.lock and PATH.sending; -1: not open */
    off_t read_to; /* how far the file was read into piece */
    char piece[PIECE];
    size_t at, end; /* the part of piece that is not read yet */
    uint64_t number;
    struct ebi_bytes line;
};

/* ---- Names ---- */

/* Returns the name of the file itself, so that not a symbolic link to it is moved; the file need not exist. NULL: no memory. */
static char *real_name(const char *path) {
    char *real = realpath(path, NULL), *slash, *whole = NULL;
    char target[PATH_MAX];

    if (real)
        return real;
    ssize_t len = readlink(path, target, sizeof target - 1);
    if (len <= 0)
        return strdup(path);
    target[len] = '\0';
    slash = strrchr(path, '/');
    if (target[0] == '/' || !slash)
        return strdup(target);
    return asprintf(&whole, "%.*s/%s", (int)(slash - path), path, target) < 0 ? NULL : whole;
}

static char *beside(const char *path, const char *suffix) {
    char *name = NULL;

    return asprintf(&name, "%s.%s", path, suffix) < 0 ? NULL : name;
}

static void resend_free(struct ebi_resend *resend) {
    if (resend->fd >= 0)
        close(resend->fd);
    if (resend->lock >= 0)
        close(resend->lock);
    ebi_bytes_free(&resend->line);
    free(resend->path);
    free(resend->sending);
    free(resend->fresh);
    free(resend->torn);
    free(resend);
}

static struct ebi_resend *resend_new(const char *path) {
    struct ebi_resend *resend = calloc(1, sizeof *resend);

    if (!resend)
        return NULL;
    resend->lock = resend->fd = -1;
    resend->path = real_name(path);
    if (resend->path) {
        resend->sending = beside(resend->path, "sending");
        resend->fresh = beside(resend->path, "new");
        resend->torn = beside(resend->path, "torn");
    }
    if (resend->sending && resend->fresh && resend->torn)
        return resend;
    resend_free(resend);
    return NULL;
}

/* ---- Reading ---- */

static void rewind_to_start(struct ebi_resend *resend) {
    resend->read_to = 0;
    resend->at = resend->end = 0;
    resend->number = 0;
}

static enum eb_status fill(struct ebi_resend *resend, struct eb_error *err) {
    ssize_t n;

    do
        n = pread(resend->fd, resend->piece, sizeof resend->piece, resend->read_to);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", resend->sending);
    resend->at = 0;
    resend->end = (size_t)n;
    resend->read_to += n;
    return n ? EB_OK : EB_END;
}

/* Reads the next line, delivered or not. EB_PERMANENT: the line is too long, and was skipped. */
static enum eb_status next_line(struct ebi_resend *resend, struct ebi_resend_line *line, struct eb_error *err) {
    enum eb_status status = EB_OK;
    bool too_long = false;
    const char *newline = NULL;

    ebi_bytes_clear(&resend->line);
    line->offset = resend->read_to - (off_t)(resend->end - resend->at);
    line->len = 0;
    while (!newline) {
        if (resend->at == resend->end && (status = fill(resend, err)) != EB_OK)
            break;
        const char *from = resend->piece + resend->at;
        newline = memchr(from, '\n', resend->end - resend->at);
        size_t len = newline ? (size_t)(newline - from) : resend->end - resend->at;
        too_long |= resend->line.len + len > LONGEST_LINE;
        if (!too_long && !ebi_bytes_add(&resend->line, from, len))
            return ebi_error_memory(err);
        line->len += len;
        resend->at += len + (newline != NULL);
    }
    if (status != EB_OK && (status != EB_END || line->len == 0))
        return status;
    line->number = ++resend->number;
    line->text = resend->line.data ? resend->line.data : "";
    return too_long ? ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "a line of more than 1 GiB") : EB_OK;
}

static bool is_left(const struct ebi_resend_line *line) {
    return line->text[0] != delivered_mark && strspn(line->text, " \t\r") < line->len;
}

enum eb_status ebi_resend_next(struct ebi_resend *resend, struct ebi_resend_line *line, struct eb_error *err) {
    enum eb_status status;

    do
        status = next_line(resend, line, err);
    while (status == EB_OK && !is_left(line));
    return status;
}

/* ---- Marking ---- */

void ebi_resend_delivered(struct ebi_resend *resend, int64_t offset) {
    while (pwrite(resend->fd, &delivered_mark, 1, offset) < 0 && errno == EINTR)
        continue; /* without its mark the event is sent once more */
}

enum eb_status ebi_resend_put_aside(struct ebi_resend *resend, const struct ebi_resend_line *line, size_t len,
                                    struct eb_error *err) {
    enum eb_status status = ebi_undelivered_append(resend->torn, line->text, len, err);
    char blanks[256];

    memset(blanks, ' ', sizeof blanks);
    for (size_t done = 0; status == EB_OK && done < len;) {
        size_t part = len - done < sizeof blanks ? len - done : sizeof blanks;
        ssize_t n = pwrite(resend->fd, blanks, part, line->offset + (off_t)done);

        if (n < 0 && errno != EINTR)
            status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s", resend->sending);
        else if (n > 0)
            done += (size_t)n;
    }
    return status;
}

/* ---- Putting back ---- */

static enum eb_status write_all(int fd, const char *name, const char *data, size_t len, struct eb_error *err) {
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR)
            return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s", name);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return EB_OK;
}

/* Copies a line as it is that is too long to be read into memory. */
static enum eb_status copy_part(const struct ebi_resend *resend, int to, const struct ebi_resend_line *line,
                                struct eb_error *err) {
    static const size_t step = PIECE;
    enum eb_status status = EB_OK;
    char *piece = malloc(step);

    if (!piece)
        return ebi_error_memory(err);
    for (size_t done = 0; status == EB_OK && done < line->len;) {
        size_t part = line->len - done < step ? line->len - done : step;
        ssize_t n = pread(resend->fd, piece, part, line->offset + (off_t)done);

        if (n <= 0 && !(n < 0 && errno == EINTR))
            status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", resend->sending);
        else if (n > 0)
            status = write_all(to, resend->fresh, piece, (size_t)n, err);
        done += n > 0 ? (size_t)n : 0;
    }
    free(piece);
    return status;
}

/* Copies the lines that are not delivered (to: -1, only counts them). *kept is how many. */
static enum eb_status copy_what_is_left(struct ebi_resend *resend, int to, uint64_t *kept, struct eb_error *err) {
    struct ebi_resend_line line;
    enum eb_status status;

    rewind_to_start(resend);
    while ((status = next_line(resend, &line, err)) == EB_OK || status == EB_PERMANENT) {
        size_t blanks = status == EB_OK ? strspn(line.text, " ") : 0; /* where bytes were moved to PATH.torn */

        if (status == EB_OK && !is_left(&line))
            continue;
        ++*kept;
        if (to < 0)
            continue;
        status = status == EB_OK ? write_all(to, resend->fresh, line.text + blanks, line.len - blanks, err)
                                 : copy_part(resend, to, &line, err);
        if (status == EB_OK)
            status = write_all(to, resend->fresh, "\n", 1, err);
        if (status != EB_OK)
            return status;
    }
    return status == EB_END ? EB_OK : status;
}

static enum eb_status copy_file(const struct ebi_resend *resend, int from, int to, struct eb_error *err) {
    enum eb_status status = EB_OK;
    char *piece = malloc(PIECE);
    off_t at = 0;
    ssize_t n = 1;

    if (!piece)
        return ebi_error_memory(err);
    while (status == EB_OK && n != 0) {
        n = pread(from, piece, PIECE, at);
        if (n < 0 && errno != EINTR)
            status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", resend->path);
        if (n > 0)
            status = write_all(to, resend->fresh, piece, (size_t)n, err);
        at += n > 0 ? n : 0;
    }
    free(piece);
    return status;
}

/* Gives the new file to the owner of the old one: a service must be able to add to it, also where root sends the events. */
static enum eb_status open_fresh(const struct ebi_resend *resend, int *to, struct eb_error *err) {
    struct stat old;

    if (fstat(resend->fd, &old) != 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot read %s", resend->sending);
    *to = open(resend->fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*to < 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", resend->fresh);
    if ((old.st_uid != geteuid() && fchown(*to, old.st_uid, old.st_gid) != 0) || fchmod(*to, old.st_mode & 0777) != 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot give %s to the owner of %s", resend->fresh, resend->path);
    return EB_OK;
}

static enum eb_status bring_to_disk(const struct ebi_resend *resend, int fd, struct eb_error *err) {
    if (fsync(fd) != 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot write %s to disk", resend->fresh);
    return EB_OK;
}

/* Appends what was added to the file since to the lines that are left, and makes that the file. No process can add to it meanwhile: so
 * services that want to add wait for this part only, and not while the lines that are left are copied. */
static enum eb_status put_in_front(const struct ebi_resend *resend, int fresh, struct eb_error *err) {
    int named = -1;
    enum eb_status status = ebi_undelivered_lock(resend->path, O_CREAT, &named, err);

    if (status != EB_OK)
        return status;
    status = copy_file(resend, named, fresh, err);
    if (status == EB_OK)
        status = bring_to_disk(resend, fresh, err);
    if (status == EB_OK && rename(resend->fresh, resend->path) != 0)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot move %s to %s", resend->fresh, resend->path);
    close(named);
    return status == EB_OK ? ebi_sync_folder_of(resend->path, err) : status;
}

static enum eb_status put_together(struct ebi_resend *resend, struct eb_error *err) {
    uint64_t again = 0;
    int fresh = -1;
    enum eb_status status = open_fresh(resend, &fresh, err);

    if (status == EB_OK)
        status = copy_what_is_left(resend, fresh, &again, err);
    if (status == EB_OK)
        status = bring_to_disk(resend, fresh, err);
    if (status == EB_OK)
        status = put_in_front(resend, fresh, err);
    if (fresh >= 0)
        close(fresh);
    if (status != EB_OK)
        unlink(resend->fresh);
    return status;
}

static enum eb_status put_back(struct ebi_resend *resend, uint64_t *kept, struct eb_error *err) {
    enum eb_status status = copy_what_is_left(resend, -1, kept, err);

    if (status == EB_OK && *kept > 0)
        status = put_together(resend, err);
    if (status == EB_OK && unlink(resend->sending) != 0)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot remove %s", resend->sending);
    if (status == EB_OK)
        status = ebi_sync_folder_of(resend->sending, err);
    close(resend->fd);
    resend->fd = -1;
    return status;
}

/* ---- Taking over ---- */

static enum eb_status hold_lock(struct ebi_resend *resend, struct eb_error *err) {
    char *name = beside(resend->path, "lock");
    enum eb_status status = EB_OK;

    if (!name)
        return ebi_error_memory(err);
    resend->lock = open(name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (resend->lock < 0)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", name);
    else if (flock(resend->lock, LOCK_EX | LOCK_NB) != 0)
        status = ebi_error(err, EB_RETRIABLE, EB_KIND_SYSTEM, "another process is sending %s (it holds %s); wait for its end",
                           resend->path, name);
    free(name);
    return status;
}

/* Puts back the lines of a run that was killed. */
static enum eb_status take_leftover(struct ebi_resend *resend, struct eb_error *err) {
    uint64_t kept = 0;

    resend->fd = open(resend->sending, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (resend->fd < 0 && errno == ENOENT)
        return EB_OK;
    if (resend->fd < 0)
        return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", resend->sending);
    return put_back(resend, &kept, err);
}

static enum eb_status move(struct ebi_resend *resend, struct eb_error *err) {
    enum eb_status status = ebi_undelivered_lock(resend->path, 0, &resend->fd, err);
    struct stat about;

    if (status != EB_OK)
        return status;
    if (fstat(resend->fd, &about) != 0 || !S_ISREG(about.st_mode))
        status = ebi_error(err, EB_FATAL, EB_KIND_CONFIG, "%s is not a regular file", resend->path);
    else if (about.st_size == 0)
        status = EB_EMPTY;
    else if (rename(resend->path, resend->sending) != 0)
        status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot move %s to %s", resend->path, resend->sending);
    close(resend->fd); /* unlocks it: a process that waits for the lock notices that the file was moved */
    resend->fd = -1;
    return status == EB_OK ? ebi_sync_folder_of(resend->path, err) : status;
}

enum eb_status ebi_resend_open(const char *path, struct ebi_resend **out, struct eb_error *err) {
    struct ebi_resend *resend = resend_new(path);
    enum eb_status status;

    if (!resend)
        return ebi_error_memory(err);
    status = hold_lock(resend, err);
    if (status == EB_OK)
        unlink(resend->fresh); /* of a run that was killed while it put lines back: they are all in the other files, too */
    if (status == EB_OK)
        status = take_leftover(resend, err);
    if (status == EB_OK)
        status = move(resend, err);
    if (status == EB_OK) {
        resend->fd = open(resend->sending, O_RDWR | O_NOFOLLOW | O_CLOEXEC); /* without O_APPEND: lines are marked in place */
        if (resend->fd < 0)
            status = ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot open %s", resend->sending);
        rewind_to_start(resend); /* the file of an earlier run may have been read before */
    }
    if (status != EB_OK) {
        resend_free(resend);
        return status;
    }
    *out = resend;
    return EB_OK;
}

const char *ebi_resend_path(const struct ebi_resend *resend) {
    return resend->path;
}

enum eb_status ebi_resend_close(struct ebi_resend *resend, uint64_t *kept, struct eb_error *err) {
    *kept = 0;
    enum eb_status status = put_back(resend, kept, err);

    if (status != EB_OK)
        ebi_error_context(err, "what was not sent is in %s, which the next eventbus produce --undelivered takes up",
                          resend->sending);
    resend_free(resend);
    return status;
}
