/* core/schema/key_field.c - see key_field.h. */
#include "schema/key_field.h"

#include <inttypes.h>
#include <stdlib.h>

#include "avro/path.h"
#include "avro/writer.h"
#include "base/error.h"
#include "json/number.h"
#include "schema/compile.h"
#include "schema/schema.h"

/* Immutable once made: any thread may use it. */
struct ebi_key_field {
    const struct ebi_node *node;
    struct ebi_bytes canonical;
    struct eb_schema wire;
};

static enum eb_status check_key_type(const char *path, const struct ebi_node *node, struct eb_error *err) {
    if (!node->direct)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "key field %s: inside a list or map; a key is one value", path);
    if (node->kind > EBI_STRING || node->kind == EBI_NULL)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "key field %s: a %.*s; a key must be a text, number or boolean", path,
                         (int)node->type.len, node->type.data);
    if (node->optional || node->optional_ancestor)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "key field %s: may be null, which a key must not be", path);
    return EB_OK;
}

enum eb_status ebi_key_field_new(const struct ebi_schema *schema, const char *path, struct ebi_key_field **made,
                                 struct eb_error *err) {
    struct ebi_path found;
    struct ebi_key_field *field;
    enum eb_status status = ebi_path_find(schema, path, &found, err);

    if (status == EB_OK)
        status = check_key_type(path, found.node, err);
    if (status != EB_OK)
        return status;
    field = calloc(1, sizeof *field);
    if (!field || !ebi_canonical(found.node->field, &field->canonical)) {
        ebi_key_field_free(field);
        return ebi_error_memory(err);
    }
    field->node = found.node;
    field->wire = (struct eb_schema){ .size = sizeof field->wire,
                                      .id = ebi_schema_new_id(),
                                      .name = found.node->type,
                                      .json = { field->canonical.data, field->canonical.len } };
    *made = field;
    return EB_OK;
}

void ebi_key_field_free(struct ebi_key_field *field) {
    if (!field)
        return;
    ebi_bytes_free(&field->canonical);
    free(field);
}

const char *ebi_key_field_path(const struct ebi_key_field *field) {
    return field->node->path.data;
}

const struct eb_schema *ebi_key_field_schema(const struct ebi_key_field *field) {
    return &field->wire;
}

static bool add_text(const struct ebi_node *node, const struct ebi_slot *slot, struct ebi_bytes *text) {
    char number[EBI_NUMBER_ROOM];

    switch ((enum ebi_kind)node->kind) {
    case EBI_BOOLEAN:
        return ebi_bytes_add_text(text, slot->whole ? "true" : "false");
    case EBI_INT:
    case EBI_LONG:
        return ebi_bytes_add_format(text, "%" PRId64, slot->whole);
    case EBI_FLOAT:
    case EBI_DOUBLE:
        if (slot->real - slot->real != 0)
            return ebi_bytes_add_format(text, "%f", slot->real); /* nan and inf: not JSON, but still keys */
        node->kind == EBI_FLOAT ? ebi_print_float((float)slot->real, number) : ebi_print_double(slot->real, number);
        return ebi_bytes_add_text(text, number);
    default:
        return ebi_bytes_add(text, slot->text, slot->len);
    }
}

static bool add_avro(const struct ebi_node *node, const struct ebi_slot *slot, struct ebi_bytes *avro) {
    struct ebi_appender out;
    bool good = ebi_append_begin(&out, avro) && ebi_append_room(&out, EBI_AVRO_LONG_MOST);

    if (!good)
        return false;
    if (node->kind == EBI_FLOAT)
        ebi_avro_put_float(&out, (float)slot->real);
    else if (node->kind == EBI_DOUBLE)
        ebi_avro_put_double(&out, slot->real);
    else if (node->kind == EBI_BOOLEAN)
        *out.at++ = (char)slot->whole;
    else
        ebi_avro_put_long(&out, node->kind == EBI_STRING || node->kind == EBI_BYTES ? slot->len : slot->whole);
    if (node->kind == EBI_STRING || node->kind == EBI_BYTES)
        good = ebi_append(&out, slot->text, slot->len);
    ebi_append_end(&out);
    return good;
}

enum eb_status ebi_data_key(const struct ebi_data *data, const struct ebi_key_field *field, struct ebi_bytes *text,
                            struct ebi_bytes *avro, struct eb_error *err) {
    const struct ebi_node *node = field->node;
    const struct ebi_slot *slot = data->now.frame + node->slot;

    if (slot->state != EBI_SET)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "key field %s: not set", node->path.data);
    if (!add_text(node, slot, text) || !add_avro(node, slot, avro))
        return ebi_error_memory(err);
    return EB_OK;
}
