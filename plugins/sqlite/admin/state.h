/* plugins/sqlite/admin/state.h - the admin instance. */
#ifndef SQ_ADMIN_STATE_H
#define SQ_ADMIN_STATE_H

#include "topic/rows.h"
#include "store/store.h"

/* Belongs to the thread at work. */
struct sq_admin {
    struct sq_store store;
    struct sq_decoder decoder;
    struct sq_buffer rows;
};

#endif
