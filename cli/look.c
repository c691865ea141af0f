/* cli/look.c - see look.h. */
#include "cli/look.h"

#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/error.h"
#include "cli/interrupt.h"
#include "consume/decode.h"
#include "consume/inflight.h"
#include "consume/task.h"
#include "consume/writer_schemas.h"
#include "plugin/message.h"

enum { LOOK_AGAIN_MS = 200 };

/* One topic, and the position up to which it was read. */
struct place {
    char *topic; /* full name */
    struct eb_point point;
    char *position; /* position of the message printed last; NULL: none yet */
    bool absent;    /* it does not exist, which was reported */
    bool refused;   /* it cannot be read, which was reported */
};

struct looking {
    struct eb_bus *bus;
    const struct cli_look *look;
    struct cli_printer *printer;
    struct ebi_writer_schemas *writers;
    struct ebi_decoder *decoder;
    struct ebi_task task; /* the topics, with patterns as a worker has them */
    bool patterns;
    struct place *places;
    size_t n_places, room;
    struct place *at; /* the topic being read */
    uint64_t printed;
    struct cli_tally tally;
    bool moved;  /* this round read something */
    bool silent; /* messages are skipped, not printed */
};

static bool enough(const struct looking *looking) {
    return cli_signal_caught() || looking->printer->broken ||
           (looking->look->count && looking->printed >= looking->look->count);
}

static enum eb_status print(struct looking *looking, const struct eb_message *theirs, struct eb_error *err) {
    struct eb_message message;
    struct eb_event *event = NULL;
    struct ebi_run run = { 0 };
    size_t copied = 0;

    ebi_sized_copy(&message, sizeof message, theirs);
    enum eb_status status = ebi_writer_schemas_take(looking->writers, message.schema, &message.schema, &copied, err);
    if (status != EB_OK)
        return status;
    struct ebi_inflight *taken = ebi_inflight_new(&message, NULL, message.schema, NULL); /* for texts that end with NUL */
    if (!taken)
        return ebi_error_memory(err);
    if (ebi_decode_message(looking->bus->signals, looking->decoder, &taken->message, &event, &run) == EBI_SUCCEEDED) {
        ebi_event_set_origin(event, &taken->message, looking->bus->settings.topic_prefix, message.failures);
        status = cli_print_event(looking->printer, event, err);
    } else {
        if (err)
            *err = run.error;
        status = EB_PERMANENT;
    }
    eb_event_free(event);
    ebi_inflight_free(taken);
    return status;
}

static bool remember(struct place *place, struct eb_text position) {
    char *copy = strndup(position.data ? position.data : "", position.len);

    if (!copy)
        return false;
    free(place->position);
    place->position = copy;
    place->point = (struct eb_point){ .size = sizeof place->point, .kind = EB_POSITION, .position = { copy, position.len } };
    return true;
}

static int32_t each(void *arg, const struct eb_message *message) {
    struct looking *looking = arg;
    struct place *place = looking->at;
    struct eb_error err;

    if (enough(looking))
        return 1;
    if (place->position && message->position.len == strlen(place->position) &&
        memcmp(place->position, message->position.data, message->position.len) == 0)
        return 0; /* the message printed last: a start point includes its own message */
    if (looking->silent)
        return remember(place, message->position) ? 0 : 1;
    enum eb_status status = print(looking, message, &err);
    if (status == EB_GONE)
        return 1;
    looking->printed++;
    looking->moved = true;
    if (!remember(place, message->position))
        return 1;
    if (status == EB_OK) {
        looking->tally.done++;
    } else {
        ebi_error_context(&err, "%s %s", ebi_short_topic(looking->bus->settings.topic_prefix, place->topic), place->position);
        err.kind = EB_KIND_DATA;
        cli_tally_failed(&looking->tally, &err);
    }
    return enough(looking);
}

/* What the broker says about a topic's newest message. */
struct newest {
    const char *topic; /* full name */
    bool any;          /* the topic has messages, or may have some */
    int64_t ms;        /* -1: unknown */
};

static int32_t find_newest(void *arg, const struct eb_topic_info *theirs) {
    struct newest *newest = arg;
    struct eb_topic_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (strcmp(info.name, newest->topic) != 0)
        return 0;
    newest->any = info.messages != 0;
    newest->ms = info.newest_ms;
    return 1;
}

/* "latest" means messages that are added from now on, and there is no group that remembers that position. So this
 * finds the newest message by the broker's time, skips it and goes on after it: the clock of this machine may differ. */
static enum eb_status fix_latest(struct looking *looking, struct ebi_admin *admin, struct place *place, struct eb_error *err) {
    struct newest newest = { .topic = place->topic, .ms = -1 };
    enum eb_status status = ebi_admin_topics(admin, find_newest, &newest, err);

    place->point = (struct eb_point){ .size = sizeof place->point, .kind = EB_EARLIEST };
    if (status == EB_OK && !newest.any)
        return EB_OK; /* every message is new */
    place->point.kind = EB_TIME;
    place->point.time_ms = newest.ms;
    if (newest.ms < 0) {
        place->point.time_ms = ebi_now_us() / 1000;
        return EB_OK; /* the broker does not say */
    }
    looking->at = place;
    looking->silent = true;
    status = ebi_admin_browse(admin, place->topic, &place->point, each, looking, err);
    looking->silent = false;
    if (!place->position)
        place->point.kind = EB_EARLIEST; /* it was removed since */
    return status < EB_OK ? status : EB_OK;
}

/* ---- Which topics ---- */

/* Adds a topic by its full name, which is copied. */
static enum eb_status add_place(struct looking *looking, const char *topic, struct eb_error *err) {
    size_t room = looking->room ? 2 * looking->room : 8;
    struct place *more;

    looking->at = NULL; /* the array may be moved */
    if (looking->n_places == looking->room) {
        more = realloc(looking->places, room * sizeof *more);
        if (!more)
            return ebi_error_memory(err);
        looking->places = more;
        looking->room = room;
    }
    struct place *place = &looking->places[looking->n_places];
    *place = (struct place){ .topic = strdup(topic) };
    if (!place->topic)
        return ebi_error_memory(err);
    looking->n_places++;
    return ebi_point_read(looking->look->from, &place->point, err);
}

struct search {
    struct looking *looking;
    enum eb_status status;
    struct eb_error err;
};

static int32_t add_if_wanted(void *arg, const struct eb_topic_info *theirs) {
    struct search *search = arg;
    struct looking *looking = search->looking;
    struct eb_topic_info info;

    ebi_sized_copy(&info, sizeof info, theirs);
    if (!ebi_task_wants(&looking->task, info.name))
        return 0;
    for (size_t i = 0; i < looking->n_places; i++)
        if (strcmp(looking->places[i].topic, info.name) == 0)
            return 0;
    search->status = add_place(looking, info.name, &search->err);
    return search->status != EB_OK;
}

/* Adds topics that match a pattern and are not known yet. What the broker cannot list is reported once; the other
 * topics are read. */
static enum eb_status match_topics(struct looking *looking, struct ebi_admin *admin, bool first, struct eb_error *err) {
    struct search search = { .looking = looking, .status = EB_OK };
    struct eb_error why;

    if (ebi_admin_topics(admin, add_if_wanted, &search, &why) < EB_OK) {
        if (why.status != EB_PERMANENT || why.kind == EB_KIND_PLUGIN) {
            if (err)
                *err = why;
            return EB_RETRIABLE;
        }
        if (first)
            cli_tally_failed(&looking->tally, &why);
    }
    if (search.status != EB_OK && err)
        *err = search.err;
    return search.status;
}

static enum eb_status begin(struct looking *looking, struct eb_error *err) {
    struct ebi_task *task = &looking->task;
    size_t n = 0;
    enum eb_status status = EB_OK;

    while (looking->look->topics[n])
        n++;
    task->prefix = looking->bus->settings.topic_prefix;
    task->settings.dead_letter_topic = "{topic}.dlq";
    task->topics = calloc(n + 1, sizeof *task->topics);
    looking->writers = ebi_writer_schemas_new(looking->bus->signals, NULL, NULL);
    looking->decoder = ebi_decoder_new();
    if (!task->topics || !looking->writers || !looking->decoder)
        return ebi_error_memory(err);
    for (size_t i = 0; i < n && status == EB_OK; i++) {
        status = cli_bus_topic(looking->bus, looking->look->topics[i], &task->topics[i], err);
        task->n_topics += status == EB_OK;
        if (ebi_topic_is_pattern(looking->look->topics[i]))
            looking->patterns = true;
        else if (status == EB_OK)
            status = add_place(looking, task->topics[i], err);
    }
    return status;
}

/* ---- Reading ---- */

static void tell_absent(struct looking *looking, struct place *place) {
    if (!place->absent)
        cli_tell("topic %s does not exist%s", ebi_short_topic(looking->task.prefix, place->topic),
                 looking->look->exit_at_end ? "" : " yet; waiting for it");
    place->absent = true;
}

/* Reads one topic to its present end. A topic that cannot be read does not stop the others. */
static enum eb_status read_place(struct looking *looking, struct ebi_admin *admin, struct place *place, struct eb_error *err) {
    struct eb_error why;

    looking->at = place;
    if (place->refused)
        return EB_OK;
    enum eb_status status = ebi_admin_browse(admin, place->topic, &place->point, each, looking, &why);
    if (status == EB_END)
        tell_absent(looking, place);
    if (status >= EB_OK)
        return EB_OK;
    if (why.status == EB_PERMANENT && why.kind == EB_KIND_BROKER && looking->n_places > 1) {
        place->refused = true;
        cli_tally_failed(&looking->tally, &why);
        return EB_OK;
    }
    if (err)
        *err = why;
    return status;
}

/* All messages of a topic that appears later are new. */
static enum eb_status fix_start(struct looking *looking, struct ebi_admin *admin, struct place *place, bool first,
                                struct eb_error *err) {
    if (place->point.kind != EB_LATEST)
        return EB_OK;
    if (first)
        return fix_latest(looking, admin, place, err);
    place->point.kind = EB_EARLIEST;
    return EB_OK;
}

static enum eb_status read_all(struct looking *looking, struct ebi_admin *admin, struct eb_error *err) {
    enum eb_status status = EB_OK;
    bool first = true;

    while (!enough(looking) && status == EB_OK) {
        looking->moved = false;
        if (looking->patterns)
            status = match_topics(looking, admin, first, err);
        if (first && looking->patterns && looking->n_places == 0 && status == EB_OK)
            cli_tell("no topic matches %s%s", looking->look->topics[0],
                     looking->look->exit_at_end ? "" : " yet; waiting for one");
        for (size_t i = 0; i < looking->n_places && status == EB_OK; i++)
            status = fix_start(looking, admin, &looking->places[i], first, err);
        for (size_t i = 0; i < looking->n_places && !enough(looking) && status == EB_OK; i++)
            status = read_place(looking, admin, &looking->places[i], err);
        if (looking->look->exit_at_end)
            break;
        if (!looking->moved)
            cli_print_pause(looking->printer, LOOK_AGAIN_MS); /* only a signal ends it earlier */
        first = false;
    }
    return status;
}

static void free_looking(struct looking *looking) {
    ebi_writer_schemas_free(looking->writers);
    ebi_decoder_free(looking->decoder);
    for (size_t i = 0; i < looking->n_places; i++) {
        free(looking->places[i].topic);
        free(looking->places[i].position);
    }
    free(looking->places);
    ebi_task_free(&looking->task);
}

int cli_look(struct eb_bus *bus, const struct cli_look *look, struct cli_printer *printer) {
    struct looking looking = { .bus = bus, .look = look, .printer = printer };
    struct ebi_admin *admin = NULL;
    struct eb_error err;
    int status;

    if (cli_bus_admin(bus, look->broker, &admin, &err) != EB_OK) {
        ebi_error_context(&err, "to look without a group (-g)");
        status = cli_failed(&err);
    } else if (begin(&looking, &err) != EB_OK || read_all(&looking, admin, &err) != EB_OK) {
        if (looking.at)
            ebi_point_explain(&looking.at->point, &err);
        status = cli_failed(&err);
    } else {
        status = cli_print_end(printer, cli_tally_exit(&looking.tally));
    }
    ebi_admin_close(admin);
    free_looking(&looking);
    return status;
}
