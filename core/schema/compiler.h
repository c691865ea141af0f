/* core/schema/compiler.h - a schema that is being compiled: its errors, memory, nodes and names. For this room. */
#ifndef EBI_COMPILER_H
#define EBI_COMPILER_H

#include "avro/node.h"

/* A record, enum or fixed that the schema has defined. */
struct ebi_named_type {
    char *full;        /* with its namespace */
    const char *space; /* that namespace, which names inside it inherit */
    const json_t *type;
    bool open; /* it is being compiled: using it now would be recursion */
};

struct ebi_compiler {
    struct ebi_schema *schema;
    uint32_t room;  /* nodes there is memory for */
    uint32_t slots; /* of the current frame, so far */
    unsigned depth;
    struct ebi_named_type *named;
    size_t n_named;
    json_t *numbers; /* full name -> place in named */
    struct eb_error *err;
};

/* Returns a node. The pointer is valid until the next node is added. */
static inline struct ebi_node *ebi_compile_node(struct ebi_compiler *c, uint32_t at) {
    return &c->schema->nodes[at];
}

static inline struct eb_text ebi_text_of(const char *text) {
    return (struct eb_text){ text, strlen(text) };
}

/* These set an error and return false: "the schema's field a.b: ..." for the node at `at`, "the schema: ..." for 0. */
bool ebi_compile_refuse(struct ebi_compiler *, uint32_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool ebi_compile_no_memory(struct ebi_compiler *);

/* Counts what the schema grows by, so that types used again and again cannot make a small text large. Returns false: it
 * is too large. */
bool ebi_compile_grow(struct ebi_compiler *, size_t size);

/* Gives memory that lives as long as the schema. NULL: refused. */
void *ebi_compile_take(struct ebi_compiler *, size_t size);

/* Gives memory for a text of so many bytes, and 8 more, since keys are copied in whole words. NULL: refused. */
char *ebi_compile_take_text(struct ebi_compiler *, size_t len);

/* Returns before + middle + after, NUL-ended. Its data is NULL when it is refused. */
struct eb_text ebi_compile_join(struct ebi_compiler *, struct eb_text before, const char *middle, struct eb_text after);

/* Adds a node inside `parent` with the next slot of the current frame. Returns its number; 0: refused, as for a path
 * whose data is NULL. */
uint32_t ebi_compile_add_node(struct ebi_compiler *, uint32_t parent, struct eb_text path);

/* Completes a node when all inside it has been compiled. Returns false: refused, as for a type whose data is NULL. */
bool ebi_compile_close_node(struct ebi_compiler *, uint32_t at, struct eb_text type);

bool ebi_compile_valid_name(const char *name, size_t len);

/* Returns the full name of `name` where the namespace `space` is inherited; NULL: refused. */
char *ebi_compile_full_name(struct ebi_compiler *, const char *name, const char *space);

/* Returns the named type of that full name; NULL: none. */
struct ebi_named_type *ebi_compile_find_named(struct ebi_compiler *, const char *full);

/* Returns the named type of a definition, which is new, or met again inside a type that is used twice; NULL: refused.
 * */
struct ebi_named_type *ebi_compile_define(struct ebi_compiler *, uint32_t at, const json_t *type, const char *space);

#endif
