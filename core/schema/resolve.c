/* core/schema/resolve.c - decodes what another schema wrote to values of ours, by a resolution made before: see
 * resolution_steps.h. */
#include "schema/resolve.h"

#include "base/utf8.h"
#include "avro/reader.h"
#include "schema/resolution_steps.h"

struct resolving {
    struct ebi_avro_reader in;
    const struct ebi_resolution *r;
};

static bool resolve(struct resolving *, const struct ebi_node *w, struct ebi_slot *frame, const struct ebi_place *);
static bool skip(struct resolving *, const struct ebi_node *w, const struct ebi_place *);

/* Reads the items of all blocks into `list`; where that is NULL, the items are skipped. */
static bool each_item(struct resolving *x, const struct ebi_node *w, const struct ebi_node *r, struct ebi_slot *list,
                      const struct ebi_place *around) {
    struct ebi_place place = { .around = around };
    struct ebi_slot unused, *item = &unused;
    struct ebi_avro_block block;

    for (;;) {
        if (!ebi_avro_read_block(&x->in, w, around, list ? r->item_slots : w->item_slots, &block))
            return false;
        if (block.items == 0)
            return true;
        if (list && !ebi_reserve_items(x->in.arena, r, list, block.items))
            return ebi_avro_no_memory(&x->in);
        for (; block.items > 0; block.items--, place.item++) {
            if (list)
                item = ebi_add_item(r, list);
            if (w->kind == EBI_MAP && !ebi_avro_read_key(&x->in, w, &place, item))
                return false;
            if (!(list ? resolve(x, w + 1, item, &place) : skip(x, w + 1, &place)))
                return false;
        }
        if (!ebi_avro_read_block_end(&x->in, w, around, &block))
            return false;
    }
}

/* ---- What the reader has nothing for: read all the same, so that its bytes are checked ---- */

static bool skip_own(struct resolving *x, const struct ebi_node *w, const struct ebi_place *place) {
    const struct ebi_schema *writer = x->r->writer;
    const struct ebi_node *end = ebi_node_after(writer, w), *branch;
    struct ebi_slot unused;

    switch ((enum ebi_kind)w->kind) {
    case EBI_RECORD:
        for (const struct ebi_node *field = w + 1; field < end; field = ebi_node_after(writer, field))
            if (!skip(x, field, place))
                return false;
        return true;
    case EBI_ARRAY:
    case EBI_MAP:
        return each_item(x, w, NULL, NULL, place);
    case EBI_UNION:
        branch = ebi_avro_read_branch(&x->in, writer, w, place);
        return branch && skip(x, branch, place);
    default:
        return ebi_avro_read_plain(&x->in, w, place, &unused);
    }
}

static bool skip(struct resolving *x, const struct ebi_node *w, const struct ebi_place *place) {
    bool null = false;

    if (w->optional && !ebi_avro_read_optional(&x->in, w, place, &null))
        return false;
    return null || skip_own(x, w, place);
}

/* ---- What it takes ---- */

/* Sets the slot of the reader's node, and makes a branch the one that its union holds. Returns the slot. */
static struct ebi_slot *place_of(struct resolving *x, uint32_t at, struct ebi_slot *frame) {
    const struct ebi_node *node = &x->r->reader->nodes[at], *around = &x->r->reader->nodes[node->parent];

    if (at > 0 && around->kind == EBI_UNION)
        ebi_take_branch(around, frame + around->slot, node);
    frame[node->slot].state = EBI_SET;
    return frame + node->slot;
}

static bool take_null(struct resolving *x, const struct ebi_node *w, struct ebi_slot *frame, const struct ebi_place *place) {
    uint32_t null = x->r->steps[w - x->r->writer->nodes].null;

    if (!null)
        return ebi_avro_refuse(&x->in, w, place, "null, which our schema does not take");
    place_of(x, null, frame)->state = EBI_IS_NULL;
    return true;
}

static bool take_symbol(struct resolving *x, const struct ebi_node *w, const struct ebi_node *r, struct ebi_slot *slot,
                        const struct ebi_place *place) {
    struct eb_text symbol = w->symbols[slot->whole];

    slot->whole = ebi_node_symbol(r, symbol.data, symbol.len);
    if (slot->whole >= 0)
        return true;
    slot->whole = (int64_t)r->enum_default - 1;
    return r->enum_default || ebi_avro_refuse(&x->in, w, place, "symbol %s, which our schema does not have", symbol.data);
}

/* Reads a value of the writer's node and promotes it to the type of the reader's. */
static bool take_plain(struct resolving *x, const struct ebi_node *w, const struct ebi_node *r, struct ebi_slot *slot,
                       const struct ebi_place *place) {
    if (!ebi_avro_read_plain(&x->in, w, place, slot))
        return false;
    if (w->kind == EBI_ENUM)
        return take_symbol(x, w, r, slot, place);
    if (w->kind == EBI_BYTES && r->kind == EBI_STRING && !ebi_utf8_valid(slot->text, slot->len))
        return ebi_avro_refuse(&x->in, w, place, "bytes that are not UTF-8, for a string");
    if (w->kind != EBI_FLOAT && w->kind != EBI_DOUBLE) {
        if (r->kind == EBI_DOUBLE)
            slot->real = (double)slot->whole;
        else if (r->kind == EBI_FLOAT)
            slot->real = (double)(float)slot->whole;
    }
    return true;
}

static bool fill_absent(struct resolving *x, const struct ebi_step *step, struct ebi_slot *frame) {
    const struct ebi_schema *reader = x->r->reader;

    for (uint32_t i = 0; i < step->count; i++) {
        const struct ebi_node *field = &reader->nodes[x->r->absent[step->first + i]];
        struct ebi_avro_reader in;

        if (!ebi_avro_begin(&in, field->initial.data, field->initial.len, x->in.arena, x->in.err) ||
            !ebi_avro_decode(&in, reader, field, ebi_node_after(reader, field), frame, NULL)) {
            x->in.status = in.status;
            return false;
        }
    }
    return true;
}

static bool take_own(struct resolving *x, const struct ebi_node *w, struct ebi_slot *frame, const struct ebi_place *place) {
    const struct ebi_schema *writer = x->r->writer;
    const struct ebi_step *step = &x->r->steps[w - writer->nodes];
    const struct ebi_node *r = &x->r->reader->nodes[step->reader], *end = ebi_node_after(writer, w);
    struct ebi_slot *slot = place_of(x, step->reader, frame);

    switch ((enum ebi_kind)w->kind) {
    case EBI_RECORD:
        for (const struct ebi_node *field = w + 1; field < end; field = ebi_node_after(writer, field))
            if (!resolve(x, field, frame, place))
                return false;
        return fill_absent(x, step, frame);
    case EBI_ARRAY:
    case EBI_MAP:
        slot->len = 0;
        return each_item(x, w, r, slot, place) &&
               (w->kind == EBI_ARRAY || ebi_sort_map(r, slot) || ebi_avro_refuse(&x->in, w, place, "a map has a key twice"));
    default:
        return take_plain(x, w, r, slot, place);
    }
}

static bool resolve(struct resolving *x, const struct ebi_node *w, struct ebi_slot *frame, const struct ebi_place *place) {
    const struct ebi_step *step = &x->r->steps[w - x->r->writer->nodes];
    const struct ebi_node *branch;
    bool null = w->kind == EBI_NULL;

    if (step->move == EBI_MOVE_SKIP)
        return skip(x, w, place);
    if (w->kind == EBI_UNION) {
        branch = ebi_avro_read_branch(&x->in, x->r->writer, w, place);
        return branch && resolve(x, branch, frame, place);
    }
    if (w->optional && !ebi_avro_read_optional(&x->in, w, place, &null))
        return false;
    if (null)
        return take_null(x, w, frame, place);
    if (step->move == EBI_MOVE_FAIL)
        return ebi_avro_refuse(&x->in, w, place, "a %.*s, which our schema does not take", (int)w->type.len, w->type.data);
    return take_own(x, w, frame, place);
}

enum eb_status ebi_data_from_avro_of(struct ebi_data *data, const struct ebi_resolution *resolver, const void *bytes,
                                     size_t len, struct eb_error *err) {
    const struct ebi_node *root = resolver->writer->nodes;
    struct resolving x = { .r = resolver };

    ebi_data_clear(data);
    if (ebi_avro_begin(&x.in, bytes, len, &data->now.arena, err) && resolve(&x, root, data->now.frame, NULL) &&
        (x.in.at == x.in.end || ebi_avro_refuse(&x.in, root, NULL, "%zu bytes are left over", (size_t)(x.in.end - x.in.at))))
        return EB_OK;
    ebi_data_clear(data);
    return x.in.status;
}
