/* core/produce/undelivered.h - the file for events that could not be delivered: one CloudEvent a line, which
 * `eventbus produce --undelivered` sends again. */
#ifndef EBI_UNDELIVERED_H
#define EBI_UNDELIVERED_H

#include "base/bytes.h"
#include "signal/event.h"

/* Adds an event as a line, with the topic it was for and, where that is known, the path of the field that is its key (NULL:
 * unknown). Mode 0600, folders are made as needed, safe on disk when it returns. Any thread, any process at once. */
enum eb_status ebi_undelivered_add(const char *path, const struct eb_event *, const char *topic, const char *key_field,
                                   struct eb_error *);

/* Adds bytes as a line of their own to a file of such lines, as safely. */
enum eb_status ebi_undelivered_append(const char *path, const void *bytes, size_t len, struct eb_error *);

/* Opens the file (flags: further ones of open(2)) and locks it. The lock may have been waited for while the file was moved
 * or removed: the file that has the name when this returns is the one that is locked. Closing *fd gives the lock back.
 * EB_EMPTY: it does not exist, and flags lack O_CREAT. */
enum eb_status ebi_undelivered_lock(const char *path, int flags, int *fd, struct eb_error *);

#endif
