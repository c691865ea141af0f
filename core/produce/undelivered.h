/* core/produce/undelivered.h - the file for events that could not be delivered: one CloudEvent a line, which
 * `eventbus produce --undelivered` sends again. */
#ifndef EBI_UNDELIVERED_H
#define EBI_UNDELIVERED_H

#include "base/bytes.h"
#include "signal/event.h"

/* Adds an event as a line, with its topic, the path of its key field (NULL: unknown), and its send id, or a new one. Creates the file with mode 0600, and the
 * folders that lead to it. The line is safe on disk when this returns. Any thread, and several processes at once. */
enum eb_status ebi_undelivered_add(const char *path, const struct eb_event *, const char *topic, const char *key_field,
                                   struct eb_error *);

/* Adds bytes as a line of their own to such a file, with the same safety. */
enum eb_status ebi_undelivered_append(const char *path, const void *bytes, size_t len, struct eb_error *);

/* Opens the file (flags: further flags of open(2)) and locks it; closing *fd unlocks it. Where the file is moved or removed while this
 * waits for the lock, it opens the one that has the name now. EB_EMPTY: the file does not exist, and flags lack O_CREAT. */
enum eb_status ebi_undelivered_lock(const char *path, int flags, int *fd, struct eb_error *);

#endif
