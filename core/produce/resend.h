/* core/produce/resend.h - takes over a file of undelivered events, to send them again line by line. A line that was delivered is marked
 * at once; the lines that are left go back in front of those that were added to the file since. So a run that is killed loses
 * nothing: the next run goes on with the lines that are not marked. */
#ifndef EBI_RESEND_H
#define EBI_RESEND_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

/* Belongs to one thread; only ebi_resend_delivered may be called from any thread. */
struct ebi_resend;

/* A line; text is borrowed until the next call of ebi_resend_next. */
struct ebi_resend_line {
    const char *text;
    size_t len;
    int64_t offset;  /* identifies the line for ebi_resend_delivered */
    uint64_t number; /* from 1 */
};

/* Takes the file over: no other process sends its events, or adds to it. EB_EMPTY: there is nothing to send.
 * EB_RETRIABLE: another process is sending it; EB_FATAL: a file cannot be written, read or moved. */
enum eb_status ebi_resend_open(const char *path, struct ebi_resend **, struct eb_error *);

/* The name of the file itself, with symbolic links resolved. */
const char *ebi_resend_path(const struct ebi_resend *);

/* The next line that is not delivered yet. EB_END: no line is left. EB_PERMANENT: the line is longer than 1 GiB, and stays.
 * EB_FATAL: reading failed, or no memory. */
enum eb_status ebi_resend_next(struct ebi_resend *, struct ebi_resend_line *, struct eb_error *);

/* Marks a line whose event the broker has stored. Any thread. */
void ebi_resend_delivered(struct ebi_resend *, int64_t offset);

/* Moves the first len bytes of a line, which are not an event, to the file PATH.torn; the rest of the line stays. */
enum eb_status ebi_resend_put_aside(struct ebi_resend *, const struct ebi_resend_line *, size_t len, struct eb_error *);

/* Puts the lines that are not delivered back into the file, and frees. *kept: how many there are. EB_FATAL: they could not be put back;
 * they are in the file PATH.sending, and the next run takes them up. */
enum eb_status ebi_resend_close(struct ebi_resend *, uint64_t *kept, struct eb_error *);

#endif
