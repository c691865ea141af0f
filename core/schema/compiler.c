/* core/schema/compiler.c - errors, memory and nodes of a schema that is being compiled: see compiler.h. */
#include "schema/compiler.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* ---- Refusals ---- */

bool ebi_compile_refuse(struct ebi_compiler *c, uint32_t at, const char *format, ...) {
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (at == 0)
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema: %s", reason);
    else
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema's field %.*s: %s", (int)ebi_compile_node(c, at)->path.len,
                  ebi_compile_node(c, at)->path.data, reason);
    return false;
}

bool ebi_compile_no_memory(struct ebi_compiler *c) {
    ebi_error_memory(c->err);
    return false;
}

/* ---- Texts and nodes ---- */

bool ebi_compile_grow(struct ebi_compiler *c, size_t size) {
    c->schema->texts_size += size;
    return c->schema->texts_size <= EBI_SCHEMA_TEXTS ||
           ebi_compile_refuse(c, 0, "too many fields, or too long names or defaults");
}

void *ebi_compile_take(struct ebi_compiler *c, size_t size) {
    void *taken;

    if (!ebi_compile_grow(c, size))
        return NULL;
    taken = ebi_arena_take(&c->schema->texts, size);
    if (!taken)
        ebi_compile_no_memory(c);
    return taken;
}

char *ebi_compile_take_text(struct ebi_compiler *c, size_t len) {
    return ebi_compile_take(c, len + 8);
}

struct eb_text ebi_compile_join(struct ebi_compiler *c, struct eb_text before, const char *middle, struct eb_text after) {
    size_t mid = strlen(middle), len = before.len + mid + after.len;
    char *text = ebi_compile_take_text(c, len);

    if (!text)
        return (struct eb_text){ 0 };
    if (before.len)
        memcpy(text, before.data, before.len);
    memcpy(text + before.len, middle, mid);
    if (after.len)
        memcpy(text + before.len + mid, after.data, after.len);
    text[len] = '\0';
    return (struct eb_text){ text, len };
}

uint32_t ebi_compile_add_node(struct ebi_compiler *c, uint32_t parent, struct eb_text path) {
    struct ebi_schema *schema = c->schema;
    struct ebi_node *node;

    if (!path.data)
        return 0;
    if (schema->n_nodes == EBI_SCHEMA_NODES) {
        ebi_compile_refuse(c, 0, "more than %d places for values", EBI_SCHEMA_NODES);
        return 0;
    }
    if (schema->n_nodes == c->room) {
        uint32_t room = c->room ? c->room * 2 : 32;
        struct ebi_node *nodes = realloc(schema->nodes, room * sizeof *nodes);

        if (!nodes) {
            ebi_compile_no_memory(c);
            return 0;
        }
        schema->nodes = nodes;
        c->room = room;
    }
    node = &schema->nodes[schema->n_nodes];
    *node = (struct ebi_node){ .parent = parent, .path = path, .slot = c->slots++ };
    return schema->n_nodes++;
}

bool ebi_compile_close_node(struct ebi_compiler *c, uint32_t at, struct eb_text type) {
    struct ebi_node *node = ebi_compile_node(c, at);
    bool holds_frame = node->kind == EBI_ARRAY || node->kind == EBI_MAP;

    node->next = c->schema->n_nodes;
    node->n_slots = holds_frame ? 1 : c->slots - node->slot;
    node->type = type;
    if (node->optional)
        node->min_bytes = 1;
    return type.data;
}
