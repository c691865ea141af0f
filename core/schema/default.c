/* core/schema/default.c - writes a field's default, which the schema gives in JSON, in Avro's form. This JSON differs
 * from an event's: bytes stand as text of one character a byte. */
#include "schema/compile.h"

#include <math.h>

#include "avro/writer.h"
#include "base/error.h"

static enum eb_status add(struct ebi_appender *, const struct ebi_schema *, const struct ebi_node *, const json_t *,
                          struct eb_error *);

static enum eb_status misfit(const struct ebi_node *node, struct eb_error *err) {
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%.*s: the default does not fit the type, %.*s", (int)node->path.len,
                     node->path.data, (int)node->type.len, node->type.data);
}

static enum eb_status add_long(struct ebi_appender *out, int64_t value, struct eb_error *err) {
    if (!ebi_append_room(out, EBI_AVRO_LONG_MOST))
        return ebi_error_memory(err);
    ebi_avro_put_long(out, value);
    return EB_OK;
}

static enum eb_status add_counted(struct ebi_appender *out, const char *data, size_t len, struct eb_error *err) {
    enum eb_status status = add_long(out, (int64_t)len, err);

    if (status == EB_OK && !ebi_append(out, data, len))
        status = ebi_error_memory(err);
    return status;
}

static enum eb_status add_whole(struct ebi_appender *out, const struct ebi_node *node, const json_t *value,
                                struct eb_error *err) {
    json_int_t whole = json_integer_value(value);

    if (!json_is_integer(value) || (node->kind == EBI_INT && (whole < INT32_MIN || whole > INT32_MAX)))
        return misfit(node, err);
    return add_long(out, whole, err);
}

static enum eb_status add_real(struct ebi_appender *out, const struct ebi_node *node, const json_t *value,
                               struct eb_error *err) {
    double real = json_number_value(value);

    if (!json_is_number(value) || (node->kind == EBI_FLOAT && isinf((float)real)))
        return misfit(node, err);
    if (!ebi_append_room(out, sizeof real))
        return ebi_error_memory(err);
    if (node->kind == EBI_FLOAT)
        ebi_avro_put_float(out, (float)real);
    else
        ebi_avro_put_double(out, real);
    return EB_OK;
}

/* Writes text as bytes: "\u00ff" is the byte ff, so two bytes of UTF-8 become one, and no character may be above that.
 * */
static enum eb_status add_bytes(struct ebi_appender *out, const struct ebi_node *node, const json_t *value,
                                struct eb_error *err) {
    const unsigned char *text = (const unsigned char *)json_string_value(value);
    size_t len = json_string_length(value), n = 0;
    enum eb_status status = EB_OK;

    for (size_t i = 0; i < len; i++)
        n += (text[i] & 0xC0) != 0x80;
    if (!text || (node->kind == EBI_FIXED && n != node->count))
        return misfit(node, err);
    if (node->kind == EBI_BYTES)
        status = add_long(out, (int64_t)n, err);
    if (status == EB_OK && !ebi_append_room(out, n))
        status = ebi_error_memory(err);
    for (size_t i = 0; i < len && status == EB_OK; i++) {
        if (text[i] > 0xC3)
            status = misfit(node, err);
        else if (text[i] >= 0xC2)
            *out->at++ = (char)(text[i] << 6 | (text[i + 1] & 0x3F)), i++;
        else
            *out->at++ = (char)text[i];
    }
    return status;
}

static enum eb_status add_symbol(struct ebi_appender *out, const struct ebi_node *node, const json_t *value,
                                 struct eb_error *err) {
    int32_t symbol = -1;

    if (json_is_string(value))
        symbol = ebi_node_symbol(node, json_string_value(value), json_string_length(value));
    return symbol >= 0 ? add_long(out, symbol, err) : misfit(node, err);
}

/* Writes a record. A field that the default leaves out has its own default. */
static enum eb_status add_record(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                                 const json_t *value, struct eb_error *err) {
    const struct ebi_node *end = ebi_node_after(schema, node);
    enum eb_status status = json_is_object(value) ? EB_OK : misfit(node, err);

    for (const struct ebi_node *field = node + 1; field < end && status == EB_OK; field = ebi_node_after(schema, field)) {
        const json_t *given = json_object_get(value, field->name.data);

        if (given)
            status = add(out, schema, field, given, err);
        else if (field->has_default != EBI_DEFAULT)
            status = misfit(field, err);
        else if (!ebi_append(out, field->initial.data, field->initial.len))
            status = ebi_error_memory(err);
    }
    return status;
}

static enum eb_status add_list(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                               const json_t *value, struct eb_error *err) {
    enum eb_status status = json_is_array(value) ? EB_OK : misfit(node, err);
    size_t n = json_array_size(value);

    if (status == EB_OK && n > 0)
        status = add_long(out, (int64_t)n, err);
    for (size_t i = 0; i < n && status == EB_OK; i++)
        status = add(out, schema, node + 1, json_array_get(value, i), err);
    return status == EB_OK ? add_long(out, 0, err) : status;
}

static enum eb_status add_map(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                              const json_t *value, struct eb_error *err) {
    enum eb_status status = json_is_object(value) ? EB_OK : misfit(node, err);
    size_t n = json_object_size(value);

    if (status == EB_OK && n > 0)
        status = add_long(out, (int64_t)n, err);
    for (void *at = json_object_iter((json_t *)value); at && status == EB_OK; at = json_object_iter_next((json_t *)value, at)) {
        const char *key = json_object_iter_key(at);

        status = add_counted(out, key, strlen(key), err);
        if (status == EB_OK)
            status = add(out, schema, node + 1, json_object_iter_value(at), err);
    }
    return status == EB_OK ? add_long(out, 0, err) : status;
}

static enum ebi_json_type json_type_of(const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return EBI_JSON_OBJECT;
    case JSON_ARRAY:
        return EBI_JSON_LIST;
    case JSON_STRING:
        return EBI_JSON_TEXT;
    case JSON_INTEGER:
        return EBI_JSON_INTEGER;
    case JSON_REAL:
        return EBI_JSON_REAL;
    case JSON_TRUE:
    case JSON_FALSE:
        return EBI_JSON_BOOLEAN;
    case JSON_NULL:
        break;
    }
    return EBI_JSON_NULL;
}

static enum eb_status add_branch(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                                 const json_t *value, struct eb_error *err) {
    const struct ebi_node *branch = ebi_node_branch(schema, node, json_type_of(value));
    enum eb_status status = branch ? add_long(out, branch->branch, err) : misfit(node, err);

    return status == EB_OK ? add(out, schema, branch, value, err) : status;
}

static enum eb_status add_plain(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                                const json_t *value, struct eb_error *err) {
    switch ((enum ebi_kind)node->kind) {
    case EBI_NULL:
        return json_is_null(value) ? EB_OK : misfit(node, err);
    case EBI_BOOLEAN:
        /* one byte, 0 or 1: -1 is written as 1 */
        return json_is_boolean(value) ? add_long(out, -json_is_true(value), err) : misfit(node, err);
    case EBI_INT:
    case EBI_LONG:
        return add_whole(out, node, value, err);
    case EBI_FLOAT:
    case EBI_DOUBLE:
        return add_real(out, node, value, err);
    case EBI_BYTES:
    case EBI_FIXED:
        return add_bytes(out, node, value, err);
    case EBI_STRING:
        return json_is_string(value) ? add_counted(out, json_string_value(value), json_string_length(value), err)
                                     : misfit(node, err);
    case EBI_ENUM:
        return add_symbol(out, node, value, err);
    case EBI_RECORD:
        return add_record(out, schema, node, value, err);
    case EBI_ARRAY:
        return add_list(out, schema, node, value, err);
    case EBI_MAP:
        return add_map(out, schema, node, value, err);
    case EBI_UNION:
        break;
    }
    return add_branch(out, schema, node, value, err);
}

static enum eb_status add(struct ebi_appender *out, const struct ebi_schema *schema, const struct ebi_node *node,
                          const json_t *value, struct eb_error *err) {
    enum eb_status status;

    if (!node->optional)
        return add_plain(out, schema, node, value, err);
    status = add_long(out, json_is_null(value) == (node->optional == EBI_NULL_FIRST) ? 0 : 1, err);
    if (status != EB_OK || json_is_null(value))
        return status;
    return add_plain(out, schema, node, value, err);
}

enum eb_status ebi_default_to_avro(const struct ebi_schema *schema, const struct ebi_node *node, const json_t *value,
                                   struct ebi_bytes *avro, struct eb_error *err) {
    struct ebi_appender out;
    enum eb_status status;

    if (!ebi_append_begin(&out, avro))
        return ebi_error_memory(err);
    status = add(&out, schema, node, value, err);
    ebi_append_end(&out); /* also when it failed: the length says how much was done */
    return status;
}
