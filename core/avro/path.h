/* core/avro/path.h - from a path to a node and to a slot. For this room. */
#ifndef EBI_PATH_H
#define EBI_PATH_H

#include "avro/slots.h"

/* A path that has been found in a schema: what kind of value it names, before looking at any values. */
struct ebi_path {
    const char *text;
    const struct ebi_node *node;
};

enum eb_status ebi_path_find(const struct ebi_schema *, const char *path, struct ebi_path *, struct eb_error *);

/* The frame in which the slot of the path's node is, with everything on the way made to be there. EB_PERMANENT: an
 * index beyond the next item; nothing is changed then. */
enum eb_status ebi_path_create(struct ebi_data *, const struct ebi_path *, struct ebi_slot **frame, struct eb_error *);

/* The same for reading. EB_EMPTY: something on the way is null. */
enum eb_status ebi_path_follow(const struct ebi_data *, const struct ebi_path *, struct ebi_slot **frame,
                               struct eb_error *);

#endif
