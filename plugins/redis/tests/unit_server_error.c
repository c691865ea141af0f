/* plugins/redis/tests/unit_server_error.c */
#include <criterion/criterion.h>
#include <string.h>

#include "connection/server_error.h"

static const struct {
    const char *text;
    enum rd_refusal refusal;
    const char *shown;
} cases[] = {
    { "MOVED 3999 127.0.0.1:6381", RD_KEY, "Cluster" },
    { "ASK 3999 127.0.0.1:6381", RD_KEY, "Cluster" },
    { "CLUSTERDOWN The cluster is down", RD_SERVER, "Cluster" },
    { "READONLY You can't write against a read only replica.", RD_SERVER, "primary" },
    { "OOM command not allowed when used memory > 'maxmemory'.", RD_SERVER, "maxmemory" },
    { "LOADING Redis is loading the dataset in memory", RD_SERVER, "loading" },
    { "MASTERDOWN Link with MASTER is down", RD_SERVER, "has lost its primary" },
    { "NOAUTH Authentication required.", RD_SERVER, "password" },
    { "WRONGPASS invalid username-password pair", RD_SERVER, "password" },
    { "MISCONF Redis is configured to save RDB snapshots", RD_SERVER, "disk" },
    { "NOREPLICAS Not enough good replicas to write.", RD_SERVER, "replicas" },
    { "BUSY Redis is busy running a script.", RD_SERVER, "script" },
    { "ERR max number of clients reached", RD_SERVER, "maxclients" },
    { "WRONGTYPE Operation against a key holding the wrong kind of value", RD_KEY, "no stream" },
    { "NOPERM this user has no permissions", RD_KEY, "ACL" },
    { "NOGROUP No such key 'x' or consumer group 'g'", RD_NOGROUP, "gone" },
    { "UNBLOCKED the stream key no longer exists", RD_NOGROUP, "gone" },
    { "ERR unknown command 'XADD', with args beginning with: 'SECRET'", RD_UNKNOWN, "too old" },
    { "ERR syntax error", RD_UNKNOWN, "too old" },
    { "BUSYGROUP Consumer Group name already exists", RD_OTHER, "BUSYGROUP" },
    { "ERR something about SECRET", RD_OTHER, "(ERR)" },
    { "", RD_OTHER, "()" },
};

Test(refusal, each_is_classed_and_none_shows_what_was_sent) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rd_node node = { .type = REDIS_REPLY_ERROR, .n = strlen(cases[i].text), .text = cases[i].text };
        struct eb_error err = {0};

        cr_expect_eq(rd_refusal(&node, "topic x", &err), cases[i].refusal, "%s", cases[i].text);
        cr_expect(strstr(err.text, cases[i].shown), "%s: %s", cases[i].text, err.text);
        cr_expect_eq(strncmp(err.text, "topic x: ", 9), 0);
        cr_expect_null(strstr(err.text, "SECRET"), "%s", err.text);
        bool stays = cases[i].refusal == RD_KEY || cases[i].refusal == RD_UNKNOWN;
        cr_expect_eq(err.status, stays ? EB_PERMANENT : EB_RETRIABLE, "%s", cases[i].text);
        cr_expect_eq(err.kind, EB_KIND_BROKER, "%s", cases[i].text);
    }
}
