/* core/avro/path.h - from a path to a node and to a slot: see eventbus/event.h for paths. For the codec and the
 * accessors. */
#ifndef EBI_PATH_H
#define EBI_PATH_H

#include "avro/slots.h"

/* A path that has been found in a schema: what kind of value it names, whether or not the value exists. */
struct ebi_path {
    const char *text;
    const struct ebi_node *node;
};

enum eb_status ebi_path_find(const struct ebi_schema *, const char *path, struct ebi_path *, struct eb_error *);

/* Gives the frame that holds the slot of the path's node, and creates everything on the way. EB_PERMANENT: an index
 * beyond the next item; nothing is changed then. */
enum eb_status ebi_path_create(struct ebi_data *, const struct ebi_path *, struct ebi_slot **frame, struct eb_error *);

/* Gives the frame that holds the slot of the path's node. EB_EMPTY: something on the way is null. EB_PERMANENT: an item
 * or a value on the way does not exist. */
enum eb_status ebi_path_follow(const struct ebi_data *, const struct ebi_path *, struct ebi_slot **frame, struct eb_error *);

#endif
