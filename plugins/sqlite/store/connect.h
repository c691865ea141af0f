/* plugins/sqlite/store/connect.h - opens the database file: is it the event bus's, usable, new? */
#ifndef SQ_CONNECT_H
#define SQ_CONNECT_H

#include "store/store.h"

/* Sets store->db, store->extender and what is known of the path, and opens the side file. On failure the caller closes
 * store->db and store->extender where they are set. */
int32_t sq_connect(struct sq_store *, int64_t wait_ms, struct eb_error *);

#endif
