/* core/receiver/detail.h - the last line of what an external receiver wrote about its failure: of a command's standard error, or
 * of the body of an HTTP response. It may hold anything. It is bounded and made safe to show here, and stored with the event, in its
 * dead letter, but never logged. */
#ifndef EBI_DETAIL_H
#define EBI_DETAIL_H

#include <stddef.h>
#include "base/bytes.h"

enum { EBI_DETAIL_ROOM = 512 }; /* of the line, with its NUL */

/* What is kept of the line; in the order of the choices of failure_detail. */
enum ebi_detail_kept { EBI_DETAIL_MASKED, EBI_DETAIL_FULL, EBI_DETAIL_OFF };

/* The end of a text of any length; zeroed before use. One thread. */
struct ebi_detail {
    char tail[2 * EBI_DETAIL_ROOM];
    size_t len;
};

void ebi_detail_add(struct ebi_detail *, const char *text, size_t len);

/* The last line that is not blank, without blanks around it: its first bytes, as UTF-8, with everything escaped that may not be
 * shown. "" where there is no such line. Masked: each value that the event (its JSON) has in a field named pii, name, username, email
 * or *_email, or within one, is replaced by "***", whole and word by word, also as in an address (%40) and as in ASCII (\u00e9);
 * values of less than three bytes stay. Every mail address is replaced as well, and a word that would be cut is left out. */
void ebi_detail_line(const struct ebi_detail *, enum ebi_detail_kept, const struct ebi_bytes *json,
                     char line[static EBI_DETAIL_ROOM]);

#endif
