/* plugins/kafka/client/stats.c - see stats.h. Walks once over the text, which is librdkafka's own and well formed. */
#include "stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns what follows a string that begins at `at`. */
static const char *skip_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

static int is_name(const char *name, size_t len, const char *of) {
    return strlen(of) == len && memcmp(name, of, len) == 0;
}

static void report_one(const struct eb_host *host, const char *name, size_t len, double value) {
    char metric[80];

    snprintf(metric, sizeof metric, "rdkafka.%.*s", (int)len, name);
    host->metric(host, metric, value);
}

void kf_stats_report(const struct eb_host *host, const char *json) {
    double lag = 0;
    int depth = 0, lags = 0;

    for (const char *at = json; *at;) {
        if (*at != '"') {
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
            at++;
            continue;
        }
        const char *name = at + 1, *end = skip_string(at), *value = end;
        size_t len = end > name ? (size_t)(end - 1 - name) : 0;

        while (*value == ' ' || *value == ':')
            value++;
        at = end;
        if (*end != ':' && *end != ' ')
            continue; /* the string was a value */
        double number = strtod(value, NULL);
        if (*value != '-' && (*value < '0' || *value > '9'))
            continue;
        if (depth == 1 && !is_name(name, len, "ts") && !is_name(name, len, "time"))
            report_one(host, name, len, number);
        if (is_name(name, len, "consumer_lag") && number >= 0) {
            lag += number;
            lags++;
        }
    }
    if (lags)
        host->metric(host, "rdkafka.consumer_lag", lag);
}
