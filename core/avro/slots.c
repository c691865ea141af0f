/* core/avro/slots.c - slots, and the texts and items that belong to them: see slots.h. */
#include "avro/slots.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"

/* ---- The whole ---- */

bool ebi_slots_clear(struct ebi_slots *slots, const struct ebi_schema *schema) {
    if (!slots->frame) {
        slots->frame = calloc(schema->n_slots, sizeof *slots->frame);
        return slots->frame;
    }
    memset(slots->frame, 0, schema->n_slots * sizeof *slots->frame);
    ebi_arena_clear(&slots->arena);
    return true;
}

static void free_slots(struct ebi_slots *slots) {
    free(slots->frame);
    ebi_arena_free(&slots->arena);
}

struct ebi_data *ebi_data_new(const struct ebi_schema *schema) {
    struct ebi_data *data = calloc(1, sizeof *data);

    if (!data)
        return NULL;
    data->schema = schema;
    if (!ebi_slots_clear(&data->now, schema)) {
        free(data);
        return NULL;
    }
    return data;
}

void ebi_data_free(struct ebi_data *data) {
    if (!data)
        return;
    free_slots(&data->now);
    free_slots(&data->next);
    free(data);
}

void ebi_data_clear(struct ebi_data *data) {
    ebi_slots_clear(&data->now, data->schema);
}

const struct ebi_schema *ebi_data_schema(const struct ebi_data *data) {
    return data->schema;
}

/* ---- Texts and branches ---- */

/* Returns the exponent of the power of two that has room for n, which is more than one. */
static unsigned log2_above(size_t n) {
    return 64 - (unsigned)__builtin_clzll(n - 1);
}

/* The room of a slot is a power of two and never shrinks: however often a slot is set, it takes few times its longest
 * text. */
bool ebi_set_text(struct ebi_arena *arena, struct ebi_slot *slot, const void *text, size_t len) {
    size_t need = len + EBI_TEXT_SLACK;

    if (slot->room == 0 || need > (size_t)1 << slot->room) {
        unsigned room = log2_above(need);
        char *memory = ebi_arena_take(arena, (size_t)1 << room);

        if (!memory)
            return false;
        slot->text = memory;
        slot->room = (uint8_t)room;
    }
    if (len)
        memmove(slot->text, text, len); /* the text may be part of this very event */
    slot->text[len] = '\0';
    slot->len = (uint32_t)len;
    slot->state = EBI_SET;
    return true;
}

struct ebi_slot *ebi_take_branch(const struct ebi_node *u, struct ebi_slot *slot, const struct ebi_node *branch) {
    if (slot->state == EBI_SET && slot->branch != branch->branch)
        slot->state = EBI_UNSET;
    ebi_begin_value(u, slot);
    slot->branch = branch->branch;
    return slot + (branch->slot - u->slot);
}

const struct ebi_node *ebi_branch_taken(const struct ebi_schema *schema, const struct ebi_node *u,
                                        const struct ebi_slot *slot) {
    const struct ebi_node *branch = u + 1;

    if (slot->state != EBI_SET)
        return ebi_node_branch(schema, u, EBI_JSON_NULL);
    while (branch->branch != slot->branch)
        branch = ebi_node_after(schema, branch);
    return branch;
}

/* ---- Items ---- */

bool ebi_reserve_items(struct ebi_arena *arena, const struct ebi_node *node, struct ebi_slot *slot, size_t more) {
    size_t frame = node->item_slots * sizeof(struct ebi_slot), have = slot->room ? (size_t)1 << slot->room : 0;
    unsigned room = slot->room ? slot->room : 1;
    struct ebi_slot *items;

    if (more > UINT32_MAX / 2 - slot->len)
        return false;
    if (slot->len + more <= have)
        return true;
    while (slot->len + more > (size_t)1 << room)
        room++;
    if (frame > SIZE_MAX >> room)
        return false;
    items = ebi_arena_take(arena, frame << room);
    if (!items)
        return false;
    if (have)
        memcpy(items, slot->items, frame * have); /* the memory of former items is kept */
    memset((char *)items + frame * have, 0, (frame << room) - frame * have);
    slot->items = items;
    slot->room = (uint8_t)room;
    return true;
}

struct ebi_slot *ebi_add_item(const struct ebi_node *node, struct ebi_slot *slot) {
    struct ebi_slot *item = ebi_item(node, slot, slot->len++);

    ebi_unset(item, node->item_slots);
    return item;
}

static int compare_keys(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len); /* bytes of UTF-8 sort as code points do */

    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static void swap_frames(struct ebi_slot *a, struct ebi_slot *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct ebi_slot kept = a[i];

        a[i] = b[i];
        b[i] = kept;
    }
}

void ebi_move_last(const struct ebi_node *node, struct ebi_slot *slot, size_t at) {
    for (size_t i = slot->len - 1; i > at; i--)
        swap_frames(ebi_item(node, slot, i), ebi_item(node, slot, i - 1), node->item_slots);
}

static int by_key(const void *a, const void *b) {
    const struct ebi_slot *one = a, *other = b;

    return compare_keys(one->text, one->len, other->text, other->len);
}

bool ebi_sort_map(const struct ebi_node *node, struct ebi_slot *slot) {
    bool sorted = true, distinct = true;

    for (size_t i = 1; i < slot->len && sorted; i++)
        sorted = by_key(ebi_item(node, slot, i - 1), ebi_item(node, slot, i)) < 0;
    if (sorted)
        return true;
    qsort(slot->items, slot->len, node->item_slots * sizeof(struct ebi_slot), by_key);
    for (size_t i = 1; i < slot->len && distinct; i++)
        distinct = by_key(ebi_item(node, slot, i - 1), ebi_item(node, slot, i)) != 0;
    return distinct;
}

/* ---- Errors ---- */

static size_t add_part(char *text, size_t at, const char *part, size_t len) {
    if (len > EBI_WHERE_ROOM - 1 - at)
        len = EBI_WHERE_ROOM - 1 - at;
    memcpy(text + at, part, len);
    text[at + len] = '\0';
    return at + len;
}

/* Fills the brackets of a node's path with the numbers of the items. */
const char *ebi_where(const char *root, const struct ebi_node *node, const struct ebi_place *place, char text[EBI_WHERE_ROOM]) {
    size_t items[EBI_SCHEMA_DEPTH], n = 0, at = add_part(text, 0, root, strlen(root)), i = 0;
    const char *path = node->path.data, *end = path + node->path.len;

    for (; place && n < EBI_SCHEMA_DEPTH; place = place->around)
        items[n++] = place->item;
    if (path < end && at > 0)
        at = add_part(text, at, ".", 1);
    while (i < node->path.len) {
        size_t plain = strcspn(path + i, "[{");
        char number[32];

        if (plain > node->path.len - i)
            plain = node->path.len - i;
        at = add_part(text, at, path + i, plain);
        i += plain;
        if (i >= node->path.len)
            break;
        if (n == 0)
            snprintf(number, sizeof number, "%.2s", path + i);
        else
            snprintf(number, sizeof number, path[i] == '[' ? "[%zu]" : "{item %zu}", items[--n]);
        at = add_part(text, at, number, strlen(number));
        i += 2;
    }
    return text;
}

enum eb_status ebi_missing(const char *root, const struct ebi_node *node, const struct ebi_place *place, struct eb_error *err) {
    char where[EBI_WHERE_ROOM];

    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: missing; expected %.*s", ebi_where(root, node, place, where),
                     (int)node->type.len, node->type.data);
}
