/* plugins/redis/admin/admin_write.c - moves groups, trims, creates and removes. Each change is one script, so that
 * nothing comes between looking and doing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/clock.h>
#include <eventbus/plugin-help/error.h>

#include "admin/admin.h"
#include "connection/server_error.h"
#include "options.h"
#include "position.h"

/* Runs a script about a topic and returns its reply. */
static int32_t run(struct rd_admin *admin, int32_t timeout_ms, const char *doing, const char *topic, const char *const *argv,
                   const struct rd_node **reply, struct eb_error *err) {
    return rd_client_request_for(&admin->client, ebp_boottime_ms() + timeout_ms, doing, topic, argv, reply, err);
}

static int32_t not_there(struct eb_error *err, const char *format, const char *topic, const char *group) {
    char text[600];

    snprintf(text, sizeof text, format, topic, group);
    return ebp_error_of_kind(err, EB_GONE, EB_KIND_CONFIG, 0, "%s", text);
}

/* EB_END: a position behind the end of a topic, whose last entry is or was `last`. */
static int32_t behind_end(struct eb_error *err, const char *topic, const struct eb_point *point, struct rd_id last) {
    char end[RD_ID_ROOM];

    rd_id_print(rd_id_after(last), end);
    return ebp_error_of_kind(err, EB_END, EB_KIND_CONFIG, 0, "position %.60s is behind the end of topic %s, which is %s",
                             point->position.data, topic, end);
}

/* Reads the name and the idle time of a live member, as the scripts return them. */
static bool is_live_member(const struct rd_node *reply) {
    return rd_is_array(reply, 2) && rd_is_text(&reply->items[0]) && rd_is_integer(&reply->items[1]);
}

static int32_t has_live_member(struct eb_error *err, const char *topic, const char *group, const char *verb,
                               const struct rd_node *member) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                             "group %s of topic %s cannot be %s: its member %s was at work %" PRId64
                             " ms ago; stop it, and if it was killed wait for claim_after",
                             group, topic, verb, member->items[0].text, member->items[1].number);
}

/* ---- seek ---- */

/* Moves a group by creating it again: what is pending would otherwise be delivered from behind its new position as
 * well. ARGV: the group, the id that it goes on behind ("": only look), how long a live member may be silent, the
 * consumer of returned entries. Returns 0 if there is no such topic; the name and idle time of a member at work; or
 * three ids: the topic's last one, the group's ("": there is no group) and that of its oldest pending entry ("": there
 * is none). */
static const char seek_script[] = "local function fields(list)\n"
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
struct found {
    bool topic, group;
    struct rd_id last; /* of the topic */
    struct rd_id next; /* the first that the group has not settled */
};

static int32_t read_found(const struct rd_node *reply, const char *topic, const char *group, struct found *found,
                          struct eb_error *err) {
    struct rd_id oldest;

    *found = (struct found){ .topic = !rd_is_integer(reply) };
    if (!found->topic)
        return EB_OK;
    if (is_live_member(reply))
        return has_live_member(err, topic, group, "moved", reply);
    if (!rd_is_array(reply, 3) || !rd_is_text(&reply->items[0]) || !rd_is_text(&reply->items[1]) ||
        !rd_is_text(&reply->items[2]) || !rd_id_of(&reply->items[0], &found->last))
        return ebp_error(err, EB_RETRIABLE, 0, "moving a group of topic %s: unexpected reply to a script", topic);
    found->group = rd_id_of(&reply->items[1], &found->next);
    found->next = rd_id_after(found->next);
    if (found->group && rd_id_of(&reply->items[2], &oldest) && rd_id_compare(oldest, found->next) < 0)
        found->next = oldest;
    return EB_OK;
}

/* Looks (start ""), or looks and moves the group. */
static int32_t run_seek(struct rd_admin *admin, int64_t until_ms, const char *topic, const char *group, const char *start,
                        struct found *found, struct eb_error *err) {
    char live[24];
    const char *argv[] = { "EVAL", seek_script, "1", topic, group, start, live, rd_returned_consumer, NULL };
    const struct rd_node *reply;

    snprintf(live, sizeof live, "%" PRId64, admin->set->claim_after);
    int32_t status = run(admin, (int32_t)(until_ms - ebp_boottime_ms()), "moving a group of", topic, argv, &reply, err);
    return status == EB_OK ? read_found(reply, topic, group, found, err) : status;
}

/* Finds the id to go on behind; for a time in the future, that is the end. EB_END: the position is behind the end. */
static int32_t find_start(const struct found *found, const char *topic, const struct eb_point *to, struct rd_id *start,
                          struct eb_error *err) {
    char text[RD_ID_ROOM];

    rd_point_start(to, text);
    if (to->kind == EB_LATEST || !rd_id_parse(text, start))
        *start = found->last;
    if (rd_id_compare(*start, found->last) <= 0)
        return EB_OK;
    if (to->kind == EB_POSITION)
        return behind_end(err, topic, to, found->last);
    *start = found->last;
    return EB_OK;
}

int32_t rd_admin_seek(void *self, const char *topic, const char *group, const struct eb_point *to, uint32_t flags,
                      int32_t timeout_ms, int32_t (*each)(void *, const struct eb_seek_info *), void *arg,
                      struct eb_error *err) {
    int64_t until_ms = ebp_boottime_ms() + timeout_ms;
    char start[RD_ID_ROOM], before[RD_ID_ROOM], after[RD_ID_ROOM];
    struct eb_seek_info info = { .size = sizeof info, .partition = "", .after = after };
    struct found found;
    struct rd_id behind;
    int32_t status = rd_point_check(to, err);

    if (status == EB_OK)
        status = run_seek(self, until_ms, topic, group, "", &found, err);
    if (status == EB_OK && !found.topic && !(flags & EB_CREATE))
        return not_there(err, "topic %s does not exist", topic, NULL);
    if (status == EB_OK && !found.group && !(flags & EB_CREATE))
        return not_there(err, "topic %s has no group %s", topic, group);
    if (status == EB_OK)
        status = find_start(&found, topic, to, &behind, err);
    if (status != EB_OK)
        return status;
    rd_id_print(behind, start);
    rd_id_print(rd_id_after(behind), after);
    if (!(flags & EB_DRY_RUN))
        status = run_seek(self, until_ms, topic, group, start, &found, err);
    if (status != EB_OK)
        return status;
    rd_id_print(found.next, before);
    info.before = found.group ? before : NULL;
    each(arg, &info);
    return EB_OK;
}

/* ---- trim ---- */

/* ARGV: the id before which entries go, whether unread ones go too, and whether the id must not be behind the end. Unread
 * entries that go are acknowledged, so that they do not stay pending. Returns 1; 0 if there is no such topic; the last id
 * if the other one is behind the end. */
static const char trim_script[] =
    "if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end\n"
    "if ARGV[1] == '0-0' then return 1 end\n" /* XPENDING refuses '(0-0' */
    "local function parts(id)\n"
    "  local ms, seq = string.match(id, '^(%d+)%-(%d+)$')\n"
    "  return tonumber(ms), tonumber(seq)\n"
    "end\n"
    "local least = ARGV[1]\n"
    "local least_ms, least_seq = parts(least)\n"
    "if ARGV[3] == '1' then\n"
    "  local info = redis.call('XINFO', 'STREAM', KEYS[1])\n"
    "  for i = 1, #info, 2 do\n"
    "    if info[i] == 'last-generated-id' then\n"
    "      local ms, seq = parts(info[i + 1])\n"
    "      if least_ms > ms or (least_ms == ms and least_seq > seq + 1) then return info[i + 1] end\n"
    "    end\n"
    "  end\n"
    "end\n"
    "local function keep(ms, seq)\n"
    "  if ms < least_ms or (ms == least_ms and seq < least_seq) then\n"
    "    least, least_ms, least_seq = string.format('%.0f-%.0f', ms, seq), ms, seq\n"
    "  end\n"
    "end\n"
    "for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
    "  local info = {}\n"
    "  for i = 1, #group, 2 do info[group[i]] = group[i + 1] end\n"
    "  if ARGV[2] == '1' then\n"
    "    for _, row in ipairs(redis.call('XPENDING', KEYS[1], info['name'], '-', '(' .. least, 100000)) do\n"
    "      redis.call('XACK', KEYS[1], info['name'], row[1])\n"
    "    end\n"
    "  else\n"
    "    local ms, seq = parts(info['last-delivered-id'])\n"
    "    keep(ms, seq + 1)\n" /* a group that was moved back may have pending entries behind that */
    "    if info['pending'] > 0 then keep(parts(redis.call('XPENDING', KEYS[1], info['name'])[2])) end\n"
    "  end\n"
    "end\n"
    "redis.call('XTRIM', KEYS[1], 'MINID', '=', least)\n"
    "return 1";

int32_t rd_admin_trim(void *self, const char *topic, const struct eb_point *before, int32_t unread_too, int32_t timeout_ms,
                      struct eb_error *err) {
    char id[RD_ID_ROOM];
    const char *argv[] = { "EVAL", trim_script, "1", topic, id, unread_too ? "1" : "0", before->kind == EB_POSITION ? "1" : "0",
                           NULL };
    struct rd_id last;
    const struct rd_node *reply;
    int32_t status = rd_point_check(before, err);

    if (status != EB_OK)
        return status;
    rd_id_print(rd_point_first(before), id);
    status = run(self, timeout_ms, "trimming", topic, argv, &reply, err);
    if (status != EB_OK)
        return status;
    if (rd_id_of(reply, &last))
        return behind_end(err, topic, before, last);
    if (rd_is_integer(reply))
        return reply->number == 1 ? EB_OK : not_there(err, "topic %s does not exist", topic, NULL);
    return ebp_error(err, EB_RETRIABLE, 0, "trimming topic %s: unexpected reply to a script", topic);
}

/* ---- create, remove ---- */

/* Creates an empty stream: it is what a group leaves behind when it is destroyed. */
static const char create_script[] = "local kind = redis.call('TYPE', KEYS[1])['ok']\n"
                                    "if kind ~= 'none' then return kind == 'stream' and 1 or 0 end\n"
                                    "redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')\n"
                                    "redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])\n"
                                    "return 1";

static int32_t no_stream(const char *topic, struct eb_error *err) {
    return ebp_error(err, EB_PERMANENT, 0, "topic %s cannot be created: the key holds something that is not a stream", topic);
}

/* Sends an XADD with a malformed id. The server refuses it for that only if there is no other reason to refuse it. */
static int32_t try_create(struct rd_admin *admin, const char *topic, int64_t until_ms, struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status = rd_client_request_for(&admin->client, until_ms, "creating", topic, (const char *[]){ "TYPE", topic, NULL },
                                           &reply, err);

    if (status != EB_OK)
        return status;
    if (rd_is_text(reply) && strcmp(reply->text, "none") != 0 && strcmp(reply->text, "stream") != 0)
        return no_stream(topic, err);
    status = rd_client_request(&admin->client, until_ms, (const char *[]){ "XADD", topic, "none", "type", "none", NULL },
                               &reply, err);
    if (status != EB_OK || rd_error_is(reply, "ERR"))
        return status;
    return rd_is_error(reply) ? rd_client_error(&admin->client, "creating", topic, reply, err) : EB_OK;
}

int32_t rd_admin_create(void *self, const char *topic, uint32_t partitions, uint32_t flags, int32_t timeout_ms,
                        struct eb_error *err) {
    const struct rd_node *reply;
    int32_t status;

    if (partitions > 1)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "topic %s with %u partitions: a stream has one", topic,
                                 partitions);
    if (flags & EB_DRY_RUN)
        return try_create(self, topic, ebp_boottime_ms() + timeout_ms, err);
    status = run(self, timeout_ms, "creating", topic,
                 (const char *[]){ "EVAL", create_script, "1", topic, "eventbus-create", NULL }, &reply, err);
    if (status != EB_OK || (rd_is_integer(reply) && reply->number == 1))
        return status;
    if (!rd_is_integer(reply))
        return ebp_error(err, EB_RETRIABLE, 0, "creating topic %s: unexpected reply to a script", topic);
    return no_stream(topic, err);
}

/* ARGV: nothing, or the group, how long a live member may be silent, and the consumer of returned entries. Returns how many
 * were removed, or the name and idle time of a live member: it would make the group anew, and get every event again. */
static const char remove_script[] = "if redis.call('TYPE', KEYS[1])['ok'] ~= 'stream' then return 0 end\n"
                                    "if #ARGV == 0 then return redis.call('DEL', KEYS[1]) end\n"
                                    "for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do\n"
                                    "  if group[2] == ARGV[1] then\n"
                                    "    for _, member in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do\n"
                                    "      local info = {}\n"
                                    "      for i = 1, #member, 2 do info[member[i]] = member[i + 1] end\n"
                                    "      if info['name'] ~= ARGV[3] and info['idle'] < tonumber(ARGV[2]) then\n"
                                    "        return {info['name'], info['idle']}\n"
                                    "      end\n"
                                    "    end\n"
                                    "  end\n"
                                    "end\n"
                                    "return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])";

int32_t rd_admin_remove(void *self, const char *topic, const char *group, int32_t timeout_ms, struct eb_error *err) {
    const struct rd_admin *admin = self;
    const struct rd_node *reply;
    char live[24];
    const char *argv[] = { "EVAL", remove_script, "1", topic, group, live, rd_returned_consumer, NULL };

    snprintf(live, sizeof live, "%" PRId64, admin->set->claim_after);
    int32_t status = run(self, timeout_ms, group ? "removing a group of" : "removing", topic, argv, &reply, err);
    if (status != EB_OK)
        return status;
    if (is_live_member(reply))
        return has_live_member(err, topic, group, "removed", reply);
    if (!rd_is_integer(reply))
        return ebp_error(err, EB_RETRIABLE, 0, "removing from topic %s: unexpected reply to a script", topic);
    return reply->number == 1 ? EB_OK : EB_GONE;
}
