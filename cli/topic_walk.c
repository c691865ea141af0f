/* cli/topic_walk.c - see topic_walk.h. */
#include "cli/topic_walk.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/error.h"
#include "plugin/message.h"

enum { MOST_MESSAGES = 100000, MOST_MS = 5000 };

static const struct eb_point earliest = { .size = sizeof earliest, .kind = EB_EARLIEST };

/* A walk over messages, which ends at its bounds. */
struct walk {
    const struct cli_topic *topic;
    int64_t until_ms, read;
    bool cut; /* by a bound */
    bool no_memory;
    struct cli_firsts *firsts; /* to fill, or to count up to */
    size_t reached;            /* of these */
    int64_t count;
};

static struct cli_first *first_of(const struct cli_firsts *firsts, uint32_t partition) {
    for (size_t i = 0; i < firsts->n; i++)
        if (firsts->list[i].partition == partition)
            return &firsts->list[i];
    return NULL;
}

static bool stands_at(const struct eb_message *message, const char *position) {
    return message->position.len == strlen(position) && memcmp(message->position.data, position, message->position.len) == 0;
}

static bool at_bound(struct walk *walk) {
    walk->cut = ++walk->read >= MOST_MESSAGES || ebi_ticks_ms() > walk->until_ms;
    return walk->cut;
}

static enum eb_status read_from(struct cli_topic *topic, const struct eb_point *from,
                                int32_t (*each)(void *, const struct eb_message *), struct walk *walk, struct eb_error *err) {
    walk->topic = topic;
    walk->until_ms = ebi_ticks_ms() + MOST_MS;
    enum eb_status status = ebi_admin_browse(topic->admin, topic->full, from, each, walk, err);

    if (walk->no_memory)
        return ebi_error_memory(err);
    return status < EB_OK ? status : EB_OK;
}

/* ---- The first ones ---- */

static bool add_first(struct cli_firsts *firsts, const struct eb_message *message) {
    struct cli_first *list = realloc(firsts->list, (firsts->n + 1) * sizeof *list);

    if (!list)
        return false;
    firsts->list = list;
    list[firsts->n] = (struct cli_first){
        .partition = message->partition,
        .position = strndup(message->position.data ? message->position.data : "", message->position.len),
    };
    return list[firsts->n].position && ++firsts->n > 0;
}

static int32_t see(void *arg, const struct eb_message *theirs) {
    struct walk *walk = arg;
    struct eb_message message;

    ebi_sized_copy(&message, sizeof message, theirs);
    if (!first_of(walk->firsts, message.partition))
        walk->no_memory = !add_first(walk->firsts, &message);
    if (walk->no_memory || (int64_t)walk->firsts->n == walk->topic->partitions)
        return 1;
    return at_bound(walk);
}

enum eb_status cli_firsts_find(struct cli_topic *topic, const struct eb_point *from, struct cli_firsts *firsts,
                               struct eb_error *err) {
    struct walk walk = { .firsts = firsts };

    *firsts = (struct cli_firsts){ 0 };
    enum eb_status status = read_from(topic, from, see, &walk, err);
    firsts->whole = status == EB_OK && !walk.cut;
    return status;
}

void cli_firsts_free(struct cli_firsts *firsts) {
    while (firsts->n > 0)
        free(firsts->list[--firsts->n].position);
    free(firsts->list);
    *firsts = (struct cli_firsts){ 0 };
}

/* Whether b has all of a's. */
static bool holds(const struct cli_firsts *b, const struct cli_firsts *a) {
    for (size_t i = 0; i < a->n; i++) {
        const struct cli_first *other = first_of(b, a->list[i].partition);
        if (other ? strcmp(other->position, a->list[i].position) != 0 : b->whole)
            return false;
    }
    return true;
}

bool cli_firsts_equal(const struct cli_firsts *a, const struct cli_firsts *b) {
    return holds(a, b) && holds(b, a);
}

/* ---- Counting up to them ---- */

/* A partition without a first one is counted to its end; then the walk goes on to the end of the topic. */
static int32_t count(void *arg, const struct eb_message *theirs) {
    struct walk *walk = arg;
    struct eb_message message;

    ebi_sized_copy(&message, sizeof message, theirs);
    struct cli_first *first = first_of(walk->firsts, message.partition);
    if (first && !first->reached && stands_at(&message, first->position)) {
        first->reached = true;
        walk->reached++;
    }
    if (walk->reached > 0 && (int64_t)walk->reached == walk->topic->partitions)
        return 1;
    walk->count += !first || !first->reached;
    return at_bound(walk);
}

enum eb_status cli_firsts_count_before(struct cli_topic *topic, struct cli_firsts *firsts, int64_t *number, bool *more,
                                       struct eb_error *err) {
    struct walk walk = { .firsts = firsts };

    for (size_t i = 0; i < firsts->n; i++)
        firsts->list[i].reached = false;
    enum eb_status status = read_from(topic, &earliest, count, &walk, err);

    *number = walk.count;
    *more = walk.cut;
    return status;
}
