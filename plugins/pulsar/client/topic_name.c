/* client/topic_name.c - see topic_name.h. */
#include "client/topic_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help.h>

static const char mark[] = "-partition-";

/* Returns where "-partition-N" begins at the end of a name, or NULL. */
static const char *partition_suffix(const char *name) {
    const char *last = NULL, *digits;

    for (const char *at = name; (at = strstr(at, mark)); at++)
        last = at;
    if (!last || last == name)
        return NULL;
    digits = last + strlen(mark);
    return *digits && strspn(digits, "0123456789") == strlen(digits) && strlen(digits) < 8 ? last : NULL;
}

/* Whether all characters are printable ASCII without blanks, and none of `not`. */
static bool is_plain(const char *name, const char * not ) {
    for (const char *at = name; *at; at++)
        if (*at <= 0x20 || *at >= 0x7F || strchr(not, *at))
            return false;
    return *name != '\0';
}

int32_t pl_topic_name(const struct pl_settings *set, const char *topic, char out[PL_TOPIC_ROOM], struct eb_error *err) {
    int len;

    if (!is_plain(topic, "/%?#\\"))
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic \"%.200s\": a name in Pulsar has printable ASCII without blanks and / %% ? # \\",
                                 topic);
    if (partition_suffix(topic))
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0,
                                 "topic %.200s: \"-partition-\" and a number at its end stand for a partition in Pulsar",
                                 topic);
    len = snprintf(out, PL_TOPIC_ROOM, "persistent://%s/%s/%s", set->tenant, set->name_space, topic);
    if (len < 0 || len >= PL_TOPIC_ROOM)
        return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "topic %.200s...: its name is longer than Pulsar takes",
                                 topic);
    return EB_OK;
}

bool pl_topic_of(const struct pl_settings *set, const char *name, char out[PL_TOPIC_ROOM], int *partition) {
    char front[PL_TOPIC_ROOM];
    int len = snprintf(front, sizeof front, "persistent://%s/%s/", set->tenant, set->name_space);
    const char *suffix;

    if (len < 0 || len >= PL_TOPIC_ROOM || strncmp(name, front, (size_t)len) != 0 || strlen(name) >= PL_TOPIC_ROOM)
        return false;
    name += len;
    suffix = partition_suffix(name);
    *partition = suffix ? atoi(suffix + strlen(mark)) : -1;
    return ebp_text_copy(ebp_text(name, suffix ? (size_t)(suffix - name) : strlen(name)), out, PL_TOPIC_ROOM);
}

int32_t pl_group_check(const char *group, struct eb_error *err) {
    if (!is_plain(group, "/%?#\\") || strlen(group) > 250)
        return ebp_error_of_kind(
            err, EB_PERMANENT, EB_KIND_CONFIG, 0,
            "group \"%.200s\": a subscription's name in Pulsar has up to 250 characters of printable ASCII "
            "without blanks and / %% ? # \\",
            group);
    return EB_OK;
}
