/* core/consume/member.c - see member.h. */
#include "consume/member.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/fingerprint.h"
#include "base/folders.h"

enum { MAX_MEMBERS = 10000 };

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

/* Adds a group's name, which may hold anything, as part of a file name: other characters, and a dot at its start, become %XX. */
static bool add_as_file_name(struct ebi_bytes *path, const char *text) {
    bool ok = true;

    for (const char *first = text; ok && *text; text++)
        ok = is_name_character(*text) && (*text != '.' || text != first)
                 ? ebi_bytes_add(path, text, 1)
                 : ebi_bytes_add_format(path, "%%%02X", (unsigned char)*text);
    return ok;
}

/* EB_EMPTY: another process has the lock, or may have it, since the file exists and cannot be opened: another user's. */
static enum eb_status try_lock(const char *path, int *lock, struct eb_error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    enum eb_status status = EB_OK;

    if (fd < 0) {
        status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot open %s", path);
        return access(path, F_OK) == 0 ? EB_EMPTY : status;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *lock = fd;
        return EB_OK;
    }
    if (errno == EWOULDBLOCK) {
        ebi_error(err, EB_EMPTY, EB_KIND_SYSTEM, "%s is locked", path);
        status = EB_EMPTY;
    } else {
        status = ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot lock %s", path);
    }
    close(fd);
    return status;
}

static enum eb_status take(const char *state, const char *group, const char *name, struct ebi_member *member,
                           struct eb_error *err) {
    struct ebi_bytes path = { 0 };
    struct eb_error why = { 0 };
    enum eb_status status;

    if (!ebi_bytes_add_format(&path, "%s/members/", state) || !add_as_file_name(&path, group) ||
        !ebi_bytes_add_format(&path, "/%s", name))
        status = ebi_error_memory(err);
    else
        status = ebi_make_folders_for(path.data, err);
    if (status == EB_OK)
        status = try_lock(path.data, &member->lock, &why);
    if (status == EB_EMPTY)
        ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "consumer %s of group %s already runs (%s); choose another --name", name,
                  group, why.text);
    else if (status != EB_OK && why.text[0] && err)
        *err = why;
    ebi_bytes_free(&path);
    return status;
}

/* Ignores that the state folder cannot be used, which is needed for the lock alone, and keeps the reason. Other errors stay. */
static enum eb_status go_on_without_lock(struct ebi_member *member, enum eb_status status, const struct eb_error *why,
                                         struct eb_error *err) {
    if (status == EB_PERMANENT && why->kind == EB_KIND_SYSTEM) {
        snprintf(member->no_lock, sizeof member->no_lock, "%.*s", (int)sizeof member->no_lock - 1, why->text);
        return EB_OK;
    }
    if (err && status != EB_OK)
        *err = *why;
    return status;
}

static enum eb_status take_wanted(const char *state, const char *group, const char *wanted, struct ebi_member *member,
                                  struct eb_error *err) {
    size_t len = strspn(wanted, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

    if (len == 0 || wanted[len] || len >= sizeof member->name || wanted[0] == '.')
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "\"%.100s\" is not a consumer name: letters, digits and . _ - only, not beginning with a dot", wanted);
    struct eb_error why = { 0 };
    memcpy(member->name, wanted, len + 1);
    enum eb_status status = take(state, group, wanted, member, &why);
    return go_on_without_lock(member, status == EB_EMPTY ? EB_PERMANENT : status, &why, err);
}

/* ---- The default name ---- */

/* Reads the id of the running system. It differs between machines that run at the same time, even clones of one image, and is the
 * same in all containers of one machine. False: the system has none. */
static bool read_boot_id(char id[64]) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, id, 63);

    if (fd >= 0)
        close(fd);
    id[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static void draw_place(char place[9]) {
    char text[40];
    int len = snprintf(text, sizeof text, "%016" PRIx64 "%016" PRIx64, ebi_chance(), ebi_chance());

    ebi_fingerprint(text, (size_t)len, place);
}

/* Fingerprints the system, the user and the state folder, which its device and inode identify within one system. Where the system
 * tells too little, the place is drawn by chance for each worker: a name that changes with each start is better than one that
 * two workers could have. */
static void place_of(const char *state, char place[9]) {
    char boot[64], text[200];
    struct stat folder;

    if (!read_boot_id(boot) || stat(state, &folder) != 0) {
        draw_place(place);
        return;
    }
    int len = snprintf(text, sizeof text, "%s %lu %ju %ju", boot, (unsigned long)geteuid(), (uintmax_t)folder.st_dev,
                       (uintmax_t)folder.st_ino);
    ebi_fingerprint(text, (size_t)len, place);
}

static void make_default_name(struct ebi_member *member, const char *place, unsigned n) {
    char host[200] = "localhost";

    gethostname(host, sizeof host - 1); /* fails only where the name is too long, and then it is cut */
    for (char *c = host; *c; c++)
        if (!is_name_character(*c))
            *c = '-';
    snprintf(member->name, sizeof member->name, "%s-%s-%u", host, place, n);
    member->n = n;
}

static enum eb_status make_folder(const char *state, struct eb_error *err) {
    struct ebi_bytes path = { 0 };
    enum eb_status status = ebi_bytes_add_format(&path, "%s/members/", state) ? ebi_make_folders_for(path.data, err)
                                                                              : ebi_error_memory(err);

    ebi_bytes_free(&path);
    return status;
}

/* Takes the first name that is free, from number n on; where there are no locks, one of a place that is drawn by chance. */
static enum eb_status take_default(const char *state, const char *group, unsigned n, struct ebi_member *member,
                                   struct eb_error *err) {
    struct eb_error why = { 0 };
    enum eb_status status = make_folder(state, &why);
    char place[9];
    unsigned first = n;

    place_of(state, place);
    if (status == EB_OK)
        status = EB_EMPTY;
    for (; n <= MAX_MEMBERS && status == EB_EMPTY; n++) {
        make_default_name(member, place, n);
        status = take(state, group, member->name, member, &why);
    }
    if (status == EB_EMPTY)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG,
                         "all %d names of consumers of group %s are in use; give one with --name", MAX_MEMBERS, group);
    status = go_on_without_lock(member, status, &why, err);
    if (status == EB_OK && *member->no_lock) {
        draw_place(place);
        make_default_name(member, place, first);
    }
    return status;
}

/* ---- The interface ---- */

enum eb_status ebi_member_take(const char *state, const char *group, const char *wanted, struct ebi_member *member,
                               struct eb_error *err) {
    *member = (struct ebi_member){ .lock = -1 };
    return wanted ? take_wanted(state, group, wanted, member, err) : take_default(state, group, 1, member, err);
}

enum eb_status ebi_member_take_next(const char *state, const char *group, struct ebi_member *member, struct eb_error *err) {
    ebi_member_leave(member);
    member->no_lock[0] = '\0';
    return take_default(state, group, member->n + 1, member, err);
}

void ebi_member_leave(struct ebi_member *member) {
    if (member->lock >= 0)
        close(member->lock); /* the file stays: removing it would race with the next one to lock it */
    member->lock = -1;
}
