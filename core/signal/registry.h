/* core/signal/registry.h - the signals of a bus: one for each schema file, and who listens to them. */
#ifndef EBI_REGISTRY_H
#define EBI_REGISTRY_H

#include <stdatomic.h>
#include <pthread.h>
#include <eventbus/event.h>
#include <eventbus/signal.h>
#include "base/log.h"
#include "schema/schema.h"

/* Who sends: the metadata that all new events of a service have in common. */
struct ebi_origin {
    const char *source, *sourcehost, *sourcelib;
};

struct ebi_receivers;   /* see receivers.h */

struct eb_signal {
    struct ebi_schema *schema;
    const struct ebi_signals *all;
    struct ebi_receivers *receivers;
    _Atomic int *switches;              /* enum ebi_switch: outlives constness, since a signal is handed out as const */
    size_t number;                      /* its place among all, from 0 */
};
enum ebi_switch { EBI_ENABLED = 1, EBI_MAY_FAIL = 2 };

/* All of a bus. Its list of signals never changes once loaded: any thread may read it. */
struct ebi_signals {
    struct eb_signal *items;            /* by type */
    size_t n;
    struct ebi_receivers *receivers;    /* those of every signal */
    struct ebi_origin origin;           /* its texts belong to the registry */
    struct ebi_log *log;
};

/* Reads the *.avsc of the folders in `path` (":" between them; the first folder that has a type wins). `limit`: bytes a
 * file may have. That the installed folder is not there is no error; that no schema is found at all is one.
 * service: becomes openedx/{service}/web. log is borrowed. */
enum eb_status ebi_signals_load(const char *path, size_t limit, const char *service, struct ebi_log *log,
                                struct ebi_signals **, struct eb_error *);
void ebi_signals_free(struct ebi_signals *);

/* The folders for a configured schema_path: it, then the installed one. To be freed by the caller; NULL: no memory. */
char *ebi_schema_folders(const char *configured);

/* NULL with the nearest names in err. */
const struct eb_signal *ebi_signals_find(const struct ebi_signals *, const char *type, struct eb_error *);

/* The same without an error to write, from bytes of any kind. */
const struct eb_signal *ebi_signals_get(const struct ebi_signals *, const char *type, size_t len);

/* eb_connect and eb_disconnect, for a registry. */
enum eb_status ebi_signals_connect(struct ebi_signals *, const struct eb_signal *, const char *name, eb_receiver, void *,
                                   struct eb_error *);
enum eb_status ebi_signals_disconnect(struct ebi_signals *, const struct eb_signal *, const char *name);

#endif
