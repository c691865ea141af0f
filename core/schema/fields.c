/* core/schema/fields.c - setting and reading values by path. */
#include "schema/path.h"

#include <math.h>

#include "base/error.h"
#include "base/utf8.h"
#include "schema/scan.h"

/* ---- Which node takes or gives such a value ---- */

static enum eb_status other_type(const struct ebi_path *path, const char *given, struct eb_error *err) {
    const struct ebi_node *node = path->node;

    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected %.*s%s, found %s", path->text, (int)node->type.len,
                     node->type.data, node->optional ? " or null" : "", given);
}

static unsigned bit(enum ebi_kind kind) {
    return 1u << kind;
}

/* The node itself if it is of one of the kinds, else the branch that is; NULL: neither. */
static const struct ebi_node *node_of(const struct ebi_schema *schema, const struct ebi_node *node, unsigned kinds) {
    const struct ebi_node *end = ebi_behind(schema, node);

    if (kinds & bit((enum ebi_kind)node->kind))
        return node;
    if (node->kind == EBI_UNION)
        for (const struct ebi_node *branch = node + 1; branch < end; branch = ebi_behind(schema, branch))
            if (kinds & bit((enum ebi_kind)branch->kind))
                return branch;
    return NULL;
}

/* What a setter works with: the path, the node that takes the value, and once made its slot. */
struct target {
    struct ebi_path path;
    const struct ebi_node *node;
};

static enum eb_status find(const struct ebi_data *data, const char *path, unsigned kinds, const char *given,
                           struct target *target, struct eb_error *err) {
    enum eb_status status = ebi_path_find(data->schema, path, &target->path, err);

    if (status != EB_OK)
        return status;
    target->node = node_of(data->schema, target->path.node, kinds);
    return target->node ? EB_OK : other_type(&target->path, given, err);
}

/* The slot to set. */
static enum eb_status make(struct ebi_data *data, const struct target *target, struct ebi_slot **slot,
                           struct eb_error *err) {
    const struct ebi_node *named = target->path.node;
    struct ebi_slot *frame;
    enum eb_status status = ebi_path_make(data, &target->path, &frame, err);

    if (status != EB_OK)
        return status;
    *slot = frame + named->slot;
    if (target->node != named)
        *slot = ebi_take_branch(named, *slot, target->node);
    return EB_OK;
}

/* ---- Setting ---- */

static enum eb_status set_text(struct ebi_data *data, const struct target *target, const void *text, size_t len,
                               struct eb_error *err) {
    struct ebi_slot *slot;
    enum eb_status status = make(data, target, &slot, err);

    if (status == EB_OK && !ebi_set_text(&data->now.arena, slot, text, len))
        status = ebi_error_memory(err);
    return status;
}

static enum eb_status set_whole(struct ebi_data *data, const struct target *target, int64_t whole,
                                struct eb_error *err) {
    struct ebi_slot *slot;
    enum eb_status status = make(data, target, &slot, err);

    if (status != EB_OK)
        return status;
    slot->whole = whole;
    slot->state = EBI_SET;
    return EB_OK;
}

static enum eb_status set_symbol(struct ebi_data *data, const struct target *target, const char *text, size_t len,
                                 struct eb_error *err) {
    int32_t symbol = ebi_node_symbol(target->node, text, len);

    if (symbol >= 0)
        return set_whole(data, target, symbol, err);
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                     "%s: not one of the %u symbols of the enum, of which the first is %s",
                     target->path.text, (unsigned)target->node->count, target->node->symbols[0].data);
}

enum eb_status ebi_data_set_text(struct ebi_data *data, const char *path, const char *text, size_t len,
                                 struct eb_error *err) {
    struct target target;
    enum eb_status status = find(data, path, bit(EBI_STRING) | bit(EBI_ENUM), "a text", &target, err);

    if (status != EB_OK)
        return status;
    if (len > EBI_TEXT_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a text of more than %d bytes", path, EBI_TEXT_MOST);
    if (target.node->kind == EBI_ENUM)
        return set_symbol(data, &target, text, len, err);
    if (!ebi_all_ascii(text, len) && !ebi_utf8_valid(text, len))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the text is not UTF-8", path);
    return set_text(data, &target, text, len, err);
}

enum eb_status ebi_data_set_bytes(struct ebi_data *data, const char *path, const void *bytes, size_t len,
                                  struct eb_error *err) {
    struct target target;
    enum eb_status status = find(data, path, bit(EBI_BYTES) | bit(EBI_FIXED), "bytes", &target, err);

    if (status != EB_OK)
        return status;
    if (len > EBI_TEXT_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: more than %d bytes", path, EBI_TEXT_MOST);
    if (target.node->kind == EBI_FIXED && len != target.node->count)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected %u bytes, found %zu", path,
                         (unsigned)target.node->count, len);
    return set_text(data, &target, bytes, len, err);
}

enum eb_status ebi_data_set_long(struct ebi_data *data, const char *path, int64_t value, struct eb_error *err) {
    struct target target;
    enum eb_status status = find(data, path, bit(EBI_INT) | bit(EBI_LONG), "a whole number", &target, err);

    if (status != EB_OK)
        return status;
    if (target.node->kind == EBI_INT && (value < INT32_MIN || value > INT32_MAX))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a number beyond the 32 bits of an int", path);
    return set_whole(data, &target, value, err);
}

enum eb_status ebi_data_set_double(struct ebi_data *data, const char *path, double value, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status = find(data, path, bit(EBI_FLOAT) | bit(EBI_DOUBLE), "a floating-point number", &target, err);

    if (status != EB_OK)
        return status;
    if (!isfinite(value))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected a finite number, found %s", path,
                         isnan(value) ? "NaN" : "an infinite one");
    if (target.node->kind == EBI_FLOAT && isinf((float)value))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a number beyond the range of a float", path);
    status = make(data, &target, &slot, err);
    if (status != EB_OK)
        return status;
    slot->real = target.node->kind == EBI_FLOAT ? (double)(float)value : value;
    slot->state = EBI_SET;
    return EB_OK;
}

enum eb_status ebi_data_set_bool(struct ebi_data *data, const char *path, int value, struct eb_error *err) {
    struct target target;
    enum eb_status status = find(data, path, bit(EBI_BOOLEAN), "a boolean", &target, err);

    return status == EB_OK ? set_whole(data, &target, value != 0, err) : status;
}

enum eb_status ebi_data_set_null(struct ebi_data *data, const char *path, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status = ebi_path_find(data->schema, path, &target.path, err);

    if (status != EB_OK)
        return status;
    target.node = target.path.node;
    if (!ebi_node_nullable(data->schema, target.node))
        return other_type(&target.path, "null", err);
    if (target.node->kind == EBI_UNION)
        target.node = ebi_node_branch(data->schema, target.node, EBI_LOOK_NULL);
    status = make(data, &target, &slot, err);
    if (status == EB_OK)
        slot->state = EBI_IS_NULL;
    return status;
}

enum eb_status ebi_data_set_empty(struct ebi_data *data, const char *path, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status = find(data, path, bit(EBI_ARRAY) | bit(EBI_MAP) | bit(EBI_RECORD), "an empty one", &target,
                                 err);

    if (status != EB_OK)
        return status;
    status = make(data, &target, &slot, err);
    if (status != EB_OK)
        return status;
    slot->state = EBI_UNSET;
    ebi_begin_value(target.node, slot);
    return EB_OK;
}

/* ---- Reading ---- */

/* The slot to read, of a node of one of the kinds. EB_EMPTY: it is null. */
static enum eb_status look(const struct ebi_data *data, const char *path, unsigned kinds, const char *asked,
                           struct target *target, const struct ebi_slot **found, struct eb_error *err) {
    const struct ebi_schema *schema = data->schema;
    const struct ebi_node *taken;
    struct ebi_slot *frame = NULL;
    enum eb_status status = ebi_path_find(schema, path, &target->path, err);

    if (status == EB_OK && target->path.node->kind != EBI_NULL && !node_of(schema, target->path.node, kinds))
        status = other_type(&target->path, asked, err);
    if (status == EB_OK)
        status = ebi_path_look(data, &target->path, &frame, err);
    if (status != EB_OK)
        return status;
    taken = target->path.node;
    if (taken->kind == EBI_UNION)
        taken = ebi_branch_taken(schema, taken, frame + taken->slot);
    if (!taken)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: not set", path);
    *found = frame + taken->slot;
    target->node = taken;
    if (taken->kind == EBI_NULL || (taken->optional && (*found)->state != EBI_SET))
        return EB_EMPTY;
    if (!(kinds & bit((enum ebi_kind)taken->kind)))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: now holds a %.*s, not %s", path, (int)taken->type.len,
                         taken->type.data, asked);
    if ((*found)->state != EBI_SET)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: not set", path);
    return EB_OK;
}

enum eb_status ebi_data_get_text(const struct ebi_data *data, const char *path, const char **text, size_t *len,
                                 struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_STRING) | bit(EBI_ENUM), "a text", &target, &slot, err);

    if (status != EB_OK)
        return status;
    *text = target.node->kind == EBI_ENUM ? target.node->symbols[slot->whole].data : slot->text;
    *len = target.node->kind == EBI_ENUM ? target.node->symbols[slot->whole].len : slot->len;
    return EB_OK;
}

enum eb_status ebi_data_get_bytes(const struct ebi_data *data, const char *path, const void **bytes, size_t *len,
                                  struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_BYTES) | bit(EBI_FIXED), "bytes", &target, &slot, err);

    if (status != EB_OK)
        return status;
    *bytes = slot->text;
    *len = slot->len;
    return EB_OK;
}

enum eb_status ebi_data_get_long(const struct ebi_data *data, const char *path, int64_t *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_INT) | bit(EBI_LONG), "a whole number", &target, &slot, err);

    if (status == EB_OK)
        *value = slot->whole;
    return status;
}

enum eb_status ebi_data_get_double(const struct ebi_data *data, const char *path, double *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_FLOAT) | bit(EBI_DOUBLE), "a floating-point number", &target,
                                 &slot, err);

    if (status == EB_OK)
        *value = slot->real;
    return status;
}

enum eb_status ebi_data_get_bool(const struct ebi_data *data, const char *path, int *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_BOOLEAN), "a boolean", &target, &slot, err);

    if (status == EB_OK)
        *value = slot->whole != 0;
    return status;
}

enum eb_status ebi_data_count(const struct ebi_data *data, const char *path, size_t *count, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status = look(data, path, bit(EBI_ARRAY) | bit(EBI_MAP), "a list or map", &target, &slot, err);

    if (status == EB_OK)
        *count = slot->len;
    return status;
}

enum eb_status ebi_data_map_key(const struct ebi_data *data, const char *path, size_t i, const char **key, size_t *len,
                                struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot, *item;
    enum eb_status status = look(data, path, bit(EBI_MAP), "a map", &target, &slot, err);

    if (status != EB_OK)
        return status;
    if (i >= slot->len)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the map has %u items, numbered from 0", path,
                         (unsigned)slot->len);
    item = ebi_item(target.node, slot, i);
    *key = item->text;
    *len = item->len;
    return EB_OK;
}
