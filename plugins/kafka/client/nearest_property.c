/* plugins/kafka/client/nearest_property.c - see nearest_property.h.
 *
 * librdkafka lists its properties and aliases only as a printed table. */
#include "nearest_property.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t min(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many characters to insert, delete or replace; both texts are shorter than KF_PROPERTY_ROOM. */
static size_t edits(const char *given, const char *name) {
    size_t row[KF_PROPERTY_ROOM + 1], len = strlen(name);

    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; given[i - 1]; i++) {
        size_t diagonal = row[0]; /* the row above, one to the left */
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t above = row[j];
            row[j] = min(min(above, row[j - 1]) + 1, diagonal + (given[i - 1] != name[j - 1]));
            diagonal = above;
        }
    }
    return row[len];
}

/* Like edits, but a name that begins with the whole given text ("linger" in "linger.ms") is nearer than any slip. */
static size_t distance(const char *given, const char *name) {
    size_t len = strlen(given);

    return strncmp(given, name, len) == 0 && name[len] == '.' ? 0 : edits(given, name);
}

/* Searches the table, whose lines begin with a name. Names with _ are callbacks and the like, which no text can set. */
static bool find_nearest(char *table, const char *given, char nearest[KF_PROPERTY_ROOM]) {
    size_t limit = strlen(given) / 3 + 1;
    bool found = false;
    char *rest;

    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[KF_PROPERTY_ROOM] = "";
        if (sscanf(line, "%63[a-z0-9._] ", name) != 1 || strchr(name, '_') || distance(given, name) >= limit)
            continue;
        limit = distance(given, name);
        strcpy(nearest, name);
        found = true;
    }
    return found;
}

bool kf_nearest_property(const char *given, char nearest[KF_PROPERTY_ROOM]) {
    char *table = NULL;
    size_t size;
    FILE *file = strlen(given) < KF_PROPERTY_ROOM ? open_memstream(&table, &size) : NULL;
    bool found = false;

    if (!file)
        return false;
    rd_kafka_conf_properties_show(file);
    if (fclose(file) == 0)
        found = find_nearest(table, given, nearest);
    free(table);
    return found;
}
