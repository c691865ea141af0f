/* core/produce/resend.h - a file of undelivered events, taken over to be sent again line by line. What was delivered is
 * marked in it at once, and what is left goes back in front of what was added to the file meanwhile. So a run that is killed
 * loses nothing: the next one goes on with what is not marked. */
#ifndef EBI_RESEND_H
#define EBI_RESEND_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/error.h>

/* One thread, but for ebi_resend_delivered: any. */
struct ebi_resend;

/* A line, borrowed until the next one is asked for. */
struct ebi_resend_line {
    const char *text;
    size_t len;
    int64_t offset;                     /* names the line to ebi_resend_delivered */
    uint64_t number;                    /* from 1 */
};

/* Takes the file over: no other process sends or adds to what is taken. EB_EMPTY: there is nothing to send.
 * EB_RETRIABLE: another process is sending it; EB_FATAL: a file cannot be written, read or moved. */
enum eb_status ebi_resend_open(const char *path, struct ebi_resend **, struct eb_error *);

/* The file's own name, behind symbolic links. */
const char *ebi_resend_path(const struct ebi_resend *);

/* The next line that is not delivered yet. EB_END: there is none. EB_PERMANENT: the line is longer than 1 GiB, and stays.
 * EB_FATAL: reading failed, or no memory. */
enum eb_status ebi_resend_next(struct ebi_resend *, struct ebi_resend_line *, struct eb_error *);

/* The event of a line is stored: it does not go back. Any thread. */
void ebi_resend_delivered(struct ebi_resend *, int64_t offset);

/* Puts the first len bytes of a line, which are no event, aside into the file PATH.torn; the rest of the line stays. */
enum eb_status ebi_resend_put_aside(struct ebi_resend *, const struct ebi_resend_line *, size_t len, struct eb_error *);

/* Gives back what is not delivered, frees. *kept: how many lines that are. EB_FATAL: it could not be given back; it is in
 * the file PATH.sending, and the next run takes it up. */
enum eb_status ebi_resend_close(struct ebi_resend *, uint64_t *kept, struct eb_error *);

#endif
