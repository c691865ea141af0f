/* core/consume/member.h - the name of a consumer within its group: stable over restarts, and used by one at a time. */
#ifndef EBI_MEMBER_H
#define EBI_MEMBER_H

#include <eventbus/error.h>

/* The default name is {host}-{place}-{n}. `place` is a fingerprint of the running system (its boot id), the user and the
 * state folder (device and inode), so that machines of one host name, containers, users and state folders never share a
 * name. It stays the same until the system restarts. n is the lowest number whose lock file is free. */
struct ebi_member {
    char name[256];
    unsigned n;        /* the number in a default name; 0: the name was given */
    int lock;          /* the locked file; -1: none */
    char no_lock[400]; /* why there is no lock; "": there is one */
};

/* Takes a name: the wanted one, or with NULL the first default name that is free. The locks are files in {state}/members, a folder
 * that is made as needed. EB_PERMANENT: the name is in use, with the file; or it has other characters than letters, digits and
 * . _ -. Where the folder cannot be made or written, there is no lock, and no_lock says why: a default name is then drawn by
 * chance for this run, so that no two workers share one; nothing stops a second worker from using a given name. */
enum eb_status ebi_member_take(const char *state, const char *group, const char *wanted, struct ebi_member *,
                               struct eb_error *);

/* Leaves a default name that, as the broker reports, is in use elsewhere, and takes the next one that is free here. After a failure
 * the member has no name. */
enum eb_status ebi_member_take_next(const char *state, const char *group, struct ebi_member *, struct eb_error *);

void ebi_member_leave(struct ebi_member *);

#endif
