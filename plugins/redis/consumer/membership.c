/* plugins/redis/consumer/membership.c - finds out whether another worker uses this consumer's name.
 *
 * The name of each connection ends with a mark: the consumer's name, a number drawn for this instance, and a hash of
 * each stream with its group. Before it joins, an instance looks through CLIENT LIST for connections that have its
 * name, another number and one of its streams. The older instance stays. A connection whose owner died with its machine
 * may be listed for long, so only one that has sent a command since the first look counts. */
#include "consumer/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>
#include <eventbus/plugin-help/hash.h>
#include <eventbus/plugin-help/log.h>

#include "connection/server_error.h"

enum {
    HASHES_MAX = 32,
    HASH_DIGITS = 8,
    LOOK_MS = 500,
    LAST_SIGN_MS = 1250, /* so long after a worker's death the server may still reply to its last read */
    LEAST_PATIENCE_MS = 6000
};

/* ---- the mark ---- */

static uint32_t add_text(uint32_t hash, const char *text) {
    for (; *text; text++)
        hash = ebp_fnv1a_32_add(hash, (unsigned char)*text);
    return ebp_fnv1a_32_add(hash, 0xff); /* the end of a text: UTF-8 has no such byte */
}

static uint32_t stream_hash(const struct rd_consumer *c, const char *stream) {
    char db[16];

    snprintf(db, sizeof db, "%d", c->target.url.db);
    return add_text(add_text(add_text(EBP_FNV1A_32, db), c->sub->group), stream);
}

static uint64_t draw_number(void) {
    uint64_t number;

    if (getrandom(&number, sizeof number, 0) != sizeof number)
        number = (uint64_t)ebp_boottime_ms() << 24 ^ (uint64_t)getpid();
    return number;
}

/* Replaces by '_' what would break a line of CLIENT LIST or the mark. */
static void make_safe(char *text) {
    for (; *text; text++)
        if (*text < '!' || *text > '~' || *text == ':')
            *text = '_';
}

bool rd_membership_open(struct rd_consumer *c) {
    struct rd_membership *me = &c->membership;
    char *name = strdup(c->sub->consumer), *mark;
    size_t n = c->n_streams < HASHES_MAX ? c->n_streams : HASHES_MAX, room, len;

    if (!name)
        return false;
    make_safe(name);
    room = strlen(name) + 24 + n * (HASH_DIGITS + 1);
    mark = malloc(room);
    if (mark) {
        len = (size_t)snprintf(mark, room, ":%s:", name);
        me->name_len = len;
        len += (size_t)snprintf(mark + len, room - len, "%016" PRIx64 ":", draw_number());
        me->mark_len = len;
        for (size_t i = 0; i < n; i++)
            len += (size_t)snprintf(mark + len, room - len, "%s%08" PRIx32, i ? "," : "", stream_hash(c, c->streams[i].name));
        c->target.mark = me->mark = mark;
    }
    free(name);
    return mark != NULL;
}

void rd_membership_free(struct rd_consumer *c) {
    free(c->membership.mark);
    c->target.mark = c->membership.mark = NULL;
}

/* ---- a line of CLIENT LIST ---- */

/* Returns the value of a field in a line, up to the next blank; NULL: the line has no such field. */
static const char *field(const char *line, const char *end, const char *name, size_t *len) {
    size_t n = strlen(name);

    for (const char *at = line; at < end; at++) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank ? blank : end;
        if ((size_t)(stop - at) > n && strncmp(at, name, n) == 0 && at[n] == '=') {
            *len = (size_t)(stop - at) - n - 1;
            return at + n + 1;
        }
        at = stop;
    }
    return NULL;
}

static int64_t number_of(const char *line, const char *end, const char *name) {
    size_t len;
    const char *text = field(line, end, name, &len);

    return text ? strtoll(text, NULL, 10) : -1;
}

/* Whether a list of hashes, "x,y,...", holds one of ours. */
static bool shares_stream(const struct rd_membership *me, const char *hashes, size_t len) {
    const char *ours = me->mark + me->mark_len;

    for (size_t at = 0; at + HASH_DIGITS <= len; at += HASH_DIGITS + 1)
        for (const char *mine = ours; strlen(mine) >= HASH_DIGITS; mine += HASH_DIGITS + (mine[HASH_DIGITS] == ','))
            if (strncmp(hashes + at, mine, HASH_DIGITS) == 0)
                return true;
    return false;
}

/* Whether a connection of this name belongs to another instance that has our name and one of our streams. */
static bool is_namesake(const struct rd_membership *me, const char *name, size_t len) {
    static const char sign[] = "eventbus-";
    const char *mark = NULL;

    if (len < sizeof sign || strncmp(name, sign, sizeof sign - 1) != 0)
        return false;
    for (size_t at = 0; at + me->mark_len < len && !mark; at++) /* the service's name comes first */
        if (strncmp(name + at, me->mark, me->name_len) == 0 && name[at + me->mark_len - 1] == ':')
            mark = name + at;
    return mark && strncmp(mark, me->mark, me->mark_len) != 0 &&
           shares_stream(me, mark + me->mark_len, len - (size_t)(mark + me->mark_len - name));
}

/* The server reports in whole seconds when a connection was last used. */
static void check_line(struct rd_consumer *c, const char *line, const char *end, bool *found, bool *alive) {
    const struct rd_membership *me = &c->membership;
    int64_t id = number_of(line, end, "id"), idle_s = number_of(line, end, "idle"), mine = strtoll(c->control.id, NULL, 10);
    size_t len = 0;
    const char *name = field(line, end, "name", &len);

    if (!name || !is_namesake(me, name, len) || (c->control.id[0] && id > mine))
        return;
    *found = true;
    *alive = *alive || (idle_s >= 0 && ebp_boottime_ms() - me->since_ms > (idle_s + 1) * 1000 + LAST_SIGN_MS);
}

/* ---- looking ---- */

static void refuse_name(struct rd_consumer *c) {
    ebp_error_of_kind(&c->why, EB_PERMANENT, EB_KIND_NAME, 0,
                      "the consumer's name %s is in use by another worker of group %s; "
                      "give each worker its own --name, or leave it out",
                      c->sub->consumer, c->sub->group);
    c->refused_for_good = c->closing = true;
}

static void log_namesake(struct rd_consumer *c) {
    if (c->membership.namesake_logged)
        return;
    c->membership.namesake_logged = true;
    ebp_log(c->host, EBP_LOG_WARNING, "a connection of another worker has the name %.200s; looking whether it is alive",
            c->sub->consumer);
}

/* The longest silence of a live worker: one that takes no more events still sends signs of life. */
static int64_t patience_ms(const struct rd_consumer *c) {
    return c->set->claim_after / 3 > LEAST_PATIENCE_MS ? c->set->claim_after / 3 : LEAST_PATIENCE_MS;
}

static void log_unseen(struct rd_consumer *c, const struct rd_node *node) {
    struct eb_error why;

    if (c->membership.unseen_logged)
        return;
    c->membership.unseen_logged = true;
    rd_classify_error(node, "CLIENT LIST", &why);
    rd_add_advice(&why, node, c->target.user, "");
    ebp_log(c->host, EBP_LOG_INFO, "whether another worker has the name %.200s cannot be seen: %s", c->sub->consumer, why.text);
}

static int32_t on_list(struct rd_conn *conn, uint64_t arg, const struct rd_node *node, struct eb_error *err) {
    struct rd_consumer *c = rd_consumer_of(conn);
    struct rd_membership *me = &c->membership;
    bool found = false, alive = false;

    (void)arg;
    me->list_awaited = false;
    if (rd_check_available(node, "CLIENT LIST", err) != EB_OK)
        return EB_RETRIABLE;
    if (rd_is_error(node))
        log_unseen(c, node);
    for (const char *line = rd_is_text(node) ? node->text : "", *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        check_line(c, line, end, &found, &alive);
    }
    if (alive) {
        refuse_name(c);
    } else if (found && ebp_boottime_ms() - me->since_ms < patience_ms(c)) {
        log_namesake(c);
        me->look_ms = ebp_boottime_ms() + LOOK_MS;
    } else {
        me->known = true;
    }
    return EB_OK;
}

void rd_membership_reset(struct rd_consumer *c) {
    c->membership.list_awaited = c->membership.known = false;
    c->membership.since_ms = c->membership.look_ms = 0;
}

void rd_membership_check(struct rd_consumer *c) {
    struct rd_membership *me = &c->membership;
    int64_t now = ebp_boottime_ms();

    if (me->known || me->list_awaited || c->closing || !rd_conn_is_ready(&c->control) || now < me->look_ms)
        return;
    if (me->since_ms == 0)
        me->since_ms = now;
    me->list_awaited = true;
    rd_control_command(c, on_list, 0, (const char *[]){ "CLIENT", "LIST", NULL });
}
