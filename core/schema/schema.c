/* core/schema/schema.c - reads, checks and compiles one schema: see schema.h. */
#include "schema/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <avro.h>

#include "base/error.h"
#include "schema/compile.h"

uint64_t ebi_schema_new_id(void) {
    static _Atomic uint64_t last;

    return ++last;
}

/* Lets avro-c, which knows the rules independently, judge a schema that we take. It sees only schemas whose size has
 * been bounded. */
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
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema: larger than %d bytes", EBI_SCHEMA_BYTES);
    *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
    if (!*json)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schema is not JSON, line %d: %s", wrong.line, wrong.text);
    return EB_OK;
}

static enum eb_status set_wire(struct ebi_schema *schema, struct eb_error *err) {
    if (!ebi_canonical(schema->json, &schema->canonical))
        return ebi_error_memory(err);
    schema->wire.size = sizeof schema->wire;
    schema->wire.id = ebi_schema_new_id();
    schema->wire.json = (struct eb_text){ schema->canonical.data, schema->canonical.len };
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
        status = set_wire(schema, err);
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
            return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "larger than %zu bytes; raise schema_limit or remove the file",
                             limit);
    } while (got != 0);
    return EB_OK;
}

static enum eb_status parse_file(int fd, size_t limit, struct ebi_schema **schema, struct eb_error *err) {
    static const char mark[] = "\xef\xbb\xbf"; /* the byte order mark, which some editors put in front of UTF-8 */
    struct ebi_bytes text = { 0 };
    enum eb_status status = read_all(fd, limit, &text, err);
    size_t skip = text.len >= 3 && memcmp(text.data, mark, 3) == 0 ? 3 : 0;

    if (status == EB_OK)
        status = ebi_schema_parse(text.data + skip, text.len - skip, schema, err);
    ebi_bytes_free(&text);
    if (status == EB_OK && !*ebi_schema_type(*schema)) {
        ebi_schema_free(*schema);
        *schema = NULL;
        status = ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the outermost record has no namespace, which is the event type");
    }
    return status;
}

enum eb_status ebi_schema_read_file(const char *path, size_t limit, struct ebi_schema **schema, struct eb_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* so that a fifo without a writer does not block */
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
    free(schema->path_index);
    ebi_arena_free(&schema->texts);
    ebi_bytes_free(&schema->canonical);
    json_decref(schema->json);
    free(schema);
}

const char *ebi_schema_type(const struct ebi_schema *schema) {
    return schema->type;
}

const struct eb_schema *ebi_schema_public(const struct ebi_schema *schema) {
    return &schema->wire;
}

void ebi_schema_fields(const struct ebi_schema *schema,
                       void (*each)(void *arg, const char *path, const char *type, bool optional), void *arg) {
    for (uint32_t at = 1; at < schema->n_nodes; at++) {
        const struct ebi_node *node = &schema->nodes[at];

        if (node->name.data)
            each(arg, node->path.data, node->type.data, ebi_node_nullable(schema, node));
    }
}
