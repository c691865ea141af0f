/* plugins/redis/admin/scan.c - see scan.h. */
#include "admin/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help/array.h>
#include <eventbus/plugin-help/error.h>

#include "connection/server_error.h"

enum { NAMES_MAX = 100000 };

static int32_t add(struct rd_topic_names *names, const struct rd_node *key, struct eb_error *err) {
    char *name;

    if (!rd_is_text(key) || strlen(key->text) != key->n)
        return EB_OK; /* no topic has a NUL in its name */
    if (names->n == NAMES_MAX)
        return ebp_error(err, EB_PERMANENT, 0, "there are more than %d streams: give the event bus a database of its own",
                         NAMES_MAX);
    name = EBP_RESERVE(names->names, names->room, names->n + 1) ? strdup(key->text) : NULL;
    if (!name)
        return ebp_no_memory(err);
    names->names[names->n++] = name;
    return EB_OK;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* SCAN may return a key twice. */
static void sort(struct rd_topic_names *names) {
    size_t n = 0;

    if (names->n == 0)
        return;
    qsort(names->names, names->n, sizeof *names->names, compare);
    for (size_t i = 1; i < names->n; i++) {
        if (strcmp(names->names[i], names->names[n]) == 0)
            free(names->names[i]);
        else
            names->names[++n] = names->names[i];
    }
    names->n = n + 1;
}

static int32_t scan(struct rd_client *client, int64_t until_ms, const char *cursor, bool typed, const struct rd_node **reply,
                    struct eb_error *err) {
    const char *argv[] = { "SCAN", cursor, "COUNT", "1000", typed ? "TYPE" : NULL, "stream", NULL };

    return rd_client_request(client, until_ms, argv, reply, err);
}

static int32_t take(struct rd_topic_names *names, const struct rd_node *reply, char cursor[24], struct eb_error *err) {
    int32_t status = EB_OK;

    if (!rd_is_array(reply, 2) || !rd_is_text(&reply->items[0]) || reply->items[1].type != REDIS_REPLY_ARRAY)
        return ebp_error(err, EB_RETRIABLE, 0, "unexpected reply to SCAN");
    for (size_t i = 0; i < reply->items[1].n && status == EB_OK; i++)
        status = add(names, &reply->items[1].items[i], err);
    snprintf(cursor, 24, "%s", reply->items[0].text);
    return status;
}

int32_t rd_topic_names_scan(struct rd_topic_names *names, struct rd_client *client, int64_t until_ms, struct eb_error *err) {
    const struct rd_node *reply;
    char cursor[24] = "0";
    bool typed = true;
    int32_t status = scan(client, until_ms, cursor, typed, &reply, err);

    if (status == EB_OK && rd_is_error(reply) && rd_classify_error(reply, "SCAN", NULL) == RD_UNSUPPORTED) {
        typed = false;
        status = scan(client, until_ms, cursor, typed, &reply, err);
    }
    while (status == EB_OK) {
        if (rd_is_error(reply)) {
            status = rd_client_error(client, "the list of streams", "", reply, err);
            break;
        }
        status = take(names, reply, cursor, err);
        if (status != EB_OK || strcmp(cursor, "0") == 0)
            break;
        status = scan(client, until_ms, cursor, typed, &reply, err);
    }
    sort(names);
    return status;
}

void rd_topic_names_free(struct rd_topic_names *names) {
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct rd_topic_names){ 0 };
}
