/* core/avro/path.c - finds the node and the slot of a path: see path.h. A path without brackets that leads through
 * records alone, as nearly all do, is one look into the schema's index; the others are walked step by step. */
#include "avro/path.h"

#include "base/error.h"
#include "base/utf8.h"

/* ---- The steps of a path ---- */

enum step_kind { FIELD, INDEX, KEY, END, BAD };

struct step {
    enum step_kind kind;
    const char *text; /* a field's name, or a map's key with its backslashes */
    size_t len;
    size_t index;
};

static struct step bracket_step(const char **at) {
    struct step step = { .kind = BAD };
    const char *ch = *at + 1;

    for (; *ch >= '0' && *ch <= '9'; ch++) {
        if (step.index > UINT32_MAX)
            return step;
        step.index = step.index * 10 + (size_t)(*ch - '0');
    }
    if (ch == *at + 1 || *ch != ']')
        return step;
    *at = ch + 1;
    step.kind = INDEX;
    return step;
}

static struct step brace_step(const char **at) {
    struct step step = { .kind = BAD, .text = *at + 1 };
    const char *ch = step.text;

    for (; *ch && *ch != '}'; ch++)
        if (*ch == '\\' && ch[1])
            ch++;
    if (!*ch)
        return step;
    step.len = (size_t)(ch - step.text);
    step.kind = KEY;
    *at = ch + 1;
    return step;
}

/* Returns the step at *at and moves *at behind it. The first field of a path has no dot before it. */
static struct step next_step(const char **at, const char *path) {
    struct step step = { .kind = FIELD };

    if (*at != path) {
        if (!**at)
            return (struct step){ .kind = END };
        if (**at == '[')
            return bracket_step(at);
        if (**at == '{')
            return brace_step(at);
        if (**at != '.')
            return (struct step){ .kind = BAD };
        ++*at;
    }
    step.text = *at;
    step.len = strcspn(*at, ".[{");
    *at += step.len;
    return step.len ? step : (struct step){ .kind = BAD };
}

/* Copies a key into a slot, without the backslashes that protect its characters. */
static bool set_key(struct ebi_arena *arena, struct ebi_slot *slot, const struct step *step) {
    size_t len = 0;

    if (!ebi_set_text(arena, slot, step->text, step->len))
        return false;
    for (size_t i = 0; i < step->len; i++) {
        if (step->text[i] == '\\' && i + 1 < step->len)
            i++;
        slot->text[len++] = step->text[i];
    }
    slot->text[len] = '\0';
    slot->len = (uint32_t)len;
    return true;
}

/* Compares an item's key with a step's, as strcmp does. */
static int compare_key(const struct ebi_slot *key, const struct step *step) {
    size_t at = 0, i = 0;

    for (; at < key->len && i < step->len; at++, i++) {
        i += step->text[i] == '\\' && i + 1 < step->len;
        if (key->text[at] != step->text[i])
            return (unsigned char)key->text[at] < (unsigned char)step->text[i] ? -1 : 1;
    }
    return (at < key->len) - (i < step->len);
}

/* Returns the place of the item with that key; where *found is false, the place where it belongs. */
static size_t find_key(const struct ebi_node *map, const struct ebi_slot *slot, const struct step *step, bool *found) {
    size_t low = 0, high = slot->len;

    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = compare_key(ebi_item(map, slot, middle), step);

        *found = order == 0;
        if (*found)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- Finding the node ---- */

/* Returns the branch of a union that such a step can enter, and any other node itself. */
static const struct ebi_node *enterable(const struct ebi_schema *schema, const struct ebi_node *node, enum step_kind kind) {
    const struct ebi_node *branch;

    if (node->kind != EBI_UNION)
        return node;
    branch = ebi_node_branch(schema, node, kind == INDEX ? EBI_JSON_LIST : EBI_JSON_OBJECT);
    return branch ? branch : node;
}

static enum eb_status no_step(const char *path, const char *at, const struct ebi_node *node, const struct step *step,
                              struct eb_error *err) {
    static const char *const ways[] = { [FIELD] = "has no fields", [INDEX] = "is not a list", [KEY] = "is not a map" };

    if (step->kind == BAD)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA,
                         "%s: not a path, from \"%.40s\" on; one looks like user.pii.email, tags[0] or context{de}", path, at);
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: %.*s is a %.*s, which %s", path, (int)node->path.len,
                     node->path.data, (int)node->type.len, node->type.data, ways[step->kind]);
}

static enum eb_status no_field(const struct ebi_schema *schema, const char *path, const struct ebi_node *record,
                               const struct step *step, struct eb_error *err) {
    const char *near = ebi_node_nearest(schema, record, step->text, step->len);

    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: there is no field %.*s%s%.*s%s%s%s", path,
                     step->len < EBI_SCHEMA_NAME ? (int)step->len : EBI_SCHEMA_NAME, step->text, record->path.len ? " in " : "",
                     (int)record->path.len, record->path.data, near ? "; did you mean " : "", near ? near : "",
                     near ? "?" : "");
}

static enum eb_status find_slowly(const struct ebi_schema *schema, const char *path, struct ebi_path *found,
                                  struct eb_error *err) {
    const struct ebi_node *node = schema->nodes, *field;
    const char *at = path, *before = at;
    struct step step;

    if (!ebi_utf8_valid(path, strlen(path))) /* a key of a map becomes part of the data, which is UTF-8 */
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: not a path, since it is not UTF-8", path);
    for (step = next_step(&at, path); step.kind != END; step = next_step(&at, path)) {
        static const unsigned char fits[] = { [FIELD] = EBI_RECORD, [INDEX] = EBI_ARRAY, [KEY] = EBI_MAP };

        node = enterable(schema, node, step.kind);
        if (step.kind == BAD || node->kind != fits[step.kind])
            return no_step(path, before, node, &step, err);
        field = step.kind == FIELD ? ebi_node_field(schema, node, step.text, step.len, NULL) : node + 1;
        if (!field)
            return no_field(schema, path, node, &step, err);
        node = field;
        before = at;
    }
    found->node = node;
    return EB_OK;
}

enum eb_status ebi_path_find(const struct ebi_schema *schema, const char *path, struct ebi_path *found, struct eb_error *err) {
    if (!path)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the path is NULL");
    const struct ebi_node *node = ebi_schema_find(schema, path, strlen(path));

    found->text = path;
    found->node = node;
    return node && node->direct ? EB_OK : find_slowly(schema, path, found, err);
}

/* ---- Walking over the values ---- */

/* How far a path leads through the values that exist. */
struct reach {
    struct ebi_slot *frame;      /* of the last node that exists */
    const char *at;              /* the first step that leads to nothing; the path's end: all exists */
    const struct ebi_node *node; /* what that step enters */
    bool no_item;                /* the step names an item that does not exist; else `node` does not */
};

/* Returns whether what a step enters exists; for a union, whether `inside` is the branch taken. */
static bool is_there(const struct ebi_schema *schema, const struct ebi_node *node, const struct ebi_node *inside,
                     const struct ebi_slot *frame) {
    if (node->kind == EBI_UNION)
        return ebi_branch_taken(schema, node, frame + node->slot) == inside;
    return frame[node->slot].state == EBI_SET || (node->kind == EBI_RECORD && !node->optional);
}

static struct reach walk(const struct ebi_data *data, const char *path) {
    const struct ebi_schema *schema = data->schema;
    const struct ebi_node *node = schema->nodes, *inside;
    struct reach reach = { .frame = data->now.frame, .at = path };
    const char *at = path;

    for (struct step step = next_step(&at, path); step.kind != END; step = next_step(&at, path)) {
        bool found = true;
        size_t i = step.index;

        reach.node = inside = enterable(schema, node, step.kind);
        if (!is_there(schema, node, inside, reach.frame))
            return reach;
        if (step.kind == KEY)
            i = find_key(inside, reach.frame + inside->slot, &step, &found);
        if (step.kind != FIELD && (!found || i >= reach.frame[inside->slot].len)) {
            reach.no_item = true;
            return reach;
        }
        if (step.kind == FIELD)
            node = ebi_node_field(schema, inside, step.text, step.len, NULL);
        else
            reach.frame = ebi_item(inside, reach.frame + inside->slot, i), node = inside + 1;
        reach.at = at;
    }
    return reach;
}

static enum eb_status no_item(const char *path, const struct reach *reach, struct eb_error *err) {
    size_t count = reach->no_item ? reach->frame[reach->node->slot].len : 0;

    if (reach->node->kind == EBI_MAP)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the map has no such key", path);
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: the list has %zu items, numbered from 0", path, count);
}

enum eb_status ebi_path_follow(const struct ebi_data *data, const struct ebi_path *path, struct ebi_slot **frame,
                               struct eb_error *err) {
    const struct ebi_schema *schema = data->schema;
    struct reach reach;

    if (path->node->direct) {
        *frame = data->now.frame;
        for (uint32_t at = path->node->optional_ancestor; at; at = schema->nodes[at].optional_ancestor)
            if (data->now.frame[schema->nodes[at].slot].state != EBI_SET)
                return EB_EMPTY;
        return EB_OK;
    }
    reach = walk(data, path->text);
    *frame = reach.frame;
    if (!*reach.at)
        return EB_OK;
    if (reach.no_item)
        return no_item(path->text, &reach, err);
    if (ebi_node_nullable(schema, reach.node) || schema->nodes[reach.node->parent].kind == EBI_UNION)
        return EB_EMPTY;
    return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: %.*s is not set", path->text, (int)reach.node->path.len,
                     reach.node->path.data);
}

/* ---- Making the way ---- */

/* Checks that an index into a list that exists is at most the next one, and that an index into a list that the path
 * creates is 0. */
static enum eb_status check_indexes(const struct ebi_path *path, const struct reach *reach, struct eb_error *err) {
    const char *at = reach->at;
    size_t next = reach->no_item ? reach->frame[reach->node->slot].len : 0;

    for (struct step step = next_step(&at, path->text); step.kind != END; step = next_step(&at, path->text)) {
        if (step.kind == INDEX && step.index > next)
            return no_item(path->text, reach, err);
        next = 0;
    }
    return EB_OK;
}

/* Returns the item that a step names, and adds it where it does not exist. NULL: no memory. */
static struct ebi_slot *make_item(struct ebi_arena *arena, const struct ebi_node *node, struct ebi_slot *slot,
                                  const struct step *step) {
    size_t i = step->index;
    bool found = i < slot->len;

    if (step->kind == KEY)
        i = find_key(node, slot, step, &found);
    if (found)
        return ebi_item(node, slot, i);
    if (!ebi_reserve_items(arena, node, slot, 1))
        return NULL;
    if (step->kind == KEY && !set_key(arena, ebi_item(node, slot, slot->len), step))
        return NULL;
    ebi_add_item(node, slot);
    ebi_move_last(node, slot, i);
    return ebi_item(node, slot, i);
}

static struct ebi_slot *make(struct ebi_data *data, const char *path) {
    const struct ebi_schema *schema = data->schema;
    const struct ebi_node *node = schema->nodes, *inside;
    struct ebi_slot *frame = data->now.frame;
    const char *at = path;

    for (struct step step = next_step(&at, path); step.kind != END && frame; step = next_step(&at, path)) {
        inside = enterable(schema, node, step.kind);
        if (node->kind == EBI_UNION)
            ebi_take_branch(node, frame + node->slot, inside);
        if (inside->optional || inside->kind != EBI_RECORD)
            ebi_begin_value(inside, frame + inside->slot);
        if (step.kind == FIELD)
            node = ebi_node_field(schema, inside, step.text, step.len, NULL);
        else
            frame = make_item(&data->now.arena, inside, frame + inside->slot, &step), node = inside + 1;
    }
    return frame;
}

static void make_around(const struct ebi_schema *schema, struct ebi_slot *frame, uint32_t optional_ancestor) {
    const struct ebi_node *node = &schema->nodes[optional_ancestor];

    if (node->optional_ancestor)
        make_around(schema, frame, node->optional_ancestor); /* outer ones first: they empty what is inside */
    ebi_begin_value(node, frame + node->slot);
}

enum eb_status ebi_path_create(struct ebi_data *data, const struct ebi_path *path, struct ebi_slot **frame,
                               struct eb_error *err) {
    enum eb_status status;
    struct reach reach;

    if (path->node->direct) {
        *frame = data->now.frame;
        if (path->node->optional_ancestor)
            make_around(data->schema, *frame, path->node->optional_ancestor);
        return EB_OK;
    }
    reach = walk(data, path->text);
    status = check_indexes(path, &reach, err);
    if (status != EB_OK)
        return status;
    *frame = make(data, path->text);
    return *frame ? EB_OK : ebi_error_memory(err);
}
