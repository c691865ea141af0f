/* core/avro/node.h - a compiled schema: a flat table of nodes, one for each place where a value can be. For the rooms
 * of the codec: avro, json and schema, and for the accessors.
 *
 * The nodes are in the order in which their values are written: a record's fields, a union's branches and the item of a
 * list or map follow their own node directly. A named type that is used twice has its nodes twice, so every node has
 * one place, one path and one slot. Slots are numbered within a frame: the outermost record is a frame, and so is each
 * item. */
#ifndef EBI_NODE_H
#define EBI_NODE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <jansson.h>
#include <eventbus/plugin.h>
#include "base/arena.h"
#include "base/bytes.h"
#include "base/word.h"

/* clang-format off */
enum ebi_kind {
    EBI_NULL, EBI_BOOLEAN, EBI_INT, EBI_LONG, EBI_FLOAT, EBI_DOUBLE, EBI_BYTES, EBI_STRING,     /* primitive */
    EBI_ENUM, EBI_FIXED, EBI_RECORD, EBI_ARRAY, EBI_MAP, EBI_UNION
};
/* clang-format on */

/* The type that a kind has in JSON. No two branches of a union may have the same one, since values in JSON carry no
 * name of their type. */
enum ebi_json_type {
    EBI_JSON_NULL,
    EBI_JSON_BOOLEAN,
    EBI_JSON_INTEGER,
    EBI_JSON_REAL,
    EBI_JSON_TEXT,
    EBI_JSON_LIST,
    EBI_JSON_OBJECT,
    EBI_JSON_TYPES
};

/* A union of null and one other type is no node of its own: the other type's node is optional. */
enum ebi_optional { EBI_REQUIRED, EBI_NULL_FIRST, EBI_NULL_LAST };

enum ebi_default { EBI_NO_DEFAULT, EBI_DEFAULT, EBI_BAD_DEFAULT };

/* The limits of a schema. No real one comes near them; they bound what a hostile one costs. */
enum {
    EBI_SCHEMA_BYTES = 4 << 20, /* its text */
    EBI_SCHEMA_NODES = 8192,
    EBI_SCHEMA_DEPTH = 64,      /* types within types */
    EBI_SCHEMA_NAME = 255,      /* bytes of a name */
    EBI_SCHEMA_TEXTS = 4 << 20, /* all paths together */
    EBI_SCHEMA_FIXED = 1 << 20  /* bytes of a fixed */
};

struct ebi_node {
    uint8_t kind;          /* enum ebi_kind; of an optional one, that of the value that is not null */
    uint8_t optional;      /* enum ebi_optional */
    bool direct;           /* reached from the outermost record through records alone: its path names one value */
    uint8_t has_default;   /* enum ebi_default */
    uint16_t branch;       /* of a branch: its number in the union */
    uint16_t enum_default; /* its number plus 1; 0: none */
    uint32_t parent;
    uint32_t next;              /* the node after all that are inside this one */
    uint32_t optional_ancestor; /* of a direct node: the nearest optional record around it; 0: none */
    uint32_t slot;
    uint32_t n_slots;         /* slots in this frame for it and all inside it */
    uint32_t item_slots;      /* list, map: slots of an item's frame; of a map's, 0 is the key's and 1 the value's */
    uint32_t count;           /* record: fields; union: branches; enum: symbols; fixed: bytes */
    uint32_t min_bytes;       /* its Avro form has at least so many */
    struct eb_text name;      /* of a field; else absent */
    struct eb_text path;      /* "a.b", "list[].x", "map{}"; "" of the outermost record */
    struct eb_text key;       /* of a field, as JSON: ,"name": and 8 bytes behind it that may be read */
    struct eb_text type;      /* as users know it: "list of string", also where it is optional */
    struct eb_text type_name; /* of a record, enum or fixed: without namespace; else absent */
    struct eb_text initial;   /* the Avro form of its default, where it has one */
    const struct eb_text *symbols;
    const uint16_t *symbol_order; /* their numbers in the order of ebi_symbols_compare */
    const json_t *field;          /* of a field: its object in the schema */
};

/* An entry of the index of paths: an open hash table over the paths of all fields. */
struct ebi_path_entry {
    uint32_t hash;
    uint32_t node; /* 0: free, since the outermost record is no field */
};

struct ebi_schema {
    struct ebi_node *nodes;
    uint32_t n_nodes;
    uint32_t n_slots; /* of the outermost frame */
    struct ebi_path_entry *path_index;
    uint32_t path_mask;
    struct ebi_arena texts; /* all that nodes point to and that is not in json */
    size_t texts_size;
    json_t *json;
    const char *type; /* the namespace; "" for none */
    struct ebi_bytes canonical;
    struct eb_schema wire;
};

static inline const struct ebi_node *ebi_first_child(const struct ebi_node *node) {
    return node + 1;
}

static inline const struct ebi_node *ebi_node_after(const struct ebi_schema *schema, const struct ebi_node *node) {
    return schema->nodes + node->next;
}

static inline enum ebi_json_type ebi_json_type_of(enum ebi_kind kind) {
    static const unsigned char types[] = {
        [EBI_NULL] = EBI_JSON_NULL,    [EBI_BOOLEAN] = EBI_JSON_BOOLEAN, [EBI_INT] = EBI_JSON_INTEGER,
        [EBI_LONG] = EBI_JSON_INTEGER, [EBI_FLOAT] = EBI_JSON_REAL,      [EBI_DOUBLE] = EBI_JSON_REAL,
        [EBI_BYTES] = EBI_JSON_TEXT,   [EBI_STRING] = EBI_JSON_TEXT,     [EBI_ENUM] = EBI_JSON_TEXT,
        [EBI_FIXED] = EBI_JSON_TEXT,   [EBI_RECORD] = EBI_JSON_OBJECT,   [EBI_ARRAY] = EBI_JSON_LIST,
        [EBI_MAP] = EBI_JSON_OBJECT,   [EBI_UNION] = EBI_JSON_TYPES,
    };
    return (enum ebi_json_type)types[kind];
}

static inline bool ebi_same_text(struct eb_text a, const char *data, size_t len) {
    return a.len == len && memcmp(a.data, data, len) == 0;
}

static inline uint32_t ebi_path_hash(const char *path, size_t len) {
    const uint64_t spread = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t hash = len;

    for (; len >= 8; path += 8, len -= 8) {
        hash = (hash ^ ebi_word(path)) * spread;
        hash ^= hash >> 32;
    }
    hash = (hash ^ ebi_tail(path, len)) * spread;
    return (uint32_t)(hash >> 32);
}

/* Returns the field of that path, in which "[]" and "{}" stand for items; NULL: none. */
static inline const struct ebi_node *ebi_schema_find(const struct ebi_schema *schema, const char *path, size_t len) {
    uint32_t hash = ebi_path_hash(path, len), at = hash;

    for (;; at++) {
        const struct ebi_path_entry *entry = &schema->path_index[at & schema->path_mask];

        if (!entry->node)
            return NULL;
        if (entry->hash == hash && ebi_same_text(schema->nodes[entry->node].path, path, len))
            return &schema->nodes[entry->node];
    }
}

/* Returns a record's field of that name; NULL: none, or no memory for a very long path. Looks at `guess` first, unless
 * it is NULL. */
const struct ebi_node *ebi_node_field(const struct ebi_schema *, const struct ebi_node *record, const char *name, size_t len,
                                      const struct ebi_node *guess);

/* Returns the number of an enum's symbol; -1: the enum has no such one. */
int32_t ebi_node_symbol(const struct ebi_node *, const char *text, size_t len);

/* Compares two numbers of symbols, for qsort_r. */
int ebi_symbols_compare(const void *, const void *, void *symbols);

/* Returns the branch of a union that has that type in JSON; NULL: none. An integer finds the branch of a real where no
 * branch takes integers. */
const struct ebi_node *ebi_node_branch(const struct ebi_schema *, const struct ebi_node *node, enum ebi_json_type);

/* Returns whether the node may be null. */
bool ebi_node_nullable(const struct ebi_schema *, const struct ebi_node *);

/* Writes a node's type in full: "record Person", "list of string", "long or null"; NUL-ended, cut where it is too long.
 * Returns the text. */
enum { EBI_TYPE_TEXT_ROOM = 384 };
const char *ebi_node_type_text(const struct ebi_node *, char text[EBI_TYPE_TEXT_ROOM]);

/* Returns the name of the field that is spelled most like `name`, for "; did you mean NAME?"; NULL: none is near. */
const char *ebi_node_nearest(const struct ebi_schema *, const struct ebi_node *record, const char *name, size_t len);

#endif
