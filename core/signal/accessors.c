/* core/signal/accessors.c - sets and reads an event's values by path: see eventbus/event.h. */
#include "signal/event.h"

#include <math.h>

#include "avro/path.h"
#include "base/error.h"
#include "base/utf8.h"
#include "base/word.h"

/* Inline, since programs set each field of each event by these functions. */
static inline bool is_null(const void *argument, const char *what, struct eb_error *err) {
    return !argument && ebi_is_null(argument, what, err);
}

/* ---- Which node takes or gives such a value ---- */

static enum eb_status wrong_type(const struct ebi_path *path, const char *given, struct eb_error *err) {
    const struct ebi_node *node = path->node;

    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected %.*s%s, found %s", path->text, (int)node->type.len,
                     node->type.data, node->optional ? " or null" : "", given);
}

static unsigned bit(enum ebi_kind kind) {
    return 1u << kind;
}

/* Returns the node itself if it is of one of the kinds, else its branch that is; NULL: neither. */
static const struct ebi_node *node_of(const struct ebi_schema *schema, const struct ebi_node *node, unsigned kinds) {
    const struct ebi_node *end = ebi_node_after(schema, node);

    if (kinds & bit((enum ebi_kind)node->kind))
        return node;
    if (node->kind == EBI_UNION)
        for (const struct ebi_node *branch = node + 1; branch < end; branch = ebi_node_after(schema, branch))
            if (kinds & bit((enum ebi_kind)branch->kind))
                return branch;
    return NULL;
}

/* A path, and the node that takes the value or holds it. */
struct target {
    struct ebi_path path;
    const struct ebi_node *node;
};

/* Finds the node of the path that takes such a value. EB_PERMANENT: there is none, or the event is NULL. */
static enum eb_status find_node(const struct eb_event *event, const char *path, unsigned kinds, const char *given,
                                struct target *target, struct eb_error *err) {
    enum eb_status status = EB_PERMANENT;

    if (!is_null(event, "the event", err))
        status = ebi_path_find(event->data->schema, path, &target->path, err);
    if (status != EB_OK)
        return status;
    target->node = node_of(event->data->schema, target->path.node, kinds);
    return target->node ? EB_OK : wrong_type(&target->path, given, err);
}

/* Gives the slot to set, and creates everything on the way to it. */
static enum eb_status slot_to_set(struct ebi_data *data, const struct target *target, struct ebi_slot **slot,
                                  struct eb_error *err) {
    const struct ebi_node *named = target->path.node;
    struct ebi_slot *frame;
    enum eb_status status = ebi_path_create(data, &target->path, &frame, err);

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
    enum eb_status status = slot_to_set(data, target, &slot, err);

    if (status == EB_OK && !ebi_set_text(&data->now.arena, slot, text, len))
        status = ebi_error_memory(err);
    return status;
}

static enum eb_status set_whole(struct ebi_data *data, const struct target *target, int64_t whole, struct eb_error *err) {
    struct ebi_slot *slot;
    enum eb_status status = slot_to_set(data, target, &slot, err);

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
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: not one of the %u symbols of the enum, of which the first is %s",
                     target->path.text, (unsigned)target->node->count, target->node->symbols[0].data);
}

enum eb_status eb_event_set_text(struct eb_event *event, const char *path, const char *text, size_t len, struct eb_error *err) {
    struct target target;
    enum eb_status status = find_node(event, path, bit(EBI_STRING) | bit(EBI_ENUM), "a text", &target, err);

    if (status != EB_OK)
        return status;
    if (len > 0 && is_null(text, "the text", err))
        return EB_PERMANENT;
    if (len > EBI_TEXT_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a text of more than %d bytes", path, EBI_TEXT_MOST);
    if (target.node->kind == EBI_ENUM)
        return set_symbol(event->data, &target, text, len, err);
    if (!ebi_all_ascii(text, len) && !ebi_utf8_valid(text, len))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the text is not UTF-8", path);
    return set_text(event->data, &target, text, len, err);
}

enum eb_status eb_event_set_string(struct eb_event *event, const char *path, const char *text, struct eb_error *err) {
    if (!text && !is_null(event, "the event", err))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the text is NULL; eb_event_set_null sets null",
                         path ? path : "?");
    return eb_event_set_text(event, path, text, text ? strlen(text) : 0, err);
}

enum eb_status eb_event_set_bytes(struct eb_event *event, const char *path, const void *bytes, size_t len,
                                  struct eb_error *err) {
    struct target target;
    enum eb_status status = find_node(event, path, bit(EBI_BYTES) | bit(EBI_FIXED), "bytes", &target, err);

    if (status != EB_OK)
        return status;
    if (len > 0 && is_null(bytes, "the value", err))
        return EB_PERMANENT;
    if (len > EBI_TEXT_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: more than %d bytes", path, EBI_TEXT_MOST);
    if (target.node->kind == EBI_FIXED && len != target.node->count)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected %u bytes, found %zu", path,
                         (unsigned)target.node->count, len);
    return set_text(event->data, &target, bytes, len, err);
}

enum eb_status eb_event_set_long(struct eb_event *event, const char *path, int64_t value, struct eb_error *err) {
    struct target target;
    enum eb_status status = find_node(event, path, bit(EBI_INT) | bit(EBI_LONG), "a whole number", &target, err);

    if (status != EB_OK)
        return status;
    if (target.node->kind == EBI_INT && (value < INT32_MIN || value > INT32_MAX))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a number beyond the 32 bits of an int", path);
    return set_whole(event->data, &target, value, err);
}

enum eb_status eb_event_set_double(struct eb_event *event, const char *path, double value, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status = find_node(event, path, bit(EBI_FLOAT) | bit(EBI_DOUBLE), "a floating-point number", &target, err);

    if (status != EB_OK)
        return status;
    if (!isfinite(value))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: expected a finite number, found %s", path,
                         isnan(value) ? "NaN" : "an infinite one");
    if (target.node->kind == EBI_FLOAT && isinf((float)value))
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: a number beyond the range of a float", path);
    status = slot_to_set(event->data, &target, &slot, err);
    if (status != EB_OK)
        return status;
    slot->real = target.node->kind == EBI_FLOAT ? (double)(float)value : value;
    slot->state = EBI_SET;
    return EB_OK;
}

enum eb_status eb_event_set_bool(struct eb_event *event, const char *path, int value, struct eb_error *err) {
    struct target target;
    enum eb_status status = find_node(event, path, bit(EBI_BOOLEAN), "a boolean", &target, err);

    return status == EB_OK ? set_whole(event->data, &target, value != 0, err) : status;
}

enum eb_status eb_event_set_null(struct eb_event *event, const char *path, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(event, "the event", err))
        return EB_PERMANENT;
    status = ebi_path_find(event->data->schema, path, &target.path, err);
    if (status != EB_OK)
        return status;
    target.node = target.path.node;
    if (!ebi_node_nullable(event->data->schema, target.node))
        return wrong_type(&target.path, "null", err);
    if (target.node->kind == EBI_UNION)
        target.node = ebi_node_branch(event->data->schema, target.node, EBI_JSON_NULL);
    status = slot_to_set(event->data, &target, &slot, err);
    if (status == EB_OK)
        slot->state = EBI_IS_NULL;
    return status;
}

enum eb_status eb_event_set_empty(struct eb_event *event, const char *path, struct eb_error *err) {
    struct target target;
    struct ebi_slot *slot;
    enum eb_status status = find_node(event, path, bit(EBI_ARRAY) | bit(EBI_MAP) | bit(EBI_RECORD), "an empty one", &target,
                                      err);

    if (status != EB_OK)
        return status;
    status = slot_to_set(event->data, &target, &slot, err);
    if (status != EB_OK)
        return status;
    slot->state = EBI_UNSET;
    ebi_begin_value(target.node, slot);
    return EB_OK;
}

/* ---- Reading ---- */

/* Gives the slot to read, of a node of one of the kinds. EB_EMPTY: the value is null. */
static enum eb_status slot_to_get(const struct eb_event *event, const char *path, unsigned kinds, const char *asked,
                                  struct target *target, const struct ebi_slot **found, struct eb_error *err) {
    const struct ebi_schema *schema;
    const struct ebi_node *taken;
    struct ebi_slot *frame = NULL;
    enum eb_status status;

    if (is_null(event, "the event", err))
        return EB_PERMANENT;
    schema = event->data->schema;
    status = ebi_path_find(schema, path, &target->path, err);
    if (status == EB_OK && target->path.node->kind != EBI_NULL && !node_of(schema, target->path.node, kinds))
        status = wrong_type(&target->path, asked, err);
    if (status == EB_OK)
        status = ebi_path_follow(event->data, &target->path, &frame, err);
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

enum eb_status eb_event_get_text(const struct eb_event *event, const char *path, const char **text, size_t *len,
                                 struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(text, "the place for the text", err) || is_null(len, "the place for the length", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_STRING) | bit(EBI_ENUM), "a text", &target, &slot, err);
    if (status != EB_OK)
        return status;
    *text = target.node->kind == EBI_ENUM ? target.node->symbols[slot->whole].data : slot->text;
    *len = target.node->kind == EBI_ENUM ? target.node->symbols[slot->whole].len : slot->len;
    return EB_OK;
}

enum eb_status eb_event_get_string(const struct eb_event *event, const char *path, const char **text, struct eb_error *err) {
    size_t len;

    return eb_event_get_text(event, path, text, &len, err);
}

enum eb_status eb_event_get_bytes(const struct eb_event *event, const char *path, const void **bytes, size_t *len,
                                  struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(bytes, "the place for the bytes", err) || is_null(len, "the place for the length", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_BYTES) | bit(EBI_FIXED), "bytes", &target, &slot, err);
    if (status != EB_OK)
        return status;
    *bytes = slot->text;
    *len = slot->len;
    return EB_OK;
}

enum eb_status eb_event_get_long(const struct eb_event *event, const char *path, int64_t *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(value, "the place for the value", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_INT) | bit(EBI_LONG), "a whole number", &target, &slot, err);
    if (status == EB_OK)
        *value = slot->whole;
    return status;
}

enum eb_status eb_event_get_double(const struct eb_event *event, const char *path, double *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(value, "the place for the value", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_FLOAT) | bit(EBI_DOUBLE), "a floating-point number", &target, &slot, err);
    if (status == EB_OK)
        *value = slot->real;
    return status;
}

enum eb_status eb_event_get_bool(const struct eb_event *event, const char *path, int *value, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(value, "the place for the value", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_BOOLEAN), "a boolean", &target, &slot, err);
    if (status == EB_OK)
        *value = slot->whole != 0;
    return status;
}

enum eb_status eb_event_count(const struct eb_event *event, const char *path, size_t *count, struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot;
    enum eb_status status;

    if (is_null(count, "the place for the count", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_ARRAY) | bit(EBI_MAP), "a list or map", &target, &slot, err);
    if (status == EB_OK)
        *count = slot->len;
    return status;
}

enum eb_status eb_event_map_key(const struct eb_event *event, const char *path, size_t i, const char **key, size_t *len,
                                struct eb_error *err) {
    struct target target;
    const struct ebi_slot *slot, *item;
    enum eb_status status;

    if (is_null(key, "the place for the key", err) || is_null(len, "the place for the length", err))
        return EB_PERMANENT;
    status = slot_to_get(event, path, bit(EBI_MAP), "a map", &target, &slot, err);
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
