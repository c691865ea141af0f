/* core/avro/encode.c - encodes values in one walk over the nodes of their schema, and checks that all of them are set:
 * see event_data.h. */
#include "avro/slots.h"

#include "avro/writer.h"
#include "base/error.h"

struct encoder {
    const struct ebi_schema *schema;
    struct ebi_appender out;
    struct eb_error *err;
    enum eb_status status; /* why it failed */
};

static bool encode(struct encoder *, const struct ebi_node *, const struct ebi_node *end, const struct ebi_slot *frame,
                   const struct ebi_place *);

static bool no_memory(struct encoder *e) {
    e->status = ebi_error_memory(e->err);
    return false;
}

static bool missing(struct encoder *e, const struct ebi_node *node, const struct ebi_place *place) {
    e->status = ebi_missing("data", node, place, e->err);
    return false;
}

static inline bool put_text(struct encoder *e, const struct ebi_slot *slot) {
    if (!ebi_append_room(&e->out, EBI_AVRO_LONG_MOST + (size_t)slot->len))
        return no_memory(e);
    ebi_avro_put_long(&e->out, slot->len);
    memcpy(e->out.at, slot->text, slot->len);
    e->out.at += slot->len;
    return true;
}

/* Writes all items as one block, then the empty block that ends a list or map. */
static bool put_items(struct encoder *e, const struct ebi_node *node, const struct ebi_slot *slot,
                      const struct ebi_place *around) {
    struct ebi_place place = { .around = around };

    if (!ebi_append_room(&e->out, EBI_AVRO_LONG_MOST))
        return no_memory(e);
    if (slot->len > 0)
        ebi_avro_put_long(&e->out, slot->len);
    for (; place.item < slot->len; place.item++) {
        const struct ebi_slot *item = ebi_item(node, slot, place.item);

        if (node->kind == EBI_MAP && !put_text(e, item))
            return false;
        if (!encode(e, node + 1, ebi_node_after(e->schema, node), item, &place))
            return false;
    }
    if (!ebi_append_room(&e->out, 1))
        return no_memory(e);
    ebi_avro_put_long(&e->out, 0);
    return true;
}

static bool put_branch(struct encoder *e, const struct ebi_node *node, const struct ebi_slot *slot,
                       const struct ebi_slot *frame, const struct ebi_place *place) {
    const struct ebi_node *branch = ebi_branch_taken(e->schema, node, slot);

    if (!branch)
        return missing(e, node, place);
    ebi_avro_put_long(&e->out, branch->branch);
    return encode(e, branch, ebi_node_after(e->schema, branch), frame, place);
}

/* Encodes the nodes from `node` up to `end`, all of one frame. A record has no bytes of its own: its fields just
 * follow. */
static bool encode(struct encoder *e, const struct ebi_node *node, const struct ebi_node *end, const struct ebi_slot *frame,
                   const struct ebi_place *place) {
    for (; node < end; node++) {
        const struct ebi_slot *slot = frame + node->slot;

        if (!ebi_append_room(&e->out, 2 * EBI_AVRO_LONG_MOST))
            return no_memory(e);
        if (node->optional) {
            bool there = slot->state == EBI_SET;

            *e->out.at++ = there == (node->optional == EBI_NULL_FIRST) ? 2 : 0; /* branch 1 or 0 */
            if (!there) {
                node = ebi_node_after(e->schema, node) - 1;
                continue;
            }
        }
        if (slot->state != EBI_SET && ebi_needs_value(node))
            return missing(e, node, place);
        switch ((enum ebi_kind)node->kind) {
        case EBI_NULL:
        case EBI_RECORD:
            break;
        case EBI_BOOLEAN:
            *e->out.at++ = (char)slot->whole;
            break;
        case EBI_INT:
        case EBI_LONG:
        case EBI_ENUM:
            ebi_avro_put_long(&e->out, slot->whole);
            break;
        case EBI_FLOAT:
            ebi_avro_put_float(&e->out, (float)slot->real);
            break;
        case EBI_DOUBLE:
            ebi_avro_put_double(&e->out, slot->real);
            break;
        case EBI_BYTES:
        case EBI_STRING:
            if (!put_text(e, slot))
                return false;
            break;
        case EBI_FIXED:
            if (!ebi_append(&e->out, slot->text, slot->len))
                return no_memory(e);
            break;
        case EBI_ARRAY:
        case EBI_MAP:
            if (!put_items(e, node, slot, place))
                return false;
            node = ebi_node_after(e->schema, node) - 1;
            break;
        case EBI_UNION:
            if (!put_branch(e, node, slot, frame, place))
                return false;
            node = ebi_node_after(e->schema, node) - 1;
            break;
        }
    }
    return true;
}

enum eb_status ebi_data_to_avro(const struct ebi_data *data, struct ebi_bytes *bytes, struct eb_error *err) {
    struct encoder e = { .schema = data->schema, .err = err };
    size_t before = bytes->len;

    if (!ebi_append_begin(&e.out, bytes))
        return ebi_error_memory(err);
    if (encode(&e, data->schema->nodes, data->schema->nodes + data->schema->n_nodes, data->now.frame, NULL)) {
        ebi_append_end(&e.out);
        return EB_OK;
    }
    ebi_append_undo(&e.out, before);
    return e.status;
}

/* ---- The same walk, only to see whether all is there ---- */

static enum eb_status check(const struct ebi_schema *schema, const struct ebi_node *node, const struct ebi_node *end,
                            const struct ebi_slot *frame, const struct ebi_place *around, struct eb_error *err) {
    enum eb_status status = EB_OK;

    for (; node < end && status == EB_OK; node++) {
        const struct ebi_slot *slot = frame + node->slot;
        const struct ebi_node *branch;
        struct ebi_place place = { .around = around };

        if (node->kind == EBI_RECORD && (!node->optional || slot->state == EBI_SET))
            continue;
        if (slot->state != EBI_SET && !node->optional && ebi_needs_value(node))
            return ebi_missing("data", node, around, err);
        if (slot->state == EBI_SET && (node->kind == EBI_ARRAY || node->kind == EBI_MAP))
            for (; place.item < slot->len && status == EB_OK; place.item++)
                status = check(schema, node + 1, ebi_node_after(schema, node), ebi_item(node, slot, place.item), &place, err);
        if (node->kind == EBI_UNION) {
            branch = ebi_branch_taken(schema, node, slot);
            if (!branch)
                return ebi_missing("data", node, around, err);
            status = check(schema, branch, ebi_node_after(schema, branch), frame, around, err);
        }
        node = ebi_node_after(schema, node) - 1;
    }
    return status;
}

enum eb_status ebi_data_complete(const struct ebi_data *data, struct eb_error *err) {
    const struct ebi_schema *schema = data->schema;

    return check(schema, schema->nodes, schema->nodes + schema->n_nodes, data->now.frame, NULL, err);
}
