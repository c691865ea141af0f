/* core/receiver/cancel.c - ends the receiver runs at work: see receiver.h. */
#include "receiver/receiver.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"

enum eb_status ebi_cancel_init(struct ebi_cancel *cancel, struct eb_error *err) {
    atomic_init(&cancel->now, false);
    cancel->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return cancel->fd < 0 ? ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot make an eventfd") : EB_OK;
}

void ebi_cancel_free(struct ebi_cancel *cancel) {
    if (cancel->fd >= 0)
        close(cancel->fd);
    cancel->fd = -1;
}

void ebi_cancel_now(struct ebi_cancel *cancel) {
    int kept = errno;

    atomic_store(&cancel->now, true);
    eventfd_write(cancel->fd, 1); /* cannot fail: its count is far from the maximum */
    errno = kept;
}
