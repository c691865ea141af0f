/* core/schema/schema.c - one schema: its text read, checked, compiled and shown. See schema.h. */
#include "schema/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <avro.h>

#include "base/error.h"
#include "base/nearest.h"

uint64_t ebi_schema_new_id(void) {
    static _Atomic uint64_t last;

    return ++last;
}

/* avro-c's word on a schema that we take: it knows the rules independently. It sees only what is bounded by then. */
static enum eb_status ask_avro(const char *json, size_t len, struct eb_error *err) {
    avro_schema_t schema;

    if (avro_schema_from_json_length(json, len, &schema) != 0)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema is not valid: %s", avro_strerror());
    avro_schema_decref(schema);
    return EB_OK;
}

static enum eb_status read_json(const char *text, size_t len, json_t **json, struct eb_error *err) {
    json_error_t wrong;

    if (len > EBI_SCHEMA_BYTES)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema: larger than %d bytes, which no real one is",
                         EBI_SCHEMA_BYTES);
    *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
    if (!*json)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema is not JSON, line %d: %s", wrong.line,
                         wrong.text);
    return EB_OK;
}

static enum eb_status show(struct ebi_schema *schema, struct eb_error *err) {
    if (!ebi_canonical(schema->json, &schema->canonical))
        return ebi_error_memory(err);
    schema->shown.size = sizeof schema->shown;
    schema->shown.id = ebi_schema_new_id();
    schema->shown.json = (struct eb_text){ schema->canonical.data, schema->canonical.len };
    return EB_OK;
}

enum eb_status ebi_schema_parse(const char *json, size_t len, struct ebi_schema **parsed, struct eb_error *err) {
    struct ebi_schema *schema = calloc(1, sizeof *schema);
    enum eb_status status;

    if (!schema)
        return ebi_error_memory(err);
    status = read_json(json, len, &schema->json, err);
    if (status == EB_OK)
        status = ebi_compile(schema, err);
    if (status == EB_OK)
        status = ask_avro(json, len, err);
    if (status == EB_OK)
        status = show(schema, err);
    if (status == EB_OK)
        *parsed = schema;
    else
        ebi_schema_free(schema);
    return status;
}

static enum eb_status read_all(int fd, size_t limit, struct ebi_bytes *text, struct eb_error *err) {
    ssize_t got;

    do {
        if (!ebi_bytes_reserve(text, 4096))
            return ebi_error_memory(err);
        got = read(fd, text->data + text->len, 4096);
        if (got < 0 && errno != EINTR)
            return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot be read");
        text->len += got > 0 ? (size_t)got : 0;
        if (text->len > limit)
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                             "larger than %zu bytes; raise schema_limit or remove the file", limit);
    } while (got != 0);
    return EB_OK;
}

static enum eb_status parse_file(int fd, size_t limit, struct ebi_schema **schema, struct eb_error *err) {
    static const char mark[] = "\xef\xbb\xbf";      /* of byte order, which some editors put in front of UTF-8 */
    struct ebi_bytes text = { 0 };
    enum eb_status status = read_all(fd, limit, &text, err);
    size_t skip = text.len >= 3 && memcmp(text.data, mark, 3) == 0 ? 3 : 0;

    if (status == EB_OK)
        status = ebi_schema_parse(text.data + skip, text.len - skip, schema, err);
    ebi_bytes_free(&text);
    if (status == EB_OK && !*ebi_schema_type(*schema)) {
        ebi_schema_free(*schema);
        *schema = NULL;
        status = ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                           "the outermost record has no namespace, which is the event type");
    }
    return status;
}

enum eb_status ebi_schema_read_file(const char *path, size_t limit, struct ebi_schema **schema, struct eb_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);     /* a fifo that nobody writes is no reason to hang */
    enum eb_status status;

    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_DATA, "cannot open schema %s", path);
    status = parse_file(fd, limit, schema, err);
    if (status != EB_OK)
        ebi_error_context(err, "reading schema %s", path);
    close(fd);
    return status;
}

void ebi_schema_free(struct ebi_schema *schema) {
    if (!schema)
        return;
    free(schema->nodes);
    free(schema->spots);
    ebi_arena_free(&schema->texts);
    ebi_bytes_free(&schema->canonical);
    json_decref(schema->json);
    free(schema);
}

const char *ebi_schema_type(const struct ebi_schema *schema) {
    return schema->type;
}

const struct eb_schema *ebi_schema_public(const struct ebi_schema *schema) {
    return &schema->shown;
}

void ebi_schema_fields(const struct ebi_schema *schema,
                       void (*each)(void *arg, const char *path, const char *type, bool optional), void *arg) {
    for (uint32_t at = 1; at < schema->n_nodes; at++) {
        const struct ebi_node *node = &schema->nodes[at];

        if (node->name.data)
            each(arg, node->path.data, node->type.data, ebi_node_nullable(schema, node));
    }
}

/* ---- What the rest of the room asks of nodes ---- */

/* A field by its path, which the table of paths has: the time does not grow with the number of fields. */
static const struct ebi_node *field_by_path(const struct ebi_schema *schema, const struct ebi_node *record,
                                            const char *name, size_t len) {
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
    const struct ebi_node *end = ebi_behind(schema, record);

    if (guess && guess < end && ebi_same_text(guess->name, name, len))
        return guess;
    if (record->count > FEW)
        return field_by_path(schema, record, name, len);
    for (const struct ebi_node *field = ebi_first_inside(record); field < end; field = ebi_behind(schema, field))
        if (ebi_same_text(field->name, name, len))
            return field;
    return NULL;
}

/* Compares as the order of symbols does: shorter ones first. */
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
                                       enum ebi_look look) {
    const struct ebi_node *end = ebi_behind(schema, node), *real = NULL;

    for (const struct ebi_node *at = ebi_first_inside(node); at < end; at = ebi_behind(schema, at)) {
        enum ebi_look found = ebi_look_of((enum ebi_kind)at->kind);

        if (found == look)
            return at;
        if (found == EBI_LOOK_REAL && look == EBI_LOOK_INTEGER)
            real = at;
    }
    return real;
}

bool ebi_node_nullable(const struct ebi_schema *schema, const struct ebi_node *node) {
    return node->optional || node->kind == EBI_NULL ||
           (node->kind == EBI_UNION && ebi_node_branch(schema, node, EBI_LOOK_NULL));
}

const char *ebi_node_words(const struct ebi_node *node, char text[EBI_WORDS_ROOM]) {
    struct eb_text type = node->type, name = node->type_name;

    snprintf(text, EBI_WORDS_ROOM, "%.*s%s%.*s%s", (int)type.len, type.data, name.len ? " " : "", (int)name.len,
             name.len ? name.data : "", node->optional ? " or null" : "");
    return text;
}

const char *ebi_node_nearest(const struct ebi_schema *schema, const struct ebi_node *record, const char *name,
                             size_t len) {
    const struct ebi_node *end = ebi_behind(schema, record);
    const char **names = calloc(record->count + 1u, sizeof *names), *found = NULL;
    char given[EBI_SCHEMA_NAME + 1];
    size_t n = 0;
    ptrdiff_t near;

    if (names && len < sizeof given) {
        memcpy(given, name, len);
        given[len] = '\0';
        for (const struct ebi_node *at = ebi_first_inside(record); at < end; at = ebi_behind(schema, at))
            names[n++] = at->name.data;
        near = ebi_nearest(given, names, n);
        found = near >= 0 ? names[near] : NULL;
    }
    free(names);
    return found;
}
