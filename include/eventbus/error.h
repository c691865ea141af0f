/* eventbus/error.h - what a call answers, and what it tells when it failed. Compiles alone: C11, C++17.
 *
 * Shared by the library's own interface and the plugin interface, so what stands here is FROZEN for the ABI's
 * major version: values keep their meaning, struct eb_error keeps its size and layout. */
#ifndef EVENTBUS_ERROR_H
#define EVENTBUS_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The answer of a call. Negative: failed, and the number is the class, from which all that is done about it follows.
 * An unknown negative number counts as EB_FATAL, an unknown positive one as EB_OK. */
enum eb_status {
    EB_OK = 0,
    EB_EMPTY = 1,       /* nothing came in time */
    EB_END = 2,         /* the end has been reached */
    EB_FULL = 3,        /* not taken: no room now, offer it again */
    EB_GONE = 4,        /* was no longer ours */
    EB_RETRIABLE = -1,  /* try again later */
    EB_PERMANENT = -2,  /* this can never work */
    EB_FATAL = -3       /* the object it was asked of is done */
};

/* Where to look for the cause; the eventbus command's exit status comes from it. */
enum eb_kind {
    EB_KIND_NONE = 0,
    EB_KIND_CONFIG = 1, /* the configuration, or how a call was made */
    EB_KIND_BROKER = 2, /* the broker, its registry, or the way to them */
    EB_KIND_DATA = 3,   /* an event's data, JSON, Avro bytes or a schema */
    EB_KIND_PLUGIN = 4, /* a plugin file */
    EB_KIND_SYSTEM = 5, /* this machine: memory, files, threads */
    EB_KIND_NAME = 6    /* a consumer's name: another member of its group uses it */
};

enum { EB_ERROR_ROOM = 1008 };

/* Every public function takes NULL for any pointer without harm: it refuses it (EB_PERMANENT, EB_KIND_CONFIG, with what is
 * NULL), or has nothing to do, or takes it as its own comment says. */

/* What went wrong. Belongs to the caller, usually on its stack; nothing in it needs to be freed. A call that fails
 * fills all of it; a call that succeeds leaves it alone. Wherever a function takes one, NULL means "do not tell". */
struct eb_error {
    int32_t status;             /* the class: EB_RETRIABLE, EB_PERMANENT or EB_FATAL */
    int32_t kind;               /* enum eb_kind */
    int64_t native;             /* errno, or the broker client's own number; 0: none */
    char text[EB_ERROR_ROOM];   /* one line of UTF-8, NUL-ended: what happened to which thing, then ": " and its cause,
                                 * and so on down to the first one; no secrets, no personal data */
};

#ifdef __cplusplus
}
#endif
#endif
