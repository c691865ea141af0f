/* core/signal/registry.h - the signals of a bus, one for each schema file, and their receivers. */
#ifndef EBI_REGISTRY_H
#define EBI_REGISTRY_H

#include <stdatomic.h>
#include <pthread.h>
#include <eventbus/event.h>
#include <eventbus/signal.h>
#include "base/fork.h"
#include "base/log.h"
#include "schema/resolve.h"
#include "schema/schema.h"

/* The metadata that all new events of a service have in common. */
struct ebi_origin {
    const char *source, *sourcehost, *sourcelib;
};

struct ebi_receivers; /* see receivers.h */

/* An earlier version of a signal's schema, from a `history` folder. It may have written bodies that a broker without
 * schemas keeps. */
struct ebi_version {
    struct ebi_schema *schema;
    struct ebi_resolution *resolver; /* from it to the signal's schema */
};

struct eb_signal {
    struct ebi_schema *schema;
    struct ebi_version *versions; /* newest first */
    size_t n_versions;
    const struct ebi_signals *all;
    struct ebi_receivers *receivers;
    _Atomic int *switches; /* enum ebi_switch; a pointer, since signals are handed out as const */
    size_t number;         /* its place among all, from 0 */
};
enum ebi_switch {
    EBI_ENABLED = 1,
    EBI_MAY_FAIL = 2,
    EBI_TOLD_SURPLUS = 4, /* it has been logged that bodies hold more than the schema knows */
    EBI_TOLD_UNHEARD = 8  /* it has been logged that no receiver is connected for it */
};

/* A schema file that cannot be used. */
struct ebi_bad_schema {
    char *type;          /* the event type that is missing, by the file's name; NULL: an earlier version */
    struct eb_error why; /* names the file */
};

/* A signal that the program has added. */
struct ebi_added {
    struct eb_signal signal;
    struct ebi_added *older;
};

/* All signals of a bus. Any thread may read it: what was loaded never changes, and the list of added signals only grows. */
struct ebi_signals {
    struct eb_signal *items; /* by type */
    size_t n;
    _Atomic(struct ebi_added *) added; /* newest first; such a signal takes the place of an older one of its type */
    size_t n_added;                    /* for ebi_signals_make, which one thread at a time calls */
    struct ebi_bad_schema *bad;
    size_t n_bad;
    struct ebi_receivers *receivers; /* the receivers of every signal */
    struct ebi_origin origin;        /* its texts belong to the registry */
    unsigned forks;                  /* ebi_forks() at load: a child of this process cannot use the registry */
    struct ebi_log *log;
};

/* Reads the *.avsc of the folders in `path` (":" between them; the first folder that has a type wins), and the earlier
 * versions in the folder `history` of each, the last name first (TYPE.10.avsc before TYPE.9.avsc). A file may have
 * `limit` bytes. A file that cannot be used leaves out its signal, or its version; it is logged and noted in `bad`. A
 * missing installed folder is no error; finding no usable schema at all is one. `service` becomes
 * openedx/{service}/web. The log is borrowed. */
enum eb_status ebi_signals_load(const char *path, size_t limit, const char *service, struct ebi_log *log, struct ebi_signals **,
                                struct eb_error *);
void ebi_signals_free(struct ebi_signals *);

/* Makes a signal from the text of its schema, for ebi_signals_publish. Where the bus has a signal of that type, what its schema
 * wrote remains readable. One thread at a time. EB_END: *same has this type and this schema already. EB_PERMANENT: the text is
 * no schema, or too many signals were added. */
enum eb_status ebi_signals_make(struct ebi_signals *, const char *json, size_t len, struct ebi_added **,
                                const struct eb_signal **same, struct eb_error *);

/* Adds the signal, which belongs to the registry then. The same thread as ebi_signals_make. */
void ebi_signals_publish(struct ebi_signals *, struct ebi_added *);
void ebi_added_free(struct ebi_added *);   /* one that was not published; NULL does nothing */
void ebi_signal_clear(struct eb_signal *); /* frees what is in a signal */

/* Calls each(arg, signal) for the signal of each type, loaded ones by name, then added ones, until it returns a value other
 * than 0, and returns that value. */
int ebi_signals_each(const struct ebi_signals *, int (*each)(void *arg, const struct eb_signal *), void *arg);

/* Returns the folders to read: the configured schema_path, then the installed one. The caller frees the text; NULL: no
 * memory. */
char *ebi_schema_folders(const char *configured);

/* Returns why a type has no signal although a schema file has its name; NULL: no such file is bad. */
const struct eb_error *ebi_signals_bad(const struct ebi_signals *, const char *type);

/* Returns the signal of a type. NULL, with the reason in err: why its schema file cannot be used, or the nearest name.
 * */
const struct eb_signal *ebi_signals_find(const struct ebi_signals *, const char *type, struct eb_error *);

/* Returns the signal of a type, which may be any bytes; NULL: none. */
const struct eb_signal *ebi_signals_get(const struct ebi_signals *, const char *type, size_t len);

/* Returns whether a receiver other than this function runs when the signal is sent; for NULL, when some signal is. It
 * takes locks, so it is not for each event. */
bool ebi_signals_heard(const struct ebi_signals *, const struct eb_signal *, eb_receiver but);

/* Connect and disconnect a receiver as eb_connect and eb_disconnect do; a signal of NULL is every signal. */
enum eb_status ebi_signals_connect(struct ebi_signals *, const struct eb_signal *, const char *name, eb_receiver, void *,
                                   struct eb_error *);
enum eb_status ebi_signals_disconnect(struct ebi_signals *, const struct eb_signal *, const char *name);

#endif
