/* core/json/reader.c - reads JSON to values, led by the schema: it makes no tree, and each error knows its path. */
#include "json/reader.h"

#include "base/error.h"
#include "json/base64.h"
#include "json/event_data.h"

static bool read_value(struct ebi_json *, const struct ebi_node *, struct ebi_slot *frame, const struct ebi_place *);

static bool no_memory(struct ebi_json *json) {
    json->status = ebi_error_memory(json->err);
    return false;
}

static bool broken(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, const char *reason) {
    json->lex.reason = reason;
    return ebi_json_broken(json, node, place);
}

static bool read_word(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, const char *word) {
    return ebi_lex_word(&json->lex, word) || ebi_json_broken(json, node, place);
}

/* ---- Texts ---- */

/* Takes a string to json->text, with a NUL behind it; *end is that NUL's place. */
static bool take_string(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, char **end) {
    if (json->lex.at >= json->lex.end || *json->lex.at != '"')
        return ebi_json_mismatch(json, node, place);
    json->lex.at++;
    return ebi_lex_string(&json->lex, json->text, end) || ebi_json_broken(json, node, place);
}

/* Keeps the text up to `end` as the value of the slot. */
static void keep_text(struct ebi_json *json, struct ebi_slot *slot, char *end) {
    slot->text = json->text;
    slot->len = (uint32_t)(end - json->text);
    *end = '\0';
    json->text = end + 1;
}

static bool read_string(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *slot,
                        const struct ebi_place *place) {
    char *end;

    if (!take_string(json, node, place, &end))
        return false;
    keep_text(json, slot, end);
    return true;
}

static bool read_bytes(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *slot,
                       const struct ebi_place *place) {
    char *end;
    size_t len;

    if (!take_string(json, node, place, &end))
        return false;
    if (!ebi_base64_read(json->text, &len, json->text, (size_t)(end - json->text)))
        return ebi_json_refuse(json, node, place, "expected bytes in base64, found another string");
    if (node->kind == EBI_FIXED && len != node->count)
        return ebi_json_refuse(json, node, place, "expected %u bytes in base64, found %zu", (unsigned)node->count, len);
    keep_text(json, slot, json->text + len);
    return true;
}

static bool read_symbol(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *slot,
                        const struct ebi_place *place) {
    char *end;

    if (!take_string(json, node, place, &end))
        return false;
    slot->whole = ebi_node_symbol(node, json->text, (size_t)(end - json->text));
    if (slot->whole >= 0)
        return true;
    return ebi_json_refuse(json, node, place,
                           "expected one of the enum's %u symbols, of which the first is %s, found "
                           "another string",
                           (unsigned)node->count, node->symbols[0].data);
}

/* ---- Records ---- */

static bool no_field(struct ebi_json *json, const struct ebi_node *record, const struct ebi_place *place, size_t len) {
    const char *near = ebi_node_nearest(json->schema, record, json->text, len);
    char name[64];
    size_t n = 0;

    for (; n < len && n < sizeof name - 1; n++) /* names of fields are plain; anything else stands as "?" */
        name[n] = json->text[n] >= ' ' && json->text[n] < 0x7F ? json->text[n] : '?';
    name[n] = '\0';
    return ebi_json_refuse(json, record, place, "there is no field \"%s\"%s%s%s", name, near ? "; did you mean " : "",
                           near ? near : "", near ? "?" : "");
}

static const struct ebi_node *match_key(struct ebi_json *json, const struct ebi_node *from, const struct ebi_node *to) {
    for (; from < to; from = ebi_node_after(json->schema, from)) {
        size_t len = from->key.len - 1;

        if ((size_t)(json->lex.end - json->lex.at) >= len && memcmp(json->lex.at, from->key.data + 1, len) == 0) {
            json->lex.at += len;
            return from;
        }
    }
    return NULL;
}

static bool read_colon(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place) {
    return ebi_lex_take(&json->lex, ':', "expected ':'") || ebi_json_broken(json, node, place);
}

/* Reads a name and its colon and returns the field, which is most likely `guess` or one after it; NULL: refused. */
static const struct ebi_node *read_name(struct ebi_json *json, const struct ebi_node *record, const struct ebi_node *guess,
                                        const struct ebi_place *place) {
    const struct ebi_node *end = ebi_node_after(json->schema, record), *field = match_key(json, guess, end);
    char *name_end;

    if (!field)
        field = match_key(json, record + 1, guess);
    if (field)
        return field;
    if (ebi_lex_peek(&json->lex) != '"') {
        broken(json, record, place, "expected a name in quotes");
        return NULL;
    }
    if (!take_string(json, record, place, &name_end))
        return NULL;
    field = ebi_node_field(json->schema, record, json->text, (size_t)(name_end - json->text), NULL);
    if (!field)
        no_field(json, record, place, (size_t)(name_end - json->text));
    return field && read_colon(json, field, place) ? field : NULL;
}

/* Sets the optional fields that the JSON leaves out to null. */
static bool fill_missing(struct ebi_json *json, const struct ebi_node *record, struct ebi_slot *frame,
                         const struct ebi_place *place) {
    const struct ebi_node *end = ebi_node_after(json->schema, record);

    for (const struct ebi_node *field = record + 1; field < end; field = ebi_node_after(json->schema, field)) {
        if (frame[field->slot].state != EBI_UNSET)
            continue;
        if (!ebi_node_nullable(json->schema, field)) {
            json->status = ebi_missing(json->root, field, place, json->err);
            return false;
        }
        if (field->kind == EBI_UNION)
            ebi_take_branch(field, frame + field->slot, ebi_node_branch(json->schema, field, EBI_JSON_NULL));
        else
            frame[field->slot].state = EBI_IS_NULL;
    }
    return true;
}

/* Takes what follows a value: a comma, with which *more is true, or `close`. */
static bool read_comma(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, char close,
                       bool *more) {
    char ch = ebi_lex_peek(&json->lex);

    if (ch != ',' && ch != close)
        return broken(json, node, place, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    json->lex.at++;
    *more = ch == ',';
    if (*more)
        ebi_lex_skip_blanks(&json->lex);
    return true;
}

static bool read_record(struct ebi_json *json, const struct ebi_node *record, struct ebi_slot *frame,
                        const struct ebi_place *place) {
    const struct ebi_node *field = NULL, *guess = record + 1;
    bool more = true;
    uint32_t seen = 0;

    if (ebi_lex_peek(&json->lex) == '}') {
        json->lex.at++;
        more = false;
    }
    for (; more; seen++) {
        field = read_name(json, record, guess, place);
        if (!field)
            return false;
        if (frame[field->slot].state != EBI_UNSET)
            return ebi_json_refuse(json, field, place, "given twice");
        if (!read_value(json, field, frame, place) || !read_comma(json, record, place, '}', &more))
            return false;
        guess = ebi_node_after(json->schema, field);
    }
    return seen == record->count || fill_missing(json, record, frame, place);
}

/* ---- Lists and maps ---- */

static struct ebi_slot *add_item(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *slot,
                                 const struct ebi_place *place) {
    if (node->item_slots > json->slots) {
        ebi_json_refuse(json, node, place, "too many items for JSON of %zu bytes", (size_t)(json->lex.end - json->lex.start));
        return NULL;
    }
    json->slots -= node->item_slots;
    if (!ebi_reserve_items(json->arena, node, slot, 1)) {
        no_memory(json);
        return NULL;
    }
    return ebi_add_item(node, slot);
}

static bool read_items(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *slot,
                       const struct ebi_place *around) {
    struct ebi_place place = { .around = around };
    char close = node->kind == EBI_MAP ? '}' : ']';
    bool more = true;

    slot->len = 0;
    if (ebi_lex_peek(&json->lex) == close) {
        json->lex.at++;
        more = false;
    }
    for (; more; place.item++) {
        struct ebi_slot *item = add_item(json, node, slot, around);

        if (!item)
            return false;
        if (node->kind == EBI_MAP) {
            if (ebi_lex_peek(&json->lex) != '"')
                return broken(json, node, around, "expected a key in quotes");
            if (!read_string(json, node + 1, item, &place) || !read_colon(json, node + 1, &place))
                return false;
            item->state = EBI_SET;
        }
        if (!read_value(json, node + 1, item, &place) || !read_comma(json, node, around, close, &more))
            return false;
    }
    return node->kind == EBI_ARRAY || ebi_sort_map(node, slot) || ebi_json_refuse(json, node, around, "a key is given twice");
}

/* ---- Any value ---- */

static enum ebi_json_type json_type_of(struct ebi_json *json) {
    switch (ebi_lex_peek(&json->lex)) {
    case '"':
        return EBI_JSON_TEXT;
    case '{':
        return EBI_JSON_OBJECT;
    case '[':
        return EBI_JSON_LIST;
    case 't':
    case 'f':
        return EBI_JSON_BOOLEAN;
    case 'n':
        return EBI_JSON_NULL;
    default:
        return ebi_lex_looks_whole(&json->lex) ? EBI_JSON_INTEGER : EBI_JSON_REAL;
    }
}

static bool read_branch(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *frame,
                        const struct ebi_place *place) {
    const struct ebi_node *branch = ebi_node_branch(json->schema, node, json_type_of(json));

    if (!branch && ebi_json_looks_non_finite(json))
        branch = ebi_node_branch(json->schema, node, EBI_JSON_REAL);
    if (!branch)
        return ebi_json_mismatch(json, node, place);
    ebi_take_branch(node, frame + node->slot, branch);
    return read_value(json, branch, frame, place);
}

static bool begin(struct ebi_json *json, const struct ebi_node *node, const struct ebi_place *place, char open) {
    if (json->lex.at >= json->lex.end || *json->lex.at != open)
        return ebi_json_mismatch(json, node, place);
    json->lex.at++;
    return true;
}

/* Reads a value that is not the null of an optional node. Blanks have been skipped. */
static bool read_set(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *frame,
                     const struct ebi_place *place) {
    struct ebi_slot *slot = frame + node->slot;
    char ch;

    switch ((enum ebi_kind)node->kind) {
    case EBI_STRING:
        return read_string(json, node, slot, place);
    case EBI_INT:
    case EBI_LONG:
        return ebi_json_whole(json, node, place, &slot->whole);
    case EBI_RECORD:
        return begin(json, node, place, '{') && read_record(json, node, frame, place);
    case EBI_BOOLEAN:
        ch = json->lex.at < json->lex.end ? *json->lex.at : 0;
        slot->whole = ch == 't';
        return ch == 't' || ch == 'f' ? read_word(json, node, place, ch == 't' ? "true" : "false")
                                      : ebi_json_mismatch(json, node, place);
    case EBI_FLOAT:
    case EBI_DOUBLE:
        return ebi_json_real(json, node, place, &slot->real);
    case EBI_BYTES:
    case EBI_FIXED:
        return read_bytes(json, node, slot, place);
    case EBI_ENUM:
        return read_symbol(json, node, slot, place);
    case EBI_ARRAY:
        return begin(json, node, place, '[') && read_items(json, node, slot, place);
    case EBI_MAP:
        return begin(json, node, place, '{') && read_items(json, node, slot, place);
    case EBI_NULL:
        return json->lex.at < json->lex.end && *json->lex.at == 'n' ? read_word(json, node, place, "null")
                                                                    : ebi_json_mismatch(json, node, place);
    case EBI_UNION:
        break;
    }
    return read_branch(json, node, frame, place);
}

static bool read_value(struct ebi_json *json, const struct ebi_node *node, struct ebi_slot *frame,
                       const struct ebi_place *place) {
    char ch = ebi_lex_peek(&json->lex);

    if (ch == 'n' && node->optional) {
        frame[node->slot].state = EBI_IS_NULL;
        return read_word(json, node, place, "null");
    }
    if (node->kind != EBI_UNION)
        frame[node->slot].state = EBI_SET;
    return read_set(json, node, frame, place);
}

static bool read_all(struct ebi_json *json, struct ebi_slot *frame) {
    const struct ebi_node *root = json->schema->nodes;

    if (!read_value(json, root, frame, NULL))
        return false;
    ebi_lex_skip_blanks(&json->lex);
    return json->lex.at == json->lex.end || broken(json, root, NULL, "something follows the object");
}

static enum eb_status from_json(struct ebi_data *data, const char *root, const char *text, size_t len, bool printed,
                                struct eb_error *err) {
    struct ebi_slots before = data->now;
    struct ebi_json json = { .lex = { .start = text, .at = text, .end = text + len },
                             .root = root,
                             .schema = data->schema,
                             .printed = printed,
                             .slots = ebi_slots_for(len),
                             .arena = &data->next.arena,
                             .err = err };

    if (len > EBI_TEXT_MOST)
        return ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "%s: JSON of more than %d bytes", root, EBI_TEXT_MOST);
    if (!ebi_slots_clear(&data->next, data->schema))
        return ebi_error_memory(err);
    /* each text takes its NUL's byte from its quotes */
    json.text = ebi_arena_take(json.arena, len + EBI_TEXT_SLACK);
    if (!json.text)
        return ebi_error_memory(err);
    if (!read_all(&json, data->next.frame))
        return json.status;
    data->now = data->next;
    data->next = before;
    return EB_OK;
}

enum eb_status ebi_data_from_json(struct ebi_data *data, const char *root, const char *text, size_t len, struct eb_error *err) {
    return from_json(data, root, text, len, false, err);
}

enum eb_status ebi_data_from_printed_json(struct ebi_data *data, const char *root, const char *text, size_t len,
                                          struct eb_error *err) {
    return from_json(data, root, text, len, true, err);
}
