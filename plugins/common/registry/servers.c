/* plugins/common/registry/servers.c - see servers.h. */
#include "servers.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "settings.h"

/* xorshift64: good enough to spread retries. */
static uint64_t next_random(uint64_t *chance) {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    return *chance;
}

int64_t sr_wait(uint32_t failures, uint64_t *chance) {
    int64_t wait = SR_WAIT_FIRST_MS;

    for (uint32_t i = 1; i < failures && wait < SR_WAIT_MAX_MS; i++)
        wait *= 2;
    if (wait > SR_WAIT_MAX_MS)
        wait = SR_WAIT_MAX_MS;
    return wait - (int64_t)(next_random(chance) % (uint64_t)(wait / 5 + 1));
}

bool sr_servers_make(struct sr_servers *servers, const char *const *urls) {
    size_t n = 0;

    while (urls[n])
        n++;
    *servers = (struct sr_servers){ .all = calloc(n, sizeof *servers->all), .n = n };
    if (getrandom(&servers->chance, sizeof servers->chance, GRND_NONBLOCK) < 0 || servers->chance == 0)
        servers->chance = (uintptr_t)servers | 1;
    if (!servers->all)
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(urls[i]);
        while (len > 0 && urls[i][len - 1] == '/')
            len--;
        servers->all[i].url = strndup(urls[i], len);
        if (!servers->all[i].url)
            return false;
    }
    return true;
}

void sr_servers_free(struct sr_servers *servers) {
    for (size_t i = 0; servers->all && i < servers->n; i++)
        free(servers->all[i].url);
    free(servers->all);
    *servers = (struct sr_servers){ 0 };
}

enum sr_choice sr_servers_choose(const struct sr_servers *servers, int64_t now_ms, uint32_t tried, size_t *which) {
    bool being_tried = false;

    for (size_t i = 0; i < servers->n; i++) {
        size_t at = (servers->first + i) % servers->n;
        const struct sr_server *server = &servers->all[at];
        if (tried & 1u << at || server->retry_ms > now_ms)
            continue;
        if (server->failures > 0 && server->n_sent > 0) {
            being_tried = true;
            continue;
        }
        *which = at;
        return SR_ASK;
    }
    return being_tried ? SR_LATER : SR_NONE;
}

void sr_servers_begin(struct sr_servers *servers, size_t which) {
    servers->all[which].n_sent++;
}

void sr_servers_responded(struct sr_servers *servers, size_t which) {
    struct sr_server *server = &servers->all[which];

    server->n_sent--;
    server->failures = 0;
    server->retry_ms = 0;
    servers->first = which;
}

void sr_servers_failed(struct sr_servers *servers, size_t which, int64_t began_ms, int64_t now_ms, int64_t wait_ms) {
    struct sr_server *server = &servers->all[which];
    bool known = server->failures > 0 && began_ms < server->retry_ms; /* of the same failure, reported twice */

    server->n_sent--;
    if (!known) {
        server->failures += server->failures < UINT32_MAX;
        server->retry_ms = now_ms + sr_wait(server->failures, &servers->chance);
    }
    if (wait_ms > SR_WAIT_MAX_MS)
        wait_ms = SR_WAIT_MAX_MS;
    if (server->retry_ms < now_ms + wait_ms)
        server->retry_ms = now_ms + wait_ms;
}

int64_t sr_servers_next(const struct sr_servers *servers) {
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < servers->n; i++)
        if (servers->all[i].retry_ms < next)
            next = servers->all[i].retry_ms;
    return next;
}

bool sr_servers_all_failed(const struct sr_servers *servers) {
    for (size_t i = 0; i < servers->n; i++)
        if (servers->all[i].failures == 0)
            return false;
    return true;
}
