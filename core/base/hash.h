/* core/base/hash.h - uthash, telling where memory is out instead of ending the process. */
#ifndef EBI_HASH_H
#define EBI_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Asked after each HASH_ADD: whether the element is in its table. False: no memory, and nothing was changed. */
#define EBI_HASHED(element) ((element)->hh.tbl != NULL)

#endif
