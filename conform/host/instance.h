/* conform/host/instance.h - what the host's own files share: an instance of one role, and copies of messages. */
#ifndef EBC_INSTANCE_H
#define EBC_INSTANCE_H

#include <assert.h>
#include <errno.h>
#include "host/host.h"

/* What all roles share; the first member of a producer, consumer or admin. */
struct ebc_instance {
    struct ebc_test *t;
    struct ebc_instance *next;
    struct eb_host host; /* core: this instance */
    const char *name;
    void *self; /* the plugin's */
    _Atomic bool open;
    int32_t up; /* these two guarded by the test's lock */
    bool said_down;
    bool silent; /* need not call link: an admin, which waits in each op */
    void (*close)(struct ebc_instance *);
};

/* Asserts that some thread holds the test's lock. */
static inline void ebc_assert_locked(struct ebc_test *t) {
    int locked = pthread_mutex_trylock(&t->lock);

    assert(locked == EBUSY);
    (void)locked;
}

/* Fills in the host table and adds the instance to the test's list. The name must live as long as the test. */
void ebc_instance_init(struct ebc_test *, struct ebc_instance *, const char *name, void (*close)(struct ebc_instance *));
/* Returns whether the host call `what` may come now; notes a breach when it comes after close. */
bool ebc_instance_called(const struct ebc_instance *, const char *what);
/* Marks the instance as closed when its open failed; then as ebc_instance_worked. */
void ebc_instance_opened(struct ebc_instance *, int32_t status, const struct eb_error *);
/* To be called after the plugin's close: from here on a host call is a breach. */
void ebc_instance_closed(struct ebc_instance *);
/* Breaks with the error of an op that failed. */
void ebc_instance_worked(struct ebc_instance *, const char *op, int32_t status, const struct eb_error *);

/* Whether a text is printable ASCII, and not empty. */
bool ebc_is_printable(struct eb_text);
/* Makes room for one more in a list of n pointers, in memory of the test. Returns the list, moved or not. */
void *ebc_grow(struct ebc_test *, void *list, size_t n);

/* Returns the event that a message is, by its id; NULL: none of this test. Lock held. */
struct ebc_event *ebc_event_of(struct ebc_test *, const struct eb_message *);
/* A deep copy, of the size that both know. */
const struct eb_message *ebc_copy_message(struct ebc_test *, const struct eb_message *);

#endif
