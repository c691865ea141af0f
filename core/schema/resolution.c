/* core/schema/resolution.c - pairs the nodes of a writer's schema with those of a reader's by Avro's rules of
 * resolution, once, so that nothing has to be looked up by name while events are read: see resolution_steps.h. */
#include "schema/resolve.h"

#include <stdlib.h>

#include "base/error.h"
#include "schema/resolution_steps.h"

struct pairing {
    struct ebi_resolution *r;
    struct eb_error *err;
};

static enum eb_status pair(struct pairing *, uint32_t w, uint32_t r);

static const struct ebi_node *writer_node(const struct pairing *p, uint32_t at) {
    return &p->r->writer->nodes[at];
}

static const struct ebi_node *reader_node(const struct pairing *p, uint32_t at) {
    return &p->r->reader->nodes[at];
}

static enum eb_status mismatch(struct pairing *p, const struct ebi_node *w, const struct ebi_node *r) {
    char written[EBI_TYPE_TEXT_ROOM], read[EBI_TYPE_TEXT_ROOM];

    return ebi_error(p->err, EB_PERMANENT, EB_KIND_DATA, "%s: the writer's %s cannot be read as %s",
                     w->path.len ? w->path.data : "the event", ebi_node_type_text(w, written), ebi_node_type_text(r, read));
}

/* ---- Which types fit ---- */

static bool promotes(enum ebi_kind from, enum ebi_kind to) {
    switch (from) {
    case EBI_INT:
        return to == EBI_LONG || to == EBI_FLOAT || to == EBI_DOUBLE;
    case EBI_LONG:
        return to == EBI_FLOAT || to == EBI_DOUBLE;
    case EBI_FLOAT:
        return to == EBI_DOUBLE;
    case EBI_STRING:
        return to == EBI_BYTES;
    case EBI_BYTES:
        return to == EBI_STRING;
    default:
        return false;
    }
}

/* Returns whether a value of w's own type can become one of r's own, as far as their kinds and names say. */
static bool fits(const struct ebi_node *w, const struct ebi_node *r) {
    if (w->kind != r->kind)
        return promotes((enum ebi_kind)w->kind, (enum ebi_kind)r->kind);
    if (w->kind == EBI_FIXED && w->count != r->count)
        return false;
    return w->type_name.len == 0 || ebi_same_text(w->type_name, r->type_name.data, r->type_name.len);
}

/* Returns the node for w's values at the reader's node r: r itself, or the first branch that takes them; 0: none. */
static uint32_t place_for(const struct pairing *p, const struct ebi_node *w, uint32_t r) {
    const struct ebi_schema *reader = p->r->reader;
    const struct ebi_node *node = reader_node(p, r), *end = ebi_node_after(reader, node);

    if (node->kind != EBI_UNION)
        return fits(w, node) ? r : 0;
    for (const struct ebi_node *branch = node + 1; branch < end; branch = ebi_node_after(reader, branch))
        if (fits(w, branch))
            return (uint32_t)(branch - reader->nodes);
    return 0;
}

/* ---- Pairing ---- */

static bool add_absent(struct pairing *p, uint32_t field) {
    struct ebi_resolution *r = p->r;

    if (r->n_absent == r->room) {
        uint32_t room = r->room ? r->room * 2 : 8;
        uint32_t *absent = realloc(r->absent, room * sizeof *absent);

        if (!absent)
            return false;
        r->absent = absent;
        r->room = room;
    }
    r->absent[r->n_absent++] = field;
    return true;
}

/* Notes the reader's fields that the writer does not have. */
static enum eb_status pair_absent(struct pairing *p, const struct ebi_node *w, const struct ebi_node *r,
                                  struct ebi_step *step) {
    const struct ebi_schema *reader = p->r->reader;
    const struct ebi_node *end = ebi_node_after(reader, r);

    step->first = p->r->n_absent;
    for (const struct ebi_node *field = r + 1; field < end; field = ebi_node_after(reader, field)) {
        if (ebi_node_field(p->r->writer, w, field->name.data, field->name.len, NULL))
            continue;
        if (field->has_default != EBI_DEFAULT)
            return ebi_error(p->err, EB_PERMANENT, EB_KIND_DATA,
                             "%.*s: the writer's schema has no such field, and the "
                             "reader's has no %sdefault for it",
                             (int)field->path.len, field->path.data, field->has_default == EBI_BAD_DEFAULT ? "valid " : "");
        if (!add_absent(p, (uint32_t)(field - reader->nodes)))
            return ebi_error_memory(p->err);
    }
    step->count = p->r->n_absent - step->first;
    return EB_OK;
}

static enum eb_status pair_record(struct pairing *p, uint32_t w, uint32_t r) {
    const struct ebi_schema *writer = p->r->writer;
    const struct ebi_node *record = writer_node(p, w), *end = ebi_node_after(writer, record);
    const struct ebi_node *guess = reader_node(p, r) + 1;
    enum eb_status status = pair_absent(p, record, reader_node(p, r), &p->r->steps[w]);

    for (const struct ebi_node *field = record + 1; field < end && status == EB_OK; field = ebi_node_after(writer, field)) {
        const struct ebi_node *same = ebi_node_field(p->r->reader, reader_node(p, r), field->name.data, field->name.len, guess);

        if (!same)
            continue; /* everything inside is skipped */
        status = pair(p, (uint32_t)(field - writer->nodes), (uint32_t)(same - p->r->reader->nodes));
        guess = ebi_node_after(p->r->reader, same);
    }
    return status;
}

/* Pairs w, whose values are not null, with the reader's node r, which takes them. */
static enum eb_status pair_own(struct pairing *p, uint32_t w, uint32_t r) {
    struct ebi_step *step = &p->r->steps[w];

    step->move = EBI_MOVE_TAKE;
    step->reader = r;
    switch ((enum ebi_kind)writer_node(p, w)->kind) {
    case EBI_RECORD:
        return pair_record(p, w, r);
    case EBI_ARRAY:
    case EBI_MAP:
        return pair(p, w + 1, r + 1);
    default:
        return EB_OK;
    }
}

/* Pairs one of several types that the writer may have written. If it does not fit, only its values are refused. */
static enum eb_status pair_branch(struct pairing *p, uint32_t w, uint32_t r) {
    uint32_t place = place_for(p, writer_node(p, w), r);

    if (place)
        return pair_own(p, w, place);
    p->r->steps[w].move = EBI_MOVE_FAIL;
    return EB_OK;
}

/* Returns the reader's node for a null at its node r; 0: r takes no null. */
static uint32_t null_place(const struct pairing *p, uint32_t r) {
    const struct ebi_node *node = reader_node(p, r), *branch;

    if (node->optional || node->kind == EBI_NULL)
        return r;
    branch = node->kind == EBI_UNION ? ebi_node_branch(p->r->reader, node, EBI_JSON_NULL) : NULL;
    return branch ? (uint32_t)(branch - p->r->reader->nodes) : 0;
}

static enum eb_status pair_union(struct pairing *p, uint32_t w, uint32_t r) {
    const struct ebi_schema *writer = p->r->writer;
    const struct ebi_node *end = ebi_node_after(writer, writer_node(p, w));
    enum eb_status status = EB_OK;

    p->r->steps[w].move = EBI_MOVE_TAKE;
    for (const struct ebi_node *at = writer_node(p, w) + 1; at < end && status == EB_OK; at = ebi_node_after(writer, at)) {
        uint32_t branch = (uint32_t)(at - writer->nodes);

        if (at->kind != EBI_NULL) {
            status = pair_branch(p, branch, r);
            continue;
        }
        p->r->steps[branch].null = null_place(p, r);
        p->r->steps[branch].move = p->r->steps[branch].null ? EBI_MOVE_TAKE : EBI_MOVE_FAIL;
    }
    return status;
}

/* Pairs the writer's node w with the reader's node r, which stands at the same place. */
static enum eb_status pair(struct pairing *p, uint32_t w, uint32_t r) {
    const struct ebi_node *node = writer_node(p, w);
    struct ebi_step *step = &p->r->steps[w];
    uint32_t place;

    if (node->kind == EBI_UNION)
        return pair_union(p, w, r);
    if (node->optional || node->kind == EBI_NULL)
        step->null = null_place(p, r);
    if (node->optional)
        return pair_branch(p, w, r);
    if (node->kind == EBI_NULL && step->null) {
        step->move = EBI_MOVE_TAKE;
        return EB_OK;
    }
    place = node->kind == EBI_NULL ? 0 : place_for(p, node, r);
    return place ? pair_own(p, w, place) : mismatch(p, node, reader_node(p, r));
}

enum eb_status ebi_resolution_new(const struct ebi_schema *writer, const struct ebi_schema *reader,
                                  struct ebi_resolution **made, struct eb_error *err) {
    struct ebi_resolution *resolver = calloc(1, sizeof *resolver);
    struct pairing p = { .r = resolver, .err = err };
    enum eb_status status;

    if (resolver) {
        resolver->writer = writer;
        resolver->reader = reader;
        resolver->steps = calloc(writer->n_nodes, sizeof *resolver->steps);
    }
    if (!resolver || !resolver->steps)
        status = ebi_error_memory(err);
    else if (!fits(&writer->nodes[0], &reader->nodes[0]))
        status = mismatch(&p, &writer->nodes[0], &reader->nodes[0]);
    else
        status = pair_own(&p, 0, 0);
    if (status == EB_OK)
        *made = resolver;
    else
        ebi_resolution_free(resolver);
    return status;
}

void ebi_resolution_free(struct ebi_resolution *resolver) {
    if (!resolver)
        return;
    free(resolver->steps);
    free(resolver->absent);
    free(resolver);
}
