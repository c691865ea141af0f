/* core/schema/names.c - names of types, and the types that a schema defines by name: see compiler.h. */
#include "schema/compiler.h"

#include <stdlib.h>

static bool letter(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

static bool digit(char ch) {
    return ch >= '0' && ch <= '9';
}

bool ebi_compile_valid_name(const char *name, size_t len) {
    if (len == 0 || len > EBI_SCHEMA_NAME || !letter(*name))
        return false;
    for (size_t i = 1; i < len; i++)
        if (!letter(name[i]) && !digit(name[i]))
            return false;
    return true;
}

/* Allows more than Avro does: one namespace of Open edX has a "-", and its Python library takes anything between dots.
 * */
static bool valid_space(const char *space) {
    if (strlen(space) > EBI_SCHEMA_NAME)
        return false;
    for (const char *ch = space; *ch; ch++)
        if (!letter(*ch) && !digit(*ch) && *ch != '-' && *ch != '.')
            return false;
    return true;
}

struct ebi_named_type *ebi_compile_find_named(struct ebi_compiler *c, const char *full) {
    json_t *number = json_object_get(c->numbers, full);

    return number ? &c->named[json_integer_value(number)] : NULL;
}

char *ebi_compile_full_name(struct ebi_compiler *c, const char *name, const char *space) {
    struct eb_text full;

    if (strchr(name, '.') || !*space)
        full = ebi_compile_join(c, ebi_text_of(name), "", (struct eb_text){ 0 });
    else
        full = ebi_compile_join(c, ebi_text_of(space), ".", ebi_text_of(name));
    return (char *)full.data;
}

static struct ebi_named_type *add_named(struct ebi_compiler *c, char *full, const char *space, const json_t *type) {
    struct ebi_named_type *named = realloc(c->named, (c->n_named + 1) * sizeof *named);

    if (!named || json_object_set_new(c->numbers, full, json_integer((json_int_t)c->n_named)) != 0) {
        c->named = named ? named : c->named;
        ebi_compile_no_memory(c);
        return NULL;
    }
    c->named = named;
    named += c->n_named++;
    *named = (struct ebi_named_type){ .full = full, .space = space, .type = type };
    return named;
}

struct ebi_named_type *ebi_compile_define(struct ebi_compiler *c, uint32_t at, const json_t *type, const char *space) {
    const json_t *given = json_object_get(type, "name"), *own = json_object_get(type, "namespace");
    const char *name = json_string_value(given), *dot;
    char *full, *before;
    struct ebi_named_type *named;

    if (!name || (own && !json_is_string(own))) {
        ebi_compile_refuse(c, at, "a %s has no name, or its name or namespace is not text",
                           json_string_value(json_object_get(type, "type")));
        return NULL;
    }
    full = ebi_compile_full_name(c, name, own ? json_string_value(own) : space);
    before = full ? ebi_compile_take_text(c, strlen(full)) : NULL;
    if (!before)
        return NULL;
    dot = strrchr(full, '.');
    memcpy(before, full, dot ? (size_t)(dot - full) : 0);
    before[dot ? dot - full : 0] = '\0';
    name = dot ? dot + 1 : full;
    if (!ebi_compile_valid_name(name, strlen(name)) || !valid_space(before)) {
        ebi_compile_refuse(c, at, "a type's name must be letters, digits and _, at most %d", EBI_SCHEMA_NAME);
        return NULL;
    }
    named = ebi_compile_find_named(c, full);
    if (named && named->type != type) {
        ebi_compile_refuse(c, at, "type %s is defined twice", full);
        return NULL;
    }
    if (!named)
        named = add_named(c, full, before, type);
    if (named)
        ebi_compile_node(c, at)->type_name = ebi_text_of(full + (name - full));
    return named;
}
