/* core/consume/member.h - the name of a consumer within its group: stable over restarts, and used by one at a time. */
#ifndef EBI_MEMBER_H
#define EBI_MEMBER_H

#include <eventbus/error.h>

struct ebi_member {
    char name[256];
    int lock;                           /* the locked file; -1: none */
};

/* Takes a name: the wanted one, or with NULL {host}-{n} with the lowest n that is free. The locks are files in
 * {state}/members, which is made as needed. EB_PERMANENT: the name is in use, with the file; it is no name (letters,
 * digits and . _ - only). */
enum eb_status ebi_member_take(const char *state, const char *group, const char *wanted, struct ebi_member *,
                               struct eb_error *);
void ebi_member_leave(struct ebi_member *);

#endif
