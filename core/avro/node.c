/* core/avro/node.c - looks up fields, symbols and branches of a compiled schema: see node.h. */
#include "avro/node.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/nearest.h"

/* Finds a field through the index of paths, so that the time does not grow with the number of fields. */
static const struct ebi_node *field_by_path(const struct ebi_schema *schema, const struct ebi_node *record, const char *name,
                                            size_t len) {
    char few[512], *path = few;
    size_t above = record->path.len, dot = above > 0;
    const struct ebi_node *field;

    if (above + dot + len > sizeof few && !(path = malloc(above + dot + len)))
        return NULL;
    if (above)
        memcpy(path, record->path.data, above);
    path[above] = '.';
    memcpy(path + above + dot, name, len);
    field = ebi_schema_find(schema, path, above + dot + len);
    if (path != few)
        free(path);
    return field;
}

const struct ebi_node *ebi_node_field(const struct ebi_schema *schema, const struct ebi_node *record, const char *name,
                                      size_t len, const struct ebi_node *guess) {
    enum { FEW = 16 };
    const struct ebi_node *end = ebi_node_after(schema, record);

    if (guess && guess < end && ebi_same_text(guess->name, name, len))
        return guess;
    if (record->count > FEW)
        return field_by_path(schema, record, name, len);
    for (const struct ebi_node *field = ebi_first_child(record); field < end; field = ebi_node_after(schema, field))
        if (ebi_same_text(field->name, name, len))
            return field;
    return NULL;
}

/* Compares in the order of symbol_order: shorter texts first. */
static int compare_symbol(struct eb_text symbol, const char *text, size_t len) {
    if (symbol.len != len)
        return symbol.len < len ? -1 : 1;
    return memcmp(symbol.data, text, len);
}

int ebi_symbols_compare(const void *a, const void *b, void *symbols) {
    const struct eb_text *texts = symbols, *right = &texts[*(const uint16_t *)b];

    return compare_symbol(texts[*(const uint16_t *)a], right->data, right->len);
}

int32_t ebi_node_symbol(const struct ebi_node *node, const char *text, size_t len) {
    size_t low = 0, high = node->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_symbol(node->symbols[node->symbol_order[middle]], text, len);

        if (order == 0)
            return node->symbol_order[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

const struct ebi_node *ebi_node_branch(const struct ebi_schema *schema, const struct ebi_node *node,
                                       enum ebi_json_type json_type) {
    const struct ebi_node *end = ebi_node_after(schema, node), *real = NULL;

    for (const struct ebi_node *at = ebi_first_child(node); at < end; at = ebi_node_after(schema, at)) {
        enum ebi_json_type found = ebi_json_type_of((enum ebi_kind)at->kind);

        if (found == json_type)
            return at;
        if (found == EBI_JSON_REAL && json_type == EBI_JSON_INTEGER)
            real = at;
    }
    return real;
}

bool ebi_node_nullable(const struct ebi_schema *schema, const struct ebi_node *node) {
    return node->optional || node->kind == EBI_NULL ||
           (node->kind == EBI_UNION && ebi_node_branch(schema, node, EBI_JSON_NULL));
}

const char *ebi_node_type_text(const struct ebi_node *node, char text[EBI_TYPE_TEXT_ROOM]) {
    struct eb_text type = node->type, name = node->type_name;

    snprintf(text, EBI_TYPE_TEXT_ROOM, "%.*s%s%.*s%s", (int)type.len, type.data, name.len ? " " : "", (int)name.len,
             name.len ? name.data : "", node->optional ? " or null" : "");
    return text;
}

const char *ebi_node_nearest(const struct ebi_schema *schema, const struct ebi_node *record, const char *name, size_t len) {
    const struct ebi_node *end = ebi_node_after(schema, record);
    const char **names = calloc(record->count + 1u, sizeof *names), *found = NULL;
    char given[EBI_SCHEMA_NAME + 1];
    size_t n = 0;
    ptrdiff_t near;

    if (names && len < sizeof given) {
        memcpy(given, name, len);
        given[len] = '\0';
        for (const struct ebi_node *at = ebi_first_child(record); at < end; at = ebi_node_after(schema, at))
            names[n++] = at->name.data;
        near = ebi_nearest(given, names, n);
        found = near >= 0 ? names[near] : NULL;
    }
    free(names);
    return found;
}
