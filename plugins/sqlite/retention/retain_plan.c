/* plugins/sqlite/retention/retain_plan.c - see retain_plan.h. The limit of age holds for all that was settled; those of
 * number and bytes only for topics that some group reads: what was sent before a topic's first group joined may be all
 * that the group wants. Topics of dead letters have no limit of number or bytes, and no hard one. */
#include "retention/retain_plan.h"

#include <fnmatch.h>

#include "retention/age_marks.h"

enum { MARK_EVERY_LEAST_MS = 100 };

/* A set of limits: the soft ones, or the hard ones. */
struct limits {
    int64_t age_ms, events, bytes; /* 0: none */
};

struct survey {
    struct sq_sizes *sizes;
    struct sq_store *store;
    int64_t topic;
    struct sq_extent extent;
    const struct sq_retain_now *at;
    struct sq_retain_plan *plan;
};

static struct limits soft(const struct sq_settings *set) {
    return (struct limits){ set->retain_age, set->retain_events, set->retain_bytes };
}

static struct limits hard(const struct sq_settings *set) {
    return (struct limits){ set->retain_hard_age, set->retain_hard_events, set->retain_hard_bytes };
}

bool sq_retain_plan_any(const struct sq_settings *set) {
    return set->retain_age || set->retain_events || set->retain_bytes || set->retain_hard_age || set->retain_hard_events ||
           set->retain_hard_bytes;
}

static bool is_kept(const struct sq_settings *set, const char *name) {
    for (const char *const *pattern = set->retain_always; pattern && *pattern; pattern++)
        if (fnmatch(*pattern, name, FNM_NOESCAPE) == 0)
            return true;
    return false;
}

static void raise_to(int64_t *upto, int64_t candidate) {
    if (*upto < candidate)
        *upto = candidate;
}

static void lower_to(int64_t *next_ms, int64_t candidate) {
    if (*next_ms > candidate)
        *next_ms = candidate;
}

/* How far apart the marks of a topic are, so that a message is removed at most that much too late; 0: there is no limit of
 * age. */
static int64_t mark_every_ms(const struct sq_settings *set) {
    int64_t age_ms = set->retain_age;

    if (age_ms == 0 || (set->retain_hard_age != 0 && set->retain_hard_age < age_ms))
        age_ms = set->retain_hard_age;
    return age_ms == 0 ? 0 : age_ms / 32 > MARK_EVERY_LEAST_MS ? age_ms / 32 : MARK_EVERY_LEAST_MS;
}

static int32_t want_mark(struct survey *s, int64_t every_ms, struct eb_error *err) {
    int64_t from_ms;
    int32_t status = every_ms == 0 ? EB_OK : sq_mark_wanted(s->store, s->topic, &s->extent, every_ms, &from_ms, err);

    if (every_ms == 0 || status != EB_OK)
        return status;
    s->plan->mark = from_ms <= s->at->now_ms;
    if (!s->plan->mark)
        lower_to(&s->plan->next_ms, from_ms);
    return EB_OK;
}

static int32_t by_age(struct survey *s, int64_t age_ms, int64_t *upto, struct eb_error *err) {
    int64_t seq, at_ms;
    int32_t status;

    if (age_ms == 0)
        return EB_OK;
    status = sq_mark_old(s->store, s->topic, s->at->now_ms - age_ms, &seq, err);
    if (status == EB_OK)
        status = sq_mark_next(s->store, s->topic, seq, &at_ms, err);
    if (status != EB_OK)
        return status;
    raise_to(upto, seq);
    if (at_ms != INT64_MAX)
        lower_to(&s->plan->next_ms, at_ms + age_ms);
    return EB_OK;
}

static int32_t by_bytes(struct survey *s, int64_t limit, int64_t *upto, struct eb_error *err) {
    int64_t bytes, cut;
    int32_t status;

    if (limit == 0 || s->at->file_bytes <= limit)
        return EB_OK;
    status = sq_size_count(s->sizes, s->store, s->topic, &s->extent, &bytes, err);
    s->plan->counting = s->plan->counting || status == EB_FULL;
    if (status < 0 || bytes <= limit)
        return status < 0 ? status : EB_OK;
    status = sq_size_cut(s->store, s->topic, &s->extent, bytes - limit, &cut, err);
    if (status == EB_OK)
        raise_to(upto, cut);
    return status;
}

static int32_t by_length(struct survey *s, const struct limits *limits, int64_t *upto, struct eb_error *err) {
    if (limits->events > 0)
        raise_to(upto, s->extent.last - limits->events);
    return by_bytes(s, limits->bytes, upto, err);
}

static int32_t see(struct survey *s, const struct sq_settings *set, bool kept, bool read, struct eb_error *err) {
    struct limits may = soft(set), must = hard(set);
    struct sq_trim *trim = &s->plan->trim;
    int32_t status = EB_OK;

    if (!kept || read)
        status = by_age(s, may.age_ms, &trim->upto, err);
    if (status == EB_OK && !kept && read)
        status = by_length(s, &may, &trim->upto, err);
    if (status == EB_OK && !kept)
        status = by_age(s, must.age_ms, &trim->upto_anyway, err);
    if (status == EB_OK && !kept)
        status = by_length(s, &must, &trim->upto_anyway, err);
    return status;
}

int32_t sq_retain_plan_make(const struct sq_settings *set, struct sq_sizes *sizes, struct sq_store *store, int64_t topic,
                            const char *name, const struct sq_retain_now *at, struct sq_retain_plan *plan,
                            struct eb_error *err) {
    struct survey s = { .sizes = sizes, .store = store, .topic = topic, .at = at, .plan = plan };
    int64_t needed;
    int32_t status = sq_topic_extent(store, topic, &s.extent, err);

    *plan = (struct sq_retain_plan){ .trim.topic = topic, .next_ms = INT64_MAX };
    if (status == EB_OK)
        status = want_mark(&s, mark_every_ms(set), err);
    if (status != EB_OK || s.extent.first >= s.extent.last)
        return status < 0 ? status : EB_OK; /* removed since, or nothing but its newest message is left */
    status = sq_trim_floor(store, topic, &needed, err);
    if (status == EB_OK)
        status = see(&s, set, is_kept(set, name), needed != INT64_MAX, err);
    plan->any = s.extent.first <= plan->trim.upto_anyway || (s.extent.first <= plan->trim.upto && s.extent.first < needed);
    return status;
}
