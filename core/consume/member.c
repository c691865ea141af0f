/* core/consume/member.c - see member.h. */
#include "consume/member.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/folders.h"

enum { MOST_MEMBERS = 10000 };

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* A group's name may hold anything: what is no part of a file's name is written as %XX, and a dot that it begins with. */
static bool add_as_file_name(struct ebi_bytes *path, const char *text) {
    bool ok = true;

    for (const char *first = text; ok && *text; text++)
        ok = is_name_character(*text) && (*text != '.' || text != first) ? ebi_bytes_add(path, text, 1)
                                      : ebi_bytes_add_format(path, "%%%02X", (unsigned char)*text);
    return ok;
}

/* EB_EMPTY: another one has it. */
static enum eb_status try_lock(const char *path, int *lock, struct eb_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        enum eb_status status = errno == EWOULDBLOCK
                                    ? EB_EMPTY
                                    : ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot lock %s", path);
        close(fd);
        return status;
    }
    *lock = fd;
    return EB_OK;
}

static enum eb_status take(const char *state, const char *group, const char *name, struct ebi_member *member,
                           struct eb_error *err) {
    struct ebi_bytes path = {0};
    enum eb_status status;

    if (!ebi_bytes_add_format(&path, "%s/members/", state) || !add_as_file_name(&path, group) ||
        !ebi_bytes_add_format(&path, "/%s", name))
        status = ebi_error_memory(err);
    else
        status = ebi_make_folders_for(path.data, err);
    if (status == EB_OK)
        status = try_lock(path.data, &member->lock, err);
    if (status == EB_EMPTY)
        ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                  "consumer %s of group %s is at work already (%s is locked); take another --name", name, group, path.data);
    ebi_bytes_free(&path);
    return status;
}

static enum eb_status take_wanted(const char *state, const char *group, const char *wanted, struct ebi_member *member,
                                  struct eb_error *err) {
    size_t len = strspn(wanted, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (len == 0 || wanted[len] || len >= sizeof member->name || wanted[0] == '.')
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "\"%.100s\" is no name for a consumer: letters, digits and . _ - only, not beginning with a dot",
                         wanted);
    memcpy(member->name, wanted, len + 1);
    enum eb_status status = take(state, group, wanted, member, err);
    return status == EB_EMPTY ? EB_PERMANENT : status;
}

enum eb_status ebi_member_take(const char *state, const char *group, const char *wanted, struct ebi_member *member,
                               struct eb_error *err) {
    char host[200] = "localhost";
    enum eb_status status = EB_EMPTY;

    member->lock = -1;
    if (wanted)
        return take_wanted(state, group, wanted, member, err);
    gethostname(host, sizeof host - 1);                 /* cannot fail but for length, and cut is good enough */
    for (char *c = host; *c; c++)
        if (!is_name_character(*c))
            *c = '-';
    for (unsigned n = 1; n <= MOST_MEMBERS && status == EB_EMPTY; n++) {
        snprintf(member->name, sizeof member->name, "%s-%u", host, n);
        status = take(state, group, member->name, member, err);
    }
    return status == EB_EMPTY ? EB_PERMANENT : status;
}

void ebi_member_leave(struct ebi_member *member) {
    if (member->lock >= 0)
        close(member->lock);            /* the file stays: removing it would race with the next one to lock it */
    member->lock = -1;
}
