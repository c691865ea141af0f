/* core/schema/evolve.c - compares two schemas of one event type, and finds whether both can be in use at the same time.
 * The rule of Open edX is stricter than Avro's: only the outermost record may get new fields. */
#include "avro/node.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "schema/resolve.h"
#include "schema/schema.h"

struct comparing {
    const struct ebi_schema *older, *newer;
    void (*each)(void *arg, const char *problem);
    void *arg;
    int found;
};

__attribute__((format(printf, 2, 3))) static void report(struct comparing *c, const char *format, ...) {
    char problem[EB_ERROR_ROOM];
    va_list args;

    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    c->found++;
    if (c->each)
        c->each(c->arg, problem);
}

static bool same_symbols(const struct ebi_node *a, const struct ebi_node *b) {
    bool same = a->count == b->count;

    for (uint32_t i = 0; same && i < a->count; i++)
        same = ebi_same_text(a->symbols[i], b->symbols[i].data, b->symbols[i].len);
    return same;
}

/* Returns in what two types differ that have the same name in full; "": in nothing. */
static const char *hidden_difference(const struct ebi_node *a, const struct ebi_node *b) {
    if (a->kind != b->kind || (a->kind == EBI_UNION && a->count != b->count))
        return " of other types"; /* the names differ behind the place where they are cut */
    if (a->optional != b->optional)
        return " in another order";
    if (a->kind == EBI_ENUM && !same_symbols(a, b))
        return " of other symbols";
    if (a->kind == EBI_FIXED && a->count != b->count)
        return " of another size";
    return "";
}

static void compare_inside(struct comparing *, const struct ebi_node *a, const struct ebi_node *b);

static void compare(struct comparing *c, const struct ebi_node *a, const struct ebi_node *b) {
    char was[EBI_TYPE_TEXT_ROOM], is[EBI_TYPE_TEXT_ROOM];
    bool same_words = strcmp(ebi_node_type_text(a, was), ebi_node_type_text(b, is)) == 0;
    const char *hidden = same_words ? hidden_difference(a, b) : "";

    if (same_words && !*hidden)
        compare_inside(c, a, b);
    else
        report(c, "%s: was %s, is %s%s; a field must keep its type", a->path.len ? a->path.data : "the event", was, is, hidden);
}

/* Checks that the fields of both records stand in the same order: a consumer that knows no writer's schema relies on
 * it. */
static void compare_order(struct comparing *c, const struct ebi_node *a, const struct ebi_node *b) {
    const struct ebi_node *end = ebi_node_after(c->older, a), *last = b;

    for (const struct ebi_node *field = a + 1; field < end; field = ebi_node_after(c->older, field)) {
        const struct ebi_node *same = ebi_node_field(c->newer, b, field->name.data, field->name.len, NULL);

        if (same && same < last) {
            report(c, "%s: its place among the other fields has changed; fields must keep their order", field->path.data);
            return;
        }
        last = same ? same : last;
    }
}

static void compare_new(struct comparing *c, const struct ebi_node *a, const struct ebi_node *b) {
    const struct ebi_node *end = ebi_node_after(c->newer, b);

    for (const struct ebi_node *field = b + 1; field < end; field = ebi_node_after(c->newer, field)) {
        if (ebi_node_field(c->older, a, field->name.data, field->name.len, NULL))
            continue;
        if (b != c->newer->nodes)
            report(c, "%s: new inside %s; only the outermost record may get new fields", field->path.data, b->path.data);
        else if (field->has_default != EBI_DEFAULT)
            report(c, "%s: new without a valid default, so that older events cannot be read any more", field->path.data);
    }
}

static void compare_record(struct comparing *c, const struct ebi_node *a, const struct ebi_node *b) {
    const struct ebi_node *end = ebi_node_after(c->older, a);

    for (const struct ebi_node *field = a + 1; field < end; field = ebi_node_after(c->older, field)) {
        const struct ebi_node *same = ebi_node_field(c->newer, b, field->name.data, field->name.len, NULL);

        if (same)
            compare(c, field, same);
        else
            report(c, "%s: was removed; fields must stay", field->path.data);
    }
    compare_new(c, a, b);
    compare_order(c, a, b);
}

static void compare_inside(struct comparing *c, const struct ebi_node *a, const struct ebi_node *b) {
    const struct ebi_node *end = ebi_node_after(c->older, a);

    if (a->kind == EBI_RECORD) {
        compare_record(c, a, b);
    } else if (a->kind == EBI_ARRAY || a->kind == EBI_MAP) {
        compare(c, a + 1, b + 1);
    } else if (a->kind == EBI_UNION) {
        for (a++, b++; a < end; a = ebi_node_after(c->older, a), b = ebi_node_after(c->newer, b))
            compare(c, a, b);
    }
}

/* Reports what Avro's own rules forbid, in case the comparison has overlooked something. */
static enum eb_status resolve(struct comparing *c, const struct ebi_schema *writer, const struct ebi_schema *reader,
                              const char *who, struct eb_error *err) {
    struct ebi_resolution *resolver = NULL;
    struct eb_error why;
    enum eb_status status = ebi_resolution_new(writer, reader, &resolver, &why);

    ebi_resolution_free(resolver);
    if (status == EB_PERMANENT)
        report(c, "%s: %s", who, why.text);
    else if (status != EB_OK && err)
        *err = why;
    return status == EB_PERMANENT ? EB_OK : status;
}

int ebi_schema_evolution(const struct ebi_schema *older, const struct ebi_schema *newer,
                         void (*each)(void *arg, const char *problem), void *arg, struct eb_error *err) {
    struct comparing c = { .older = older, .newer = newer, .each = each, .arg = arg };

    if (strcmp(older->type, newer->type) != 0) {
        ebi_error(err, EB_PERMANENT, EB_KIND_DATA, "the schemas are of different event types, %s and %s", older->type,
                  newer->type);
        return -1;
    }
    compare(&c, older->nodes, newer->nodes);
    if (c.found > 0)
        return c.found;
    if (resolve(&c, older, newer, "what the older wrote cannot be read", err) != EB_OK ||
        resolve(&c, newer, older, "what the newer writes cannot be read", err) != EB_OK)
        return -1;
    return c.found;
}
