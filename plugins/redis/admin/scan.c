/* plugins/redis/admin/scan.c - see scan.h. */
#include "admin/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "connection/server_error.h"

enum { NAMES_MAX = 100000 };

static int32_t add(struct rd_names *names, const struct rd_node *key, struct eb_error *err) {
    size_t room = names->room ? 2 * names->room : 64;
    char **more;

    if (!rd_is_text(key) || strlen(key->text) != key->n)
        return EB_OK;                                   /* a key with a NUL in it is no topic */
    if (names->n == NAMES_MAX)
        return rd_error(err, EB_PERMANENT, 0,
                        "there are more than %d streams: give the event bus a database of its own", NAMES_MAX);
    if (names->n == names->room) {
        more = realloc(names->names, room * sizeof *more);
        if (!more)
            return rd_no_memory(err);
        names->names = more;
        names->room = room;
    }
    names->names[names->n] = strdup(key->text);
    return names->names[names->n++] ? EB_OK : rd_no_memory(err);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* SCAN may tell a key twice. */
static void sort(struct rd_names *names) {
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

static int32_t scan(struct rd_asker *asker, int64_t until_ms, const char *cursor, bool typed,
                    const struct rd_node **answer, struct eb_error *err) {
    const char *argv[] = { "SCAN", cursor, "COUNT", "1000", typed ? "TYPE" : NULL, "stream", NULL };

    return rd_ask(asker, until_ms, argv, answer, err);
}

static int32_t take(struct rd_names *names, const struct rd_node *answer, char cursor[24], struct eb_error *err) {
    int32_t status = EB_OK;

    if (!rd_is_array(answer, 2) || !rd_is_text(&answer->items[0]) || answer->items[1].type != REDIS_REPLY_ARRAY)
        return rd_error(err, EB_RETRIABLE, 0, "the answer to SCAN is none");
    for (size_t i = 0; i < answer->items[1].n && status == EB_OK; i++)
        status = add(names, &answer->items[1].items[i], err);
    snprintf(cursor, 24, "%s", answer->items[0].text);
    return status;
}

int32_t rd_names_read(struct rd_names *names, struct rd_asker *asker, int64_t until_ms, struct eb_error *err) {
    const struct rd_node *answer;
    char cursor[24] = "0";
    bool typed = true;
    int32_t status = scan(asker, until_ms, cursor, typed, &answer, err);

    if (status == EB_OK && rd_is_error(answer) && rd_refusal(answer, "SCAN", NULL) == RD_UNKNOWN) {
        typed = false;
        status = scan(asker, until_ms, cursor, typed, &answer, err);
    }
    while (status == EB_OK) {
        if (rd_is_error(answer)) {
            status = rd_ask_refused(asker, "the list of streams", "", answer, err);
            break;
        }
        status = take(names, answer, cursor, err);
        if (status != EB_OK || strcmp(cursor, "0") == 0)
            break;
        status = scan(asker, until_ms, cursor, typed, &answer, err);
    }
    sort(names);
    return status;
}

void rd_names_free(struct rd_names *names) {
    for (size_t i = 0; i < names->n; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct rd_names){0};
}
