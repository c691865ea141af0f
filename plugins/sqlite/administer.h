/* plugins/sqlite/administer.h - the admin instance. */
#ifndef SQ_ADMINISTER_H
#define SQ_ADMINISTER_H

#include "rows.h"
#include "store.h"

/* Belongs to the thread at work. */
struct sq_admin {
    struct sq_store store;
    struct sq_decoder decoder;
    struct sq_buffer rows;
};

#endif
