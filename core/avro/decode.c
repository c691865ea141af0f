/* core/avro/decode.c - decodes an Avro body by the schema that wrote it: see event_data.h. */
#include "avro/reader.h"

static bool decode_items(struct ebi_avro_reader *reader, const struct ebi_schema *schema, const struct ebi_node *node,
                         struct ebi_slot *slot, const struct ebi_place *around) {
    struct ebi_place place = { .around = around };
    struct ebi_avro_block block;

    slot->len = 0;
    for (;;) {
        if (!ebi_avro_read_block(reader, node, around, node->item_slots, &block))
            return false;
        if (block.items == 0)
            break;
        if (!ebi_reserve_items(reader->arena, node, slot, block.items))
            return ebi_avro_no_memory(reader);
        for (; block.items > 0; block.items--) {
            struct ebi_slot *item = ebi_add_item(node, slot);

            place.item = slot->len - 1u;
            if (node->kind == EBI_MAP && !ebi_avro_read_key(reader, node, &place, item))
                return false;
            if (!ebi_avro_decode(reader, schema, node + 1, ebi_node_after(schema, node), item, &place))
                return false;
        }
        if (!ebi_avro_read_block_end(reader, node, around, &block))
            return false;
    }
    return node->kind == EBI_ARRAY || ebi_sort_map(node, slot) ||
           ebi_avro_refuse(reader, node, around, "a map has a key twice");
}

static bool decode_branch(struct ebi_avro_reader *reader, const struct ebi_schema *schema, const struct ebi_node *node,
                          struct ebi_slot *frame, const struct ebi_place *place) {
    const struct ebi_node *branch = ebi_avro_read_branch(reader, schema, node, place);

    if (!branch)
        return false;
    frame[node->slot].branch = branch->branch;
    return ebi_avro_decode(reader, schema, branch, ebi_node_after(schema, branch), frame, place);
}

bool ebi_avro_decode(struct ebi_avro_reader *reader, const struct ebi_schema *schema, const struct ebi_node *node,
                     const struct ebi_node *end, struct ebi_slot *frame, const struct ebi_place *place) {
    for (; node < end; node++) {
        struct ebi_slot *slot = frame + node->slot;
        bool null = false, good;

        if (node->optional && !ebi_avro_read_optional(reader, node, place, &null))
            return false;
        slot->state = null ? EBI_IS_NULL : EBI_SET;
        if (null) {
            node = ebi_node_after(schema, node) - 1;
            continue;
        }
        switch ((enum ebi_kind)node->kind) {
        case EBI_RECORD:
            continue; /* its fields are the next nodes */
        case EBI_STRING:
            good = ebi_avro_read_text(reader, node, place, slot);
            break;
        case EBI_LONG:
            good = ebi_avro_read_long(reader, node, place, &slot->whole);
            break;
        case EBI_ARRAY:
        case EBI_MAP:
            good = decode_items(reader, schema, node, slot, place);
            break;
        case EBI_UNION:
            good = decode_branch(reader, schema, node, frame, place);
            break;
        case EBI_NULL:
        case EBI_BOOLEAN:
        case EBI_INT:
        case EBI_FLOAT:
        case EBI_DOUBLE:
        case EBI_BYTES:
        case EBI_ENUM:
        case EBI_FIXED:
        default:
            good = ebi_avro_read_plain(reader, node, place, slot);
        }
        if (!good)
            return false;
        node = ebi_node_after(schema, node) - 1;
    }
    return true;
}

/* Decodes the body that `bytes` begin with. Where `used` is NULL, bytes behind the body are an error. */
static enum eb_status take_body(struct ebi_data *data, const void *bytes, size_t len, size_t *used, struct eb_error *err) {
    const struct ebi_schema *schema = data->schema;
    const struct ebi_node *root = schema->nodes;
    struct ebi_avro_reader reader;

    ebi_data_clear(data);
    if (ebi_avro_begin(&reader, bytes, len, &data->now.arena, err) &&
        ebi_avro_decode(&reader, schema, root, root + schema->n_nodes, data->now.frame, NULL) &&
        (used || reader.at == reader.end ||
         ebi_avro_refuse(&reader, root, NULL, "%zu bytes are left over", (size_t)(reader.end - reader.at)))) {
        if (used)
            *used = (size_t)(reader.at - reader.start);
        return EB_OK;
    }
    ebi_data_clear(data);
    return reader.status;
}

enum eb_status ebi_data_from_avro(struct ebi_data *data, const void *bytes, size_t len, struct eb_error *err) {
    return take_body(data, bytes, len, NULL, err);
}

enum eb_status ebi_data_from_avro_first(struct ebi_data *data, const void *bytes, size_t len, size_t *used,
                                        struct eb_error *err) {
    return take_body(data, bytes, len, used, err);
}
