/* plugins/redis/admin/admin_write.c - changes to topics and groups, each one script, so that nothing comes between looking and
 * doing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "clock.h"
#include "consumer/state.h"
#include "error.h"
#include "position.h"
#include "connection/server_error.h"

static int32_t no_topic(const char *topic, struct eb_error *err) {
    return rd_error(err, EB_PERMANENT, 0, "there is no topic %s", topic);
}

/* The script's answer. */
static int32_t run(struct rd_admin *admin, int32_t timeout_ms, const char *what, const char *topic,
                   const char *const *argv, const struct rd_node **reply, struct eb_error *err) {
    char thing[300];

    snprintf(thing, sizeof thing, "%s topic %s", what, topic);
    return rd_client_request_for(&admin->client, rd_ticks_ms() + timeout_ms, thing, topic, argv, reply, err);
}

/* ---- seek ---- */

/* A group is moved by making it anew, or what is pending would come from behind its new place as well. ARGV: the
 * group, the id it goes on behind ("": only looks), how long a member may be silent, the pool. Answers 0: there is no such
 * topic; who is at work and for how long silent; or the topic's last id, the group's ("": there is none) and that of its
 * oldest pending entry ("": none). */
static const char seek_script[] =
    "local function fields(list)\n"
    "  local info = {}\n"
    "  for i = 1, #list, 2 do info[list[i]] = list[i + 1] end\n"
    "  return info\n"
    "end\n"
    "local last, at, pending = '0-0', '', ''\n"
    "if redis.call('EXISTS', KEYS[1]) == 1 then\n"
    "  last = fields(redis.call('XINFO', 'STREAM', KEYS[1]))['last-generated-id']\n"
    "  for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "    if group[2] == ARGV[1] then\n"
    "      at = fields(group)['last-delivered-id']\n"
    "      pending = redis.call('XPENDING', KEYS[1], ARGV[1])[2] or ''\n"
    "      for _, member in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
    "        local info = fields(member)\n"
    "        if info['name'] ~= ARGV[4] and info['idle'] < tonumber(ARGV[3]) then\n"
    "          return {info['name'], info['idle']}\n"
    "        end\n"
    "      end\n"
    "    end\n"
    "  end\n"
    "elseif ARGV[2] == '' then\n"
    "  return 0\n"
    "end\n"
    "if ARGV[2] ~= '' then\n"
    "  if at ~= '' then redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) end\n"
    "  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[2], 'MKSTREAM')\n"
    "end\n"
    "return {last, at, pending}";

/* A topic and a group as the script finds them. */
struct seen {
    bool topic, group;
    struct rd_id last;                  /* of the topic */
    struct rd_id next;                  /* the first that the group has not settled */
};

static int32_t take_seen(const struct rd_node *reply, const char *topic, const char *group, struct seen *seen,
                         struct eb_error *err) {
    struct rd_id oldest;

    *seen = (struct seen){ .topic = !rd_is_integer(reply) };
    if (!seen->topic)
        return EB_OK;
    if (rd_is_array(reply, 2) && rd_is_text(&reply->items[0]) && rd_is_integer(&reply->items[1]))
        return rd_error(err, EB_PERMANENT, 0, "group %s of topic %s cannot be moved: its member %s was at work %" PRId64
                        " ms ago; stop it, and if it was killed wait for claim_after", group, topic,
                        reply->items[0].text, reply->items[1].number);
    if (!rd_is_array(reply, 3) || !rd_is_text(&reply->items[0]) || !rd_is_text(&reply->items[1]) ||
        !rd_is_text(&reply->items[2]) || !rd_id_parse(reply->items[0].text, &seen->last))
        return rd_error(err, EB_RETRIABLE, 0, "moving a group of topic %s: unexpected reply to a script", topic);
    seen->group = rd_id_parse(reply->items[1].text, &seen->next);
    seen->next = rd_id_after(seen->next);
    if (seen->group && rd_id_parse(reply->items[2].text, &oldest))
        seen->next = oldest;
    return EB_OK;
}

/* Looks (start ""), or looks and moves. */
static int32_t run_seek(struct rd_admin *admin, int64_t until_ms, const char *topic, const char *group, const char *start,
                        struct seen *seen, struct eb_error *err) {
    char live[24];
    const char *argv[] = { "EVAL", seek_script, "1", topic, group, start, live, rd_returned_consumer, NULL };
    const struct rd_node *reply;

    snprintf(live, sizeof live, "%" PRId64, admin->set->claim_after);
    int32_t status = run(admin, (int32_t)(until_ms - rd_ticks_ms()), "moving a group of", topic, argv, &reply, err);
    return status == EB_OK ? take_seen(reply, topic, group, seen, err) : status;
}

static int32_t not_there(struct eb_error *err, const char *format, const char *topic, const char *group) {
    char text[600];

    snprintf(text, sizeof text, format, topic, group);
    rd_error(err, EB_PERMANENT, 0, "%s", text);
    if (err)
        err->kind = EB_KIND_CONFIG;
    return EB_GONE;
}

/* The id to go on behind. A time that is to come is the end; EB_END: the position is behind it. */
static int32_t find_start(const struct seen *seen, const char *topic, const struct eb_point *to, struct rd_id *start,
                          struct eb_error *err) {
    char text[RD_ID_ROOM], end[RD_ID_ROOM];

    rd_point_start(to, text);
    if (to->kind == EB_LATEST || !rd_id_parse(text, start))
        *start = seen->last;
    if (rd_id_compare(*start, seen->last) <= 0)
        return EB_OK;
    if (to->kind == EB_POSITION) {
        rd_id_print(rd_id_after(seen->last), end);
        rd_error(err, EB_PERMANENT, 0, "position %.60s is behind the end of topic %s, which is %s", to->position.data, topic, end);
        if (err)
            err->kind = EB_KIND_CONFIG;
        return EB_END;
    }
    *start = seen->last;
    return EB_OK;
}

int32_t rd_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *err) {
    int64_t until_ms = rd_ticks_ms() + timeout_ms;
    char start[RD_ID_ROOM], before[RD_ID_ROOM], after[RD_ID_ROOM];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .after = after };
    struct seen seen;
    struct rd_id behind;
    int32_t status = rd_point_check(to, err);

    if (status == EB_OK)
        status = run_seek(self, until_ms, topic, group, "", &seen, err);
    if (status == EB_OK && !seen.topic && !(flags & EB_CREATE))
        return not_there(err, "topic %s does not exist", topic, NULL);
    if (status == EB_OK && !seen.group && !(flags & EB_CREATE))
        return not_there(err, "topic %s has no group %s", topic, group);
    if (status == EB_OK)
        status = find_start(&seen, topic, to, &behind, err);
    if (status != EB_OK)
        return status;
    rd_id_print(behind, start);
    rd_id_print(rd_id_after(behind), after);
    if (!(flags & EB_DRY_RUN))
        status = run_seek(self, until_ms, topic, group, start, &seen, err);
    if (status != EB_OK)
        return status;
    rd_id_print(seen.next, before);
    info.before = seen.group ? before : NULL;
    each(arg, &info);
    return EB_OK;
}

/* ---- trim ---- */

/* ARGV: the id before which all goes, and whether unread ones go, too; these then are pending no more. Answers 1;
 * 0: there is no such topic. */
static const char trim_script[] =
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
    "local function parts(id)\n"
    "  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')\n"
    "  return tonumber(ms), tonumber(seq)\n"
    "end\n"
    "local least = ARGV[1]\n"
    "local least_ms, least_seq = parts(least)\n"
    "for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "  local info = {}\n"
    "  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end\n"
    "  if ARGV[2] == '1' then\n"
    "    for _, row in ipairs(redis.call('XPENDING', KEYS[1], info['name'], '-', '(' .. least, 100000)) do\n"
    "      redis.call('XACK', KEYS[1], info['name'], row[1])\n"
    "    end\n"
    "  else\n"
    "    local ms, seq = parts(info['last-delivered-id'])\n"
    "    seq = seq + 1\n"
    "    if info['pending'] > 0 then ms, seq = parts(redis.call('XPENDING', KEYS[1], info['name'])[2]) end\n"
    "    if ms < least_ms or (ms == least_ms and seq < least_seq) then\n"
    "      least, least_ms, least_seq = string.format('%.0f-%.0f', ms, seq), ms, seq\n"
    "    end\n"
    "  end\n"
    "end\n"
    "redis.call('XTRIM', KEYS[1], 'MINID', '=', least)\n"
    "return 1";

int32_t rd_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too,
                      int32_t timeout_ms, struct eb_error *err) {
    char id[RD_ID_ROOM] = "0-0";
    const char *argv[] = { "EVAL", trim_script, "1", topic, id, unread_too ? "1" : "0", NULL };
    const struct rd_node *reply;
    struct rd_id at = {0};
    int32_t status = rd_point_check(before, err);

    if (status != EB_OK)
        return status;
    if (before->kind == EB_LATEST)
        at = (struct rd_id){ UINT64_MAX, UINT64_MAX };
    else if (before->kind == EB_TIME && before->time_ms > 0)
        at.ms = (uint64_t)before->time_ms;
    else if (before->kind == EB_POSITION)
        rd_id_parse(before->position.data, &at);
    rd_id_print(at, id);
    status = run(self, timeout_ms, "trimming", topic, argv, &reply, err);
    if (status != EB_OK)
        return status;
    return rd_is_integer(reply) && reply->number == 1 ? EB_OK : no_topic(topic, err);
}

/* ---- create, remove ---- */

/* A stream without entries is what a group leaves behind. */
static const char create_script[] =
    "local kind = redis.call('TYPE', KEYS[1])['ok']\n"
    "if kind ~= 'none' then return kind == 'stream' and 1 or 0 end\n"
    "redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')\n"
    "redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])\n"
    "return 1";

static int32_t no_stream(const char *topic, struct eb_error *err) {
    return rd_error(err, EB_PERMANENT, 0, "topic %s cannot be made: the key holds something that is no stream", topic);
}

/* An entry with an id that is none is refused as that only after everything else that the server could refuse it for. */
static int32_t try_create(struct rd_admin *admin, const char *topic, int64_t until_ms, struct eb_error *err) {
    const struct rd_node *reply;
    char thing[300];
    int32_t status;

    snprintf(thing, sizeof thing, "making topic %s", topic);
    status = rd_client_request_for(&admin->client, until_ms, thing, topic, (const char *[]){ "TYPE", topic, NULL }, &reply, err);
    if (status != EB_OK)
        return status;
    if (rd_is_text(reply) && strcmp(reply->text, "none") != 0 && strcmp(reply->text, "stream") != 0)
        return no_stream(topic, err);
    status = rd_client_request(&admin->client, until_ms, (const char *[]){ "XADD", topic, "none", "type", "none", NULL }, &reply, err);
    if (status != EB_OK || rd_error_is(reply, "ERR"))
        return status;
    return rd_is_error(reply) ? rd_client_error(&admin->client, thing, topic, reply, err) : EB_OK;
}

int32_t rd_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status;

    if (partitions > 1)
        return rd_error(err, EB_PERMANENT, 0, "topic %s with %u partitions: a stream has one", topic, partitions);
    if (flags & EB_DRY_RUN)
        return try_create(self, topic, rd_ticks_ms() + timeout_ms, err);
    status = run(self, timeout_ms, "making", topic,
                 (const char *[]){ "EVAL", create_script, "1", topic, "eventbus-create", NULL }, &reply, err);
    if (status != EB_OK || (rd_is_integer(reply) && reply->number == 1))
        return status;
    if (!rd_is_integer(reply))
        return rd_error(err, EB_RETRIABLE, 0, "making topic %s: the answer of a script is none", topic);
    return no_stream(topic, err);
}

static const char remove_script[] =
    "if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return 0 end\n"
    "if #ARGV == 0 then return redis.call('DEL', KEYS[1]) end\n"
    "return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])";

int32_t rd_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = run(self, timeout_ms, "removing", topic,
                         (const char *[]){ "EVAL", remove_script, "1", topic, group, NULL }, &reply, err);

    if (status != EB_OK)
        return status;
    return rd_is_integer(reply) && reply->number == 1 ? EB_OK : EB_GONE;
}
