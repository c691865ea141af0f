/* consumer/until_end.c - whether the group has settled everything up to the end that the topics had. See state.h.
 *
 * Pulsar's cursor of a group moves over what the whole group has acknowledged, so what other members hold is waited for. */
#include "consumer/state.h"

/* The last entry that there is. Returns false: there is none. */
static bool last_entry(const json_t *internal, int partition, struct pl_position *end) {
    const json_t *ledgers = json_object_get(internal, "ledgers");

    if (!pl_read_position(json_object_get(internal, "lastConfirmedEntry"), partition, end))
        return false;
    if (end->entry >= 0)
        return true;
    /* A new ledger, and nothing in it: the last entry is in one before. */
    for (size_t i = json_array_size(ledgers); i-- > 0;) {
        int64_t entries = pl_number(json_array_get(ledgers, i), "entries");
        if (entries > 0) {
            end->ledger = pl_number(json_array_get(ledgers, i), "ledgerId");
            end->entry = entries - 1;
            return true;
        }
    }
    return false;
}

static bool is_settled(const struct pl_receiving *r, const struct pl_source *source, const json_t *internal) {
    const json_t *cursor = pl_cursor(internal, r->group);
    struct pl_position settled;

    return pl_read_position(json_object_get(cursor, "markDeletePosition"), source->partition, &settled) &&
           pl_position_compare(&settled, &source->end) >= 0;
}

/* Reads the end of one source, or looks whether the group is there. Returns false if the broker did not tell. */
static bool look(struct pl_receiving *r, struct pl_source *source, int64_t until) {
    json_t *internal = NULL;
    bool had_end = source->end_known;
    int32_t status = pl_query_internal(&r->admin, source->topic, source->partition, until, &internal, NULL);

    if (status == EB_OK && !had_end)
        source->at_end = !last_entry(internal, source->partition, &source->end);
    if (status == EB_OK && !source->at_end)
        source->at_end = is_settled(r, source, internal);
    if (status == EB_GONE) /* removed meanwhile */
        source->at_end = true;
    source->end_known = source->end_known || status == EB_OK || status == EB_GONE;
    json_decref(internal);
    return source->end_known;
}

static bool all_ready(struct pl_receiving *r) {
    bool ready = true;

    pthread_mutex_lock(&r->lock);
    for (struct pl_source *source = r->sources; source; source = source->next)
        ready = ready && source->state == PL_SOURCE_READY;
    pthread_mutex_unlock(&r->lock);
    return ready;
}

/* Reads the end of each source that there is at this moment; those that are found later have none. */
static bool read_ends(struct pl_receiving *r, int64_t until) {
    for (struct pl_source *source = pl_sources(r); source; source = source->next)
        if (!source->end_known && !look(r, source, until))
            return false;
    return true;
}

void pl_until_end_look(struct pl_receiving *r, int64_t until) {
    bool at_end = true, idle;

    if (!r->ends_known && (!all_ready(r) || !(r->ends_known = read_ends(r, until))))
        return;
    pthread_mutex_lock(&r->lock);
    idle = r->idle;
    pthread_mutex_unlock(&r->lock);
    for (struct pl_source *source = pl_sources(r); idle && source; source = source->next) {
        if (source->end_known && !source->at_end)
            look(r, source, until);
        at_end = at_end && (!source->end_known || source->at_end);
    }
    if (!idle || !at_end)
        return;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_mutex_unlock(&r->lock);
    pl_receiving_signal(r);
}
