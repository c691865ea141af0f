/* core/receiver/detail.h - the last line of what an external receiver wrote about its failure: of a command's standard error, or
 * of a web answer's body. It may hold anything: it is bounded and made safe to be shown here, and goes where the event goes,
 * into its dead letter, but never into the log. */
#ifndef EBI_DETAIL_H
#define EBI_DETAIL_H

#include <stddef.h>
#include "base/bytes.h"

enum { EBI_DETAIL_ROOM = 512 };         /* of the line, with its NUL */

/* What is kept of it; by the numbers of failure_detail's choices. */
enum ebi_detail_kept { EBI_DETAIL_MASKED, EBI_DETAIL_FULL, EBI_DETAIL_OFF };

/* The end of a text whose length nobody knows; zeroed before use. One thread. */
struct ebi_detail {
    char tail[2 * EBI_DETAIL_ROOM];
    size_t len;
};

void ebi_detail_add(struct ebi_detail *, const char *text, size_t len);

/* The last line with something on it, without blanks around it: its first bytes, UTF-8, with all that may not be shown
 * escaped. "" for none. Masked: what the event (its JSON) has in a field named pii, name, username, email or *_email, or within
 * one, is replaced by "***", whole and word by word, in an address (%40) and in ASCII (\u00e9) too; what has less than three
 * bytes stays. So is every mail address, and a word that would be cut is left out. */
void ebi_detail_line(const struct ebi_detail *, enum ebi_detail_kept, const struct ebi_bytes *json,
                     char line[static EBI_DETAIL_ROOM]);

#endif
