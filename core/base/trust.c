/* core/base/trust.c - see trust.h. */
#include "base/trust.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/error.h"

enum { NAMES_ROOM = 16384 };

/* Writes the user's name, or its number where it has none. */
static void name_user(uid_t uid, char *name, size_t room) {
    char texts[NAMES_ROOM];
    struct passwd user, *found = NULL;

    if (getpwuid_r(uid, &user, texts, sizeof texts, &found) == 0 && found)
        snprintf(name, room, "%s", found->pw_name);
    else
        snprintf(name, room, "%u", (unsigned)uid);
}

/* Whether a group is one user's own: it has the user's name, and no member but that user. That is how Debian and others
 * make a group for each user; whether it is another one's primary group as well is not looked up. */
static bool is_own(const struct group *group, uid_t uid) {
    char name[64];

    name_user(uid, name, sizeof name);
    if (strcmp(group->gr_name, name) != 0)
        return false;
    for (char **member = group->gr_mem; *member; member++)
        if (strcmp(*member, name) != 0)
            return false;
    return true;
}

/* Whether only root and the running user are in a group; writes its name, or its number where it has none. */
static bool is_harmless(gid_t gid, char *name, size_t room) {
    char texts[NAMES_ROOM];
    struct group group, *found = NULL;

    snprintf(name, room, "%u", (unsigned)gid);
    if (getgrgid_r(gid, &group, texts, sizeof texts, &found) != 0 || !found)
        return false;
    snprintf(name, room, "%s", found->gr_name);
    return is_own(found, 0) || is_own(found, geteuid());
}

/* Whether others could write by an access list, whose mask then shows as the group's bits. */
static bool has_access_list(const char *path) {
    return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Checks the file, or a folder above it. Who may write to a folder may replace what it holds; with the sticky bit only the owners of the
 * folder and of the thing may, and the owner of the thing is checked by itself. */
static enum eb_status check_step(const char *path, struct eb_error *err) {
    struct stat st;
    char who[64];

    if (lstat(path, &st) != 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_SYSTEM, "cannot see who may write %s", path);
    const char *what = S_ISDIR(st.st_mode) ? "folder" : "file";
    bool sticky = S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX);
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        name_user(st.st_uid, who, sizeof who);
        return ebi_error(err, EB_PERMANENT, EB_KIND_SYSTEM,
                         "%s %s belongs to user %s, neither root nor the one running this; move or chown it", what, path, who);
    }
    if ((st.st_mode & S_IWOTH) && !sticky)
        return ebi_error(err, EB_PERMANENT, EB_KIND_SYSTEM, "everybody may write %s %s; chmod o-w it", what, path);
    if ((st.st_mode & S_IWGRP) && !sticky) {
        if (has_access_list(path))
            return ebi_error(err, EB_PERMANENT, EB_KIND_SYSTEM,
                             "an access list lets others write %s %s; remove it with setfacl -b", what, path);
        if (!is_harmless(st.st_gid, who, sizeof who))
            return ebi_error(err, EB_PERMANENT, EB_KIND_SYSTEM, "group %s may write %s %s; chmod g-w it", who, what, path);
    }
    return EB_OK;
}

enum eb_status ebi_trust_check(const char *file, struct eb_error *err) {
    char *path = strdup(file);
    enum eb_status status = EB_OK;
    char *slash;

    if (!path)
        return ebi_error_memory(err);
    do {
        status = check_step(*path ? path : "/", err);
        slash = strrchr(path, '/');
        if (slash)
            *slash = '\0';
    } while (status == EB_OK && slash);
    free(path);
    return status;
}
