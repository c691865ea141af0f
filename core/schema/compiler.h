/* core/schema/compiler.h - what a schema's types are compiled with: refusals, memory, nodes and names. For this room. */
#ifndef EBI_COMPILER_H
#define EBI_COMPILER_H

#include "schema/compile.h"

/* A record, enum or fixed that has been defined. */
struct ebi_named_type {
    char *full;                 /* with its namespace */
    const char *space;          /* that namespace, which names inside it inherit */
    const json_t *type;
    bool open;                  /* being compiled: a use now would be recursion */
};

struct ebi_compiler {
    struct ebi_schema *schema;
    uint32_t room;              /* nodes there is memory for */
    uint32_t slots;             /* of the frame at work, so far */
    unsigned depth;
    struct ebi_named_type *named;
    size_t n_named;
    json_t *numbers;            /* full name -> place in named */
    struct eb_error *err;
};

/* A node; the pointer is good until the next one is added. */
static inline struct ebi_node *ebi_compile_node(struct ebi_compiler *c, uint32_t at) {
    return &c->schema->nodes[at];
}

static inline struct eb_text ebi_text_of(const char *text) {
    return (struct eb_text){ text, strlen(text) };
}

/* These return false, with the error: "the schema's field a.b: ..." for the node at `at`, or "the schema: ..." for 0. */
bool ebi_compile_refuse(struct ebi_compiler *, uint32_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool ebi_compile_no_memory(struct ebi_compiler *);

/* Counts what the schema grows by, so that types used again and again cannot make a small text large. False: refused. */
bool ebi_compile_grow(struct ebi_compiler *, size_t size);

/* Memory that lives as long as the schema. NULL: refused. */
void *ebi_compile_take(struct ebi_compiler *, size_t size);

/* The same for a text of so many bytes: 8 more may be read behind it, as keys are copied in words, and a NUL written. */
char *ebi_compile_take_text(struct ebi_compiler *, size_t len);

/* before + middle + after, NUL-ended. data NULL: refused. */
struct eb_text ebi_compile_join(struct ebi_compiler *, struct eb_text before, const char *middle, struct eb_text after);

/* Adds a node inside `parent` with the next slot of the frame at work. Returns its number; 0: refused, as where the path's
 * data is NULL. */
uint32_t ebi_compile_add_node(struct ebi_compiler *, uint32_t parent, struct eb_text path);

/* Ends a node when all inside it has been compiled. False: refused, as where the type's data is NULL. */
bool ebi_compile_close_node(struct ebi_compiler *, uint32_t at, struct eb_text type);

bool ebi_compile_valid_name(const char *name, size_t len);

/* The full name of `name` where `space` is inherited; NULL: refused. */
char *ebi_compile_full_name(struct ebi_compiler *, const char *name, const char *space);

/* The named type of that full name; NULL: none. */
struct ebi_named_type *ebi_compile_find_named(struct ebi_compiler *, const char *full);

/* The entry of a definition, new or met again inside a type that is used twice; NULL: refused. */
struct ebi_named_type *ebi_compile_define(struct ebi_compiler *, uint32_t at, const json_t *type, const char *space);

#endif
