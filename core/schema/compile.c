/* core/schema/compile.c - compiles a schema's JSON to its table of nodes, and checks types and limits: see compile.h.
 * */
#include "schema/compile.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"
#include "schema/compiler.h"

static bool compile_type(struct ebi_compiler *, uint32_t at, const json_t *type, const char *space);

static const char *const primitives[] = {
    [EBI_NULL] = "null",   [EBI_BOOLEAN] = "boolean", [EBI_INT] = "int",     [EBI_LONG] = "long",
    [EBI_FLOAT] = "float", [EBI_DOUBLE] = "double",   [EBI_BYTES] = "bytes", [EBI_STRING] = "string",
};
enum { PRIMITIVES = EBI_STRING + 1 };

/* ---- Complex types ---- */

static bool valid_field(struct ebi_compiler *c, uint32_t at, const json_t *field) {
    const json_t *name = json_object_get(field, "name");

    if (!json_is_string(name) || !ebi_compile_valid_name(json_string_value(name), json_string_length(name)))
        return ebi_compile_refuse(c, at, "a field's name must be letters, digits and _, at most %d", EBI_SCHEMA_NAME);
    if (!json_object_get(field, "type"))
        return ebi_compile_refuse(c, at, "field %s has no type", json_string_value(name));
    return true;
}

static bool note_default(struct ebi_compiler *c, uint32_t at, const json_t *value) {
    struct ebi_node *node = ebi_compile_node(c, at);
    struct ebi_bytes avro = { 0 };
    char *kept = NULL;
    enum eb_status status;
    bool good;

    if (!value)
        return true;
    status = ebi_default_to_avro(c->schema, node, value, &avro, NULL);
    if (status == EB_FATAL)
        good = ebi_compile_no_memory(c);
    else if (status == EB_OK)
        good = (kept = ebi_compile_take_text(c, avro.len));
    else
        good = ebi_compile_grow(c, avro.len); /* a reader that needs this default gets an error; its work counts */
    if (kept && avro.len)
        memcpy(kept, avro.data, avro.len);
    node->initial = (struct eb_text){ kept, kept ? avro.len : 0 };
    node->has_default = kept ? EBI_DEFAULT : EBI_BAD_DEFAULT;
    ebi_bytes_free(&avro);
    return good;
}

static bool compile_field(struct ebi_compiler *c, uint32_t record, const json_t *field, const char *space) {
    const json_t *name = json_object_get(field, "name");
    struct eb_text text = { json_string_value(name), json_string_length(name) };
    struct eb_text above = ebi_compile_node(c, record)->path;
    uint32_t at = ebi_compile_add_node(c, record, ebi_compile_join(c, above, above.len ? "." : "", text));
    struct ebi_node *node, *around;

    if (!at)
        return false;
    node = ebi_compile_node(c, at);
    around = ebi_compile_node(c, record);
    node->name = text;
    node->field = field;
    node->direct = around->direct;
    node->optional_ancestor = around->optional ? record : around->optional_ancestor;
    node->key = ebi_compile_join(c, (struct eb_text){ ",\"", 2 }, text.data, (struct eb_text){ "\":", 2 });
    return node->key.data && compile_type(c, at, json_object_get(field, "type"), space) &&
           note_default(c, at, json_object_get(field, "default"));
}

static uint32_t sum(uint32_t a, uint32_t b) {
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool compile_record(struct ebi_compiler *c, uint32_t at, const json_t *type, const char *space) {
    const json_t *fields = json_object_get(type, "fields");
    uint32_t min_bytes = 0;

    if (!json_is_array(fields))
        return ebi_compile_refuse(c, at, "the fields of a record are missing or not a list");
    ebi_compile_node(c, at)->kind = EBI_RECORD;
    ebi_compile_node(c, at)->count = (uint32_t)json_array_size(fields);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        uint32_t child = c->schema->n_nodes;

        if (!valid_field(c, at, field) || !compile_field(c, at, field, space))
            return false;
        min_bytes = sum(min_bytes, ebi_compile_node(c, child)->min_bytes);
    }
    ebi_compile_node(c, at)->min_bytes = min_bytes;
    return ebi_compile_close_node(c, at, ebi_text_of("record"));
}

static bool valid_symbols(const json_t *symbols, struct eb_text *texts, json_t *seen) {
    for (size_t i = 0; i < json_array_size(symbols); i++) {
        const json_t *symbol = json_array_get(symbols, i);
        const char *text = json_string_value(symbol);

        texts[i] = (struct eb_text){ text, json_string_length(symbol) };
        if (!text || !ebi_compile_valid_name(text, texts[i].len) || json_object_get(seen, text) ||
            json_object_set_new(seen, text, json_true()) != 0)
            return false;
    }
    return true;
}

static bool compile_enum(struct ebi_compiler *c, uint32_t at, const json_t *type) {
    const json_t *symbols = json_object_get(type, "symbols"), *initial = json_object_get(type, "default");
    size_t n = json_array_size(symbols);
    struct ebi_node *node = ebi_compile_node(c, at);
    struct eb_text *texts;
    uint16_t *order;
    json_t *seen;
    bool good;

    if (n >= UINT16_MAX)
        return ebi_compile_refuse(c, at, "an enum has more than %d symbols", UINT16_MAX - 1);
    texts = ebi_compile_take(c, n * sizeof *texts);
    order = texts ? ebi_compile_take(c, n * sizeof *order) : NULL;
    if (!order)
        return false;
    seen = json_object();
    good = n > 0 && seen && valid_symbols(symbols, texts, seen);
    json_decref(seen);
    if (!good)
        return ebi_compile_refuse(c, at, "the symbols of an enum must be names of letters, digits and _, each only once");
    node->kind = EBI_ENUM;
    node->count = (uint32_t)n;
    node->min_bytes = 1;
    node->symbols = texts;
    node->symbol_order = order;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint16_t)i;
    qsort_r(order, n, sizeof *order, ebi_symbols_compare, texts);
    if (json_is_string(initial)) /* 0: no default, also where it is not a symbol */
        node->enum_default = (uint16_t)(ebi_node_symbol(node, json_string_value(initial), json_string_length(initial)) + 1);
    return ebi_compile_close_node(c, at, ebi_text_of("enum"));
}

static bool compile_fixed(struct ebi_compiler *c, uint32_t at, const json_t *type) {
    const json_t *size = json_object_get(type, "size");
    json_int_t bytes = json_integer_value(size);

    if (!json_is_integer(size) || bytes < 0 || bytes > EBI_SCHEMA_FIXED)
        return ebi_compile_refuse(c, at, "the size of a fixed is not from 0 to %d", EBI_SCHEMA_FIXED);
    ebi_compile_node(c, at)->kind = EBI_FIXED;
    ebi_compile_node(c, at)->count = ebi_compile_node(c, at)->min_bytes = (uint32_t)bytes;
    return ebi_compile_close_node(c, at, ebi_text_of("fixed"));
}

/* Compiles a list or a map, whose items are frames of their own. */
static bool compile_items(struct ebi_compiler *c, uint32_t at, enum ebi_kind kind, const json_t *items, const char *space) {
    const char *brackets = kind == EBI_MAP ? "{}" : "[]", *type = kind == EBI_MAP ? "map of " : "list of ";
    uint32_t outer = c->slots, item;
    struct ebi_node *node = ebi_compile_node(c, at);
    struct eb_text whole;

    if (!items)
        return ebi_compile_refuse(c, at, "%s", kind == EBI_MAP ? "a map has no values" : "an array has no items");
    node->kind = (uint8_t)kind;
    node->min_bytes = 1;
    c->slots = kind == EBI_MAP ? 1 : 0;
    item = ebi_compile_add_node(c, at, ebi_compile_join(c, node->path, brackets, (struct eb_text){ 0 }));
    if (!item || !compile_type(c, item, items, space))
        return false;
    ebi_compile_node(c, at)->item_slots = c->slots;
    c->slots = outer;
    whole = ebi_compile_join(c, ebi_text_of(type), "", ebi_compile_node(c, item)->type);
    if (ebi_compile_node(c, item)->optional)
        whole = ebi_compile_join(c, whole, " or null", (struct eb_text){ 0 });
    return ebi_compile_close_node(c, at, whole);
}

static bool is_null(const json_t *type) {
    const char *name = json_string_value(json_is_object(type) ? json_object_get(type, "type") : type);

    return name && strcmp(name, "null") == 0;
}

static bool compile_branch(struct ebi_compiler *c, uint32_t at, const json_t *type, const char *space, unsigned *json_types) {
    uint32_t child = ebi_compile_add_node(c, at, ebi_compile_node(c, at)->path);
    unsigned json_type;

    if (!child || !compile_type(c, child, type, space))
        return false;
    if (ebi_compile_node(c, child)->optional || ebi_compile_node(c, child)->kind == EBI_UNION)
        return ebi_compile_refuse(c, at, "a union directly inside a union");
    json_type = 1u << ebi_json_type_of((enum ebi_kind)ebi_compile_node(c, child)->kind);
    if (*json_types & json_type)
        return ebi_compile_refuse(c, at,
                                  "%s cannot be told from another type of its union in JSON, where values carry no "
                                  "type; of null, boolean, whole numbers, other numbers, texts, lists, objects a union "
                                  "may have one each",
                                  ebi_compile_node(c, child)->type.data);
    *json_types |= json_type;
    return true;
}

static bool compile_branches(struct ebi_compiler *c, uint32_t at, const json_t *types, const char *space) {
    struct eb_text type = { 0 };
    uint32_t min_bytes = UINT32_MAX;
    unsigned json_types = 0;

    ebi_compile_node(c, at)->kind = EBI_UNION;
    ebi_compile_node(c, at)->count = (uint32_t)json_array_size(types);
    for (size_t i = 0; i < json_array_size(types); i++) {
        uint32_t child = c->schema->n_nodes;

        if (!compile_branch(c, at, json_array_get(types, i), space, &json_types))
            return false;
        ebi_compile_node(c, child)->branch = (uint16_t)i;
        min_bytes = ebi_compile_node(c, child)->min_bytes < min_bytes ? ebi_compile_node(c, child)->min_bytes : min_bytes;
        type = ebi_compile_join(c, type, i ? " or " : "", ebi_compile_node(c, child)->type);
        if (!type.data)
            return false;
    }
    ebi_compile_node(c, at)->min_bytes = sum(min_bytes, 1);
    return ebi_compile_close_node(c, at, type);
}

static bool compile_union(struct ebi_compiler *c, uint32_t at, const json_t *types, const char *space) {
    const json_t *first = json_array_get(types, 0), *second = json_array_get(types, 1), *other;

    if (!first)
        return ebi_compile_refuse(c, at, "a union without types");
    if (json_array_size(types) != 2 || is_null(first) == is_null(second))
        return compile_branches(c, at, types, space);
    other = is_null(first) ? second : first;
    if (json_is_array(other))
        return ebi_compile_refuse(c, at, "a union directly inside a union");
    ebi_compile_node(c, at)->optional = is_null(first) ? EBI_NULL_FIRST : EBI_NULL_LAST;
    return compile_type(c, at, other, space);
}

/* ---- Any type ---- */

static bool compile_named(struct ebi_compiler *c, uint32_t at, size_t number) {
    const json_t *type = c->named[number].type;
    const char *space = c->named[number].space, *kind = json_string_value(json_object_get(type, "type"));
    bool good;

    if (c->named[number].open)
        return ebi_compile_refuse(c, at, "type %s contains itself, which is not supported", c->named[number].full);
    c->named[number].open = true;
    if (strcmp(kind, "record") == 0)
        good = compile_record(c, at, type, space);
    else
        good = strcmp(kind, "enum") == 0 ? compile_enum(c, at, type) : compile_fixed(c, at, type);
    c->named[number].open = false;
    return good;
}

static bool refuse_unknown(struct ebi_compiler *c, uint32_t at, const char *name) {
    ptrdiff_t near = ebi_nearest(name, primitives, PRIMITIVES);

    if (near >= 0)
        return ebi_compile_refuse(c, at, "unknown type \"%.*s\"; did you mean %s?", EBI_SCHEMA_NAME, name, primitives[near]);
    return ebi_compile_refuse(c, at, "unknown type \"%.*s\"; a type must be defined before it is used by name", EBI_SCHEMA_NAME,
                              name);
}

static bool compile_name(struct ebi_compiler *c, uint32_t at, const char *name, const char *space) {
    static const unsigned char min_bytes[PRIMITIVES] = {
        [EBI_BOOLEAN] = 1, [EBI_INT] = 1, [EBI_LONG] = 1, [EBI_FLOAT] = 4, [EBI_DOUBLE] = 8, [EBI_BYTES] = 1, [EBI_STRING] = 1
    };
    struct ebi_named_type *named;
    char *full;

    for (unsigned kind = 0; kind < PRIMITIVES; kind++)
        if (strcmp(name, primitives[kind]) == 0) {
            ebi_compile_node(c, at)->kind = (uint8_t)kind;
            ebi_compile_node(c, at)->min_bytes = min_bytes[kind];
            return ebi_compile_close_node(c, at, ebi_text_of(primitives[kind]));
        }
    if (strlen(name) > 2 * EBI_SCHEMA_NAME)
        return refuse_unknown(c, at, name);
    full = ebi_compile_full_name(c, name, space);
    if (!full)
        return false;
    named = ebi_compile_find_named(c, full);
    if (!named)
        return refuse_unknown(c, at, name);
    ebi_compile_node(c, at)->type_name = ebi_text_of(strrchr(full, '.') ? strrchr(full, '.') + 1 : full);
    return compile_named(c, at, (size_t)(named - c->named));
}

static bool compile_object(struct ebi_compiler *c, uint32_t at, const json_t *type, const char *space) {
    const char *kind = json_string_value(json_object_get(type, "type"));
    struct ebi_named_type *named;

    if (!kind)
        return ebi_compile_refuse(c, at, "a type must be a name, an object with a \"type\", or a list of types");
    if (strcmp(kind, "array") == 0)
        return compile_items(c, at, EBI_ARRAY, json_object_get(type, "items"), space);
    if (strcmp(kind, "map") == 0)
        return compile_items(c, at, EBI_MAP, json_object_get(type, "values"), space);
    if (strcmp(kind, "record") != 0 && strcmp(kind, "enum") != 0 && strcmp(kind, "fixed") != 0)
        return compile_name(c, at, kind, space);
    named = ebi_compile_define(c, at, type, space);
    return named && compile_named(c, at, (size_t)(named - c->named));
}

static bool compile_type(struct ebi_compiler *c, uint32_t at, const json_t *type, const char *space) {
    bool good;

    if (c->depth == EBI_SCHEMA_DEPTH)
        return ebi_compile_refuse(c, at, "more than %d types within each other", EBI_SCHEMA_DEPTH);
    c->depth++;
    if (json_is_string(type))
        good = compile_name(c, at, json_string_value(type), space);
    else if (json_is_array(type))
        good = compile_union(c, at, type, space);
    else
        good = compile_object(c, at, type, space);
    c->depth--;
    return good;
}

/* ---- The table of paths ---- */

static bool index_path(struct ebi_schema *schema, uint32_t at) {
    struct eb_text path = schema->nodes[at].path;
    uint32_t hash = ebi_path_hash(path.data, path.len), entry = hash;

    if (ebi_schema_find(schema, path.data, path.len))
        return false;
    while (schema->path_index[entry & schema->path_mask].node)
        entry++;
    schema->path_index[entry & schema->path_mask] = (struct ebi_path_entry){ .hash = hash, .node = at };
    return true;
}

static bool index_paths(struct ebi_compiler *c) {
    struct ebi_schema *schema = c->schema;
    uint32_t size = 16;

    while (size < schema->n_nodes * 2)
        size *= 2;
    schema->path_mask = size - 1;
    schema->path_index = calloc(size, sizeof *schema->path_index);
    if (!schema->path_index)
        return ebi_compile_no_memory(c);
    for (uint32_t at = 1; at < schema->n_nodes; at++)
        if (schema->nodes[at].name.data && !index_path(schema, at))
            return ebi_compile_refuse(c, at, "a record has two fields of this name");
    return true;
}

static bool compile_root(struct ebi_compiler *c) {
    const json_t *type = c->schema->json;
    const char *kind = json_string_value(json_object_get(type, "type"));

    if (!kind || strcmp(kind, "record") != 0) {
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema: the outermost type of an event must be a record");
        return false;
    }
    ebi_compile_add_node(c, 0, ebi_text_of(""));
    if (c->schema->n_nodes != 1)
        return false;
    ebi_compile_node(c, 0)->direct = true;
    return compile_type(c, 0, type, "") && index_paths(c);
}

enum eb_status ebi_compile(struct ebi_schema *schema, struct eb_error *err) {
    struct eb_error own;
    struct ebi_compiler c = { .schema = schema, .numbers = json_object(), .err = err ? err : &own };
    bool good = c.numbers ? compile_root(&c) : ebi_compile_no_memory(&c);

    if (good) {
        schema->n_slots = c.slots;
        schema->type = c.named[0].space;
        schema->wire.name = ebi_text_of(c.named[0].full);
    }
    free(c.named);
    json_decref(c.numbers);
    return good ? EB_OK : (enum eb_status)c.err->status;
}
