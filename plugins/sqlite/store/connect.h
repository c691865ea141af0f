/* plugins/sqlite/store/connect.h - opening the database file: is it ours, can it be used, is it new. */
#ifndef SQ_CONNECT_H
#define SQ_CONNECT_H

#include "store/store.h"

/* Sets store->db, store->way and what is known of the path, and opens the side file. On failure store->db and store->way may
 * be left for the caller to close. */
int32_t sq_connect(struct sq_store *, int64_t wait_ms, struct eb_error *);

#endif
