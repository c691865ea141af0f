/* core/schema/compile.c - from a schema's JSON to its table of nodes: types, names and bounds are checked here. */
#include "schema/compile.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/nearest.h"

/* A record, enum or fixed that has been defined. */
struct named {
    char *full;                 /* with its namespace */
    const char *space;          /* that namespace, which names inside it inherit */
    const json_t *type;
    bool open;                  /* being compiled: a use now would be recursion */
};

struct compiler {
    struct ebi_schema *schema;
    uint32_t room;              /* nodes there is memory for */
    uint32_t slots;             /* of the frame at work, so far */
    unsigned depth;
    struct named *named;
    size_t n_named;
    json_t *numbers;            /* full name -> place in named */
    struct eb_error *err;
};

static bool compile_type(struct compiler *, uint32_t at, const json_t *type, const char *space);

static const char *const primitives[] = {
    [EBI_NULL] = "null", [EBI_BOOLEAN] = "boolean", [EBI_INT] = "int", [EBI_LONG] = "long", [EBI_FLOAT] = "float",
    [EBI_DOUBLE] = "double", [EBI_BYTES] = "bytes", [EBI_STRING] = "string",
};
enum { PRIMITIVES = EBI_STRING + 1 };

static struct ebi_node *node_at(struct compiler *c, uint32_t at) {
    return &c->schema->nodes[at];
}

/* ---- Refusals ---- */

__attribute__((format(printf, 3, 4)))
static bool refuse(struct compiler *c, uint32_t at, const char *format, ...) {
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (at == 0)
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema: %s", reason);
    else
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema's field %.*s: %s", (int)node_at(c, at)->path.len,
                  node_at(c, at)->path.data, reason);
    return false;
}

static bool no_memory(struct compiler *c) {
    ebi_error_memory(c->err);
    return false;
}

/* ---- Texts and nodes ---- */

/* Counts what the schema grows by, so that types used again and again cannot make a small text large. */
static bool grow(struct compiler *c, size_t size) {
    c->schema->texts_size += size;
    return c->schema->texts_size <= EBI_SCHEMA_TEXTS || refuse(c, 0, "too many fields, or too long names or defaults");
}

static void *take(struct compiler *c, size_t size) {
    void *taken;

    if (!grow(c, size))
        return NULL;
    taken = ebi_arena_take(&c->schema->texts, size);
    if (!taken)
        no_memory(c);
    return taken;
}

/* With room for a NUL, and 8 bytes in all behind the text that may be read: keys are copied in words. */
static char *take_text(struct compiler *c, size_t len) {
    return take(c, len + 8);
}

/* before + middle + after, NUL-ended. data NULL: refused. */
static struct eb_text join(struct compiler *c, struct eb_text before, const char *middle, struct eb_text after) {
    size_t mid = strlen(middle), len = before.len + mid + after.len;
    char *text = take_text(c, len);

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

static struct eb_text text_of(const char *text) {
    return (struct eb_text){ text, strlen(text) };
}

/* A node inside `parent` with the next slot of the frame at work; 0: refused. */
static uint32_t add_node(struct compiler *c, uint32_t parent, struct eb_text path) {
    struct ebi_schema *schema = c->schema;
    struct ebi_node *node;

    if (!path.data)
        return 0;
    if (schema->n_nodes == EBI_SCHEMA_NODES) {
        refuse(c, 0, "more than %d places for values", EBI_SCHEMA_NODES);
        return 0;
    }
    if (schema->n_nodes == c->room) {
        uint32_t room = c->room ? c->room * 2 : 32;
        struct ebi_node *nodes = realloc(schema->nodes, room * sizeof *nodes);

        if (!nodes) {
            no_memory(c);
            return 0;
        }
        schema->nodes = nodes;
        c->room = room;
    }
    node = &schema->nodes[schema->n_nodes];
    *node = (struct ebi_node){ .parent = parent, .path = path, .slot = c->slots++ };
    return schema->n_nodes++;
}

/* All inside a node has been compiled. */
static bool close_node(struct compiler *c, uint32_t at, struct eb_text type) {
    struct ebi_node *node = node_at(c, at);
    bool holds_frame = node->kind == EBI_ARRAY || node->kind == EBI_MAP;

    node->next = c->schema->n_nodes;
    node->n_slots = holds_frame ? 1 : c->slots - node->slot;
    node->type = type;
    if (node->optional)
        node->min_bytes = 1;
    return type.data;
}

/* ---- Names ---- */

static bool letter(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

static bool digit(char ch) {
    return ch >= '0' && ch <= '9';
}

static bool valid_name(const char *name, size_t len) {
    if (len == 0 || len > EBI_SCHEMA_NAME || !letter(*name))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!letter(name[i]) && !digit(name[i]))
            return false;
    return true;
}

/* More than Avro allows: Open edX has a "-" in one, and its Python library takes what is not a dot. */
static bool valid_space(const char *space) {
    if (strlen(space) > EBI_SCHEMA_NAME)
        return false;
    for (const char *ch = space; *ch; ch++)
        if (!letter(*ch) && !digit(*ch) && *ch != '-' && *ch != '.')
            return false;
    return true;
}

static struct named *find_named(struct compiler *c, const char *full) {
    json_t *number = json_object_get(c->numbers, full);

    return number ? &c->named[json_integer_value(number)] : NULL;
}

/* The full name of `name` where `space` is inherited; NULL: refused. */
static char *full_name(struct compiler *c, const char *name, const char *space) {
    struct eb_text full;

    if (strchr(name, '.') || !*space)
        full = join(c, text_of(name), "", (struct eb_text){ 0 });
    else
        full = join(c, text_of(space), ".", text_of(name));
    return (char *)full.data;
}

static struct named *add_named(struct compiler *c, char *full, const char *space, const json_t *type) {
    struct named *named = realloc(c->named, (c->n_named + 1) * sizeof *named);

    if (!named || json_object_set_new(c->numbers, full, json_integer((json_int_t)c->n_named)) != 0) {
        c->named = named ? named : c->named;
        no_memory(c);
        return NULL;
    }
    c->named = named;
    named += c->n_named++;
    *named = (struct named){ .full = full, .space = space, .type = type };
    return named;
}

/* The entry of a definition, new or met again inside a type that is used twice; NULL: refused. */
static struct named *define(struct compiler *c, uint32_t at, const json_t *type, const char *space) {
    const json_t *given = json_object_get(type, "name"), *own = json_object_get(type, "namespace");
    const char *name = json_string_value(given), *dot;
    char *full, *before;
    struct named *named;

    if (!name || (own && !json_is_string(own))) {
        refuse(c, at, "a %s has no name, or its name or namespace is no text",
               json_string_value(json_object_get(type, "type")));
        return NULL;
    }
    full = full_name(c, name, own ? json_string_value(own) : space);
    before = full ? take_text(c, strlen(full)) : NULL;
    if (!before)
        return NULL;
    dot = strrchr(full, '.');
    memcpy(before, full, dot ? (size_t)(dot - full) : 0);
    before[dot ? dot - full : 0] = '\0';
    name = dot ? dot + 1 : full;
    if (!valid_name(name, strlen(name)) || !valid_space(before)) {
        refuse(c, at, "a type's name is not made of letters, digits and _, or longer than %d", EBI_SCHEMA_NAME);
        return NULL;
    }
    named = find_named(c, full);
    if (named && named->type != type) {
        refuse(c, at, "type %s is defined twice", full);
        return NULL;
    }
    if (!named)
        named = add_named(c, full, before, type);
    if (named)
        node_at(c, at)->type_name = text_of(full + (name - full));
    return named;
}

/* ---- Complex types ---- */

static bool valid_field(struct compiler *c, uint32_t at, const json_t *field) {
    const json_t *name = json_object_get(field, "name");

    if (!json_is_string(name) || !valid_name(json_string_value(name), json_string_length(name)))
        return refuse(c, at, "a field's name is missing, not made of letters, digits and _, or longer than %d",
                      EBI_SCHEMA_NAME);
    if (!json_object_get(field, "type"))
        return refuse(c, at, "field %s has no type", json_string_value(name));
    return true;
}

static bool note_default(struct compiler *c, uint32_t at, const json_t *value) {
    struct ebi_node *node = node_at(c, at);
    struct ebi_bytes avro = { 0 };
    char *kept = NULL;
    enum eb_status status;
    bool good;

    if (!value)
        return true;
    status = ebi_default_to_avro(c->schema, node, value, &avro, NULL);
    if (status == EB_FATAL)
        good = no_memory(c);
    else if (status == EB_OK)
        good = (kept = take_text(c, avro.len));
    else
        good = grow(c, avro.len);       /* the work was done, though for nothing; who needs the default will be told */
    if (kept && avro.len)
        memcpy(kept, avro.data, avro.len);
    node->initial = (struct eb_text){ kept, kept ? avro.len : 0 };
    node->has_default = kept ? EBI_DEFAULT : EBI_BAD_DEFAULT;
    ebi_bytes_free(&avro);
    return good;
}

static bool compile_field(struct compiler *c, uint32_t record, const json_t *field, const char *space) {
    const json_t *name = json_object_get(field, "name");
    struct eb_text text = { json_string_value(name), json_string_length(name) };
    struct eb_text above = node_at(c, record)->path;
    uint32_t at = add_node(c, record, join(c, above, above.len ? "." : "", text));
    struct ebi_node *node, *around;

    if (!at)
        return false;
    node = node_at(c, at);
    around = node_at(c, record);
    node->name = text;
    node->field = field;
    node->direct = around->direct;
    node->optional_ancestor = around->optional ? record : around->optional_ancestor;
    node->key = join(c, (struct eb_text){ ",\"", 2 }, text.data, (struct eb_text){ "\":", 2 });
    return node->key.data && compile_type(c, at, json_object_get(field, "type"), space) &&
           note_default(c, at, json_object_get(field, "default"));
}

static uint32_t sum(uint32_t a, uint32_t b) {
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

static bool compile_record(struct compiler *c, uint32_t at, const json_t *type, const char *space) {
    const json_t *fields = json_object_get(type, "fields");
    uint32_t min_bytes = 0;

    if (!json_is_array(fields))
        return refuse(c, at, "a record has no list of fields");
    node_at(c, at)->kind = EBI_RECORD;
    node_at(c, at)->count = (uint32_t)json_array_size(fields);
    for (size_t i = 0; i < json_array_size(fields); i++) {
        const json_t *field = json_array_get(fields, i);
        uint32_t child = c->schema->n_nodes;

        if (!valid_field(c, at, field) || !compile_field(c, at, field, space))
            return false;
        min_bytes = sum(min_bytes, node_at(c, child)->min_bytes);
    }
    node_at(c, at)->min_bytes = min_bytes;
    return close_node(c, at, text_of("record"));
}

static bool valid_symbols(const json_t *symbols, struct eb_text *texts, json_t *seen) {
    for (size_t i = 0; i < json_array_size(symbols); i++) {
        const json_t *symbol = json_array_get(symbols, i);
        const char *text = json_string_value(symbol);

        texts[i] = (struct eb_text){ text, json_string_length(symbol) };
        if (!text || !valid_name(text, texts[i].len) || json_object_get(seen, text) ||
            json_object_set_new(seen, text, json_true()) != 0)
            return false;
    }
    return true;
}

static bool compile_enum(struct compiler *c, uint32_t at, const json_t *type) {
    const json_t *symbols = json_object_get(type, "symbols"), *initial = json_object_get(type, "default");
    size_t n = json_array_size(symbols);
    struct ebi_node *node = node_at(c, at);
    struct eb_text *texts;
    uint16_t *order;
    json_t *seen;
    bool good;

    if (n >= UINT16_MAX)
        return refuse(c, at, "an enum has more than %d symbols", UINT16_MAX - 1);
    texts = take(c, n * sizeof *texts);
    order = texts ? take(c, n * sizeof *order) : NULL;
    if (!order)
        return false;
    seen = json_object();
    good = n > 0 && seen && valid_symbols(symbols, texts, seen);
    json_decref(seen);
    if (!good)
        return refuse(c, at, "an enum needs symbols: names of letters, digits and _, none of them twice");
    node->kind = EBI_ENUM;
    node->count = (uint32_t)n;
    node->min_bytes = 1;
    node->symbols = texts;
    node->symbol_order = order;
    for (size_t i = 0; i < n; i++)
        order[i] = (uint16_t)i;
    qsort_r(order, n, sizeof *order, ebi_symbols_compare, texts);
    if (json_is_string(initial))        /* one that is no symbol is none: 0 */
        node->enum_default = (uint16_t)(ebi_node_symbol(node, json_string_value(initial),
                                                        json_string_length(initial)) + 1);
    return close_node(c, at, text_of("enum"));
}

static bool compile_fixed(struct compiler *c, uint32_t at, const json_t *type) {
    const json_t *size = json_object_get(type, "size");
    json_int_t bytes = json_integer_value(size);

    if (!json_is_integer(size) || bytes < 0 || bytes > EBI_SCHEMA_FIXED)
        return refuse(c, at, "the size of a fixed is not from 0 to %d", EBI_SCHEMA_FIXED);
    node_at(c, at)->kind = EBI_FIXED;
    node_at(c, at)->count = node_at(c, at)->min_bytes = (uint32_t)bytes;
    return close_node(c, at, text_of("fixed"));
}

/* A list or a map: its items are frames of their own. */
static bool compile_items(struct compiler *c, uint32_t at, enum ebi_kind kind, const json_t *items, const char *space) {
    const char *brackets = kind == EBI_MAP ? "{}" : "[]", *type = kind == EBI_MAP ? "map of " : "list of ";
    uint32_t outer = c->slots, item;
    struct ebi_node *node = node_at(c, at);
    struct eb_text whole;

    if (!items)
        return refuse(c, at, "%s", kind == EBI_MAP ? "a map has no values" : "an array has no items");
    node->kind = (uint8_t)kind;
    node->min_bytes = 1;
    c->slots = kind == EBI_MAP ? 1 : 0;
    item = add_node(c, at, join(c, node->path, brackets, (struct eb_text){ 0 }));
    if (!item || !compile_type(c, item, items, space))
        return false;
    node_at(c, at)->item_slots = c->slots;
    c->slots = outer;
    whole = join(c, text_of(type), "", node_at(c, item)->type);
    if (node_at(c, item)->optional)
        whole = join(c, whole, " or null", (struct eb_text){ 0 });
    return close_node(c, at, whole);
}

static bool is_null(const json_t *type) {
    const char *name = json_string_value(json_is_object(type) ? json_object_get(type, "type") : type);

    return name && strcmp(name, "null") == 0;
}

static bool compile_branch(struct compiler *c, uint32_t at, const json_t *type, const char *space, unsigned *looks) {
    uint32_t child = add_node(c, at, node_at(c, at)->path);
    unsigned look;

    if (!child || !compile_type(c, child, type, space))
        return false;
    if (node_at(c, child)->optional || node_at(c, child)->kind == EBI_UNION)
        return refuse(c, at, "a union stands directly in a union");
    look = 1u << ebi_look_of((enum ebi_kind)node_at(c, child)->kind);
    if (*looks & look)
        return refuse(c, at, "%s cannot be told from another type of its union in JSON, where values carry no type; of "
                      "null, boolean, whole numbers, other numbers, texts, lists, objects a union may have one each",
                      node_at(c, child)->type.data);
    *looks |= look;
    return true;
}

static bool compile_branches(struct compiler *c, uint32_t at, const json_t *types, const char *space) {
    struct eb_text type = { 0 };
    uint32_t min_bytes = UINT32_MAX;
    unsigned looks = 0;

    node_at(c, at)->kind = EBI_UNION;
    node_at(c, at)->count = (uint32_t)json_array_size(types);
    for (size_t i = 0; i < json_array_size(types); i++) {
        uint32_t child = c->schema->n_nodes;

        if (!compile_branch(c, at, json_array_get(types, i), space, &looks))
            return false;
        node_at(c, child)->branch = (uint16_t)i;
        min_bytes = node_at(c, child)->min_bytes < min_bytes ? node_at(c, child)->min_bytes : min_bytes;
        type = join(c, type, i ? " or " : "", node_at(c, child)->type);
        if (!type.data)
            return false;
    }
    node_at(c, at)->min_bytes = sum(min_bytes, 1);
    return close_node(c, at, type);
}

static bool compile_union(struct compiler *c, uint32_t at, const json_t *types, const char *space) {
    const json_t *first = json_array_get(types, 0), *second = json_array_get(types, 1), *other;

    if (!first)
        return refuse(c, at, "a union of no types");
    if (json_array_size(types) != 2 || is_null(first) == is_null(second))
        return compile_branches(c, at, types, space);
    other = is_null(first) ? second : first;
    if (json_is_array(other))
        return refuse(c, at, "a union stands directly in a union");
    node_at(c, at)->optional = is_null(first) ? EBI_NULL_FIRST : EBI_NULL_LAST;
    return compile_type(c, at, other, space);
}

/* ---- Any type ---- */

static bool compile_named(struct compiler *c, uint32_t at, size_t number) {
    const json_t *type = c->named[number].type;
    const char *space = c->named[number].space, *kind = json_string_value(json_object_get(type, "type"));
    bool good;

    if (c->named[number].open)
        return refuse(c, at, "type %s contains itself, which is not supported", c->named[number].full);
    c->named[number].open = true;
    if (strcmp(kind, "record") == 0)
        good = compile_record(c, at, type, space);
    else
        good = strcmp(kind, "enum") == 0 ? compile_enum(c, at, type) : compile_fixed(c, at, type);
    c->named[number].open = false;
    return good;
}

static bool refuse_unknown(struct compiler *c, uint32_t at, const char *name) {
    ptrdiff_t near = ebi_nearest(name, primitives, PRIMITIVES);

    if (near >= 0)
        return refuse(c, at, "unknown type \"%.*s\"; did you mean %s?", EBI_SCHEMA_NAME, name, primitives[near]);
    return refuse(c, at, "unknown type \"%.*s\"; a type must be defined before it is used by name", EBI_SCHEMA_NAME,
                  name);
}

static bool compile_name(struct compiler *c, uint32_t at, const char *name, const char *space) {
    static const unsigned char min_bytes[PRIMITIVES] = { [EBI_BOOLEAN] = 1, [EBI_INT] = 1, [EBI_LONG] = 1,
                                                         [EBI_FLOAT] = 4, [EBI_DOUBLE] = 8, [EBI_BYTES] = 1,
                                                         [EBI_STRING] = 1 };
    struct named *named;
    char *full;

    for (unsigned kind = 0; kind < PRIMITIVES; kind++)
        if (strcmp(name, primitives[kind]) == 0) {
            node_at(c, at)->kind = (uint8_t)kind;
            node_at(c, at)->min_bytes = min_bytes[kind];
            return close_node(c, at, text_of(primitives[kind]));
        }
    if (strlen(name) > 2 * EBI_SCHEMA_NAME)
        return refuse_unknown(c, at, name);
    full = full_name(c, name, space);
    if (!full)
        return false;
    named = find_named(c, full);
    if (!named)
        return refuse_unknown(c, at, name);
    node_at(c, at)->type_name = text_of(strrchr(full, '.') ? strrchr(full, '.') + 1 : full);
    return compile_named(c, at, (size_t)(named - c->named));
}

static bool compile_object(struct compiler *c, uint32_t at, const json_t *type, const char *space) {
    const char *kind = json_string_value(json_object_get(type, "type"));
    struct named *named;

    if (!kind)
        return refuse(c, at, "a type is neither a name nor an object that has a \"type\" nor a list of them");
    if (strcmp(kind, "array") == 0)
        return compile_items(c, at, EBI_ARRAY, json_object_get(type, "items"), space);
    if (strcmp(kind, "map") == 0)
        return compile_items(c, at, EBI_MAP, json_object_get(type, "values"), space);
    if (strcmp(kind, "record") != 0 && strcmp(kind, "enum") != 0 && strcmp(kind, "fixed") != 0)
        return compile_name(c, at, kind, space);
    named = define(c, at, type, space);
    return named && compile_named(c, at, (size_t)(named - c->named));
}

static bool compile_type(struct compiler *c, uint32_t at, const json_t *type, const char *space) {
    bool good;

    if (c->depth == EBI_SCHEMA_DEPTH)
        return refuse(c, at, "more than %d types within each other", EBI_SCHEMA_DEPTH);
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

static bool index_paths(struct compiler *c) {
    struct ebi_schema *schema = c->schema;
    uint32_t size = 16;

    while (size < schema->n_nodes * 2)
        size *= 2;
    schema->path_mask = size - 1;
    schema->path_index = calloc(size, sizeof *schema->path_index);
    if (!schema->path_index)
        return no_memory(c);
    for (uint32_t at = 1; at < schema->n_nodes; at++)
        if (schema->nodes[at].name.data && !index_path(schema, at))
            return refuse(c, at, "a record has two fields of this name");
    return true;
}

static bool compile_root(struct compiler *c) {
    const json_t *type = c->schema->json;
    const char *kind = json_string_value(json_object_get(type, "type"));

    if (!kind || strcmp(kind, "record") != 0) {
        ebi_error(c->err, EB_PERMANENT, EB_KIND_DATA, "the schema: the outermost type of an event must be a record");
        return false;
    }
    add_node(c, 0, text_of(""));
    if (c->schema->n_nodes != 1)
        return false;
    node_at(c, 0)->direct = true;
    return compile_type(c, 0, type, "") && index_paths(c);
}

enum eb_status ebi_compile(struct ebi_schema *schema, struct eb_error *err) {
    struct eb_error own;
    struct compiler c = { .schema = schema, .numbers = json_object(), .err = err ? err : &own };
    bool good = c.numbers ? compile_root(&c) : no_memory(&c);

    if (good) {
        schema->slots = c.slots;
        schema->type = c.named[0].space;
        schema->wire.name = text_of(c.named[0].full);
    }
    free(c.named);
    json_decref(c.numbers);
    return good ? EB_OK : (enum eb_status)c.err->status;
}
