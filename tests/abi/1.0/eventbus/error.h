/* eventbus/error.h - the status that calls return, and the error that they fill. Compiles alone: C11, C++17.
 *
 * The library's interface and the plugin interface share this header, so it is FROZEN for the ABI's major version:
 * values keep their meaning, and struct eb_error keeps its size and layout. */
#ifndef EVENTBUS_ERROR_H
#define EVENTBUS_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The status that a call returns. A negative status is an error, and its number is the error's class, which decides all
 * that is done about it. An unknown negative number counts as EB_FATAL, an unknown positive number as EB_OK. */
enum eb_status {
    EB_OK = 0,
    EB_EMPTY = 1,      /* nothing came in time */
    EB_END = 2,        /* the end has been reached */
    EB_FULL = 3,       /* not taken: there is no room now; offer it again */
    EB_GONE = 4,       /* the thing is not there any more, or is not held any more */
    EB_RETRIABLE = -1, /* try again later */
    EB_PERMANENT = -2, /* trying again can never succeed */
    EB_FATAL = -3      /* the object is unusable from now on; close it */
};

/* Where the cause lies. The eventbus command derives its exit status from it. */
enum eb_kind {
    EB_KIND_NONE = 0,
    EB_KIND_CONFIG = 1, /* the configuration, or how a call was made */
    EB_KIND_BROKER = 2, /* the broker, its registry, or the way to them */
    EB_KIND_DATA = 3,   /* an event's data, JSON, Avro bytes or a schema */
    EB_KIND_PLUGIN = 4, /* a plugin file */
    EB_KIND_SYSTEM = 5, /* this machine: memory, files, threads */
    EB_KIND_NAME = 6    /* another live member of the group uses the consumer's name */
};

enum { EB_ERROR_ROOM = 1008 };

/* No public function crashes on a NULL pointer: it does what its comment says about NULL, or does nothing, or refuses it
 * (EB_PERMANENT, EB_KIND_CONFIG, with a text that says what is NULL). */

/* What went wrong. It belongs to the caller, usually on its stack; nothing in it needs to be freed. A call that fails
 * fills all of it; a call that succeeds leaves it alone. A caller that does not want it passes NULL. */
struct eb_error {
    int32_t status;           /* the class: EB_RETRIABLE, EB_PERMANENT or EB_FATAL */
    int32_t kind;             /* enum eb_kind */
    int64_t native;           /* errno, or the broker client's own number; 0: none */
    char text[EB_ERROR_ROOM]; /* one line of UTF-8, ends with NUL: what happened to which thing, then ": " and its cause,
                                 * down to the first cause; without secrets and personal data */
};

#ifdef __cplusplus
}
#endif
#endif
