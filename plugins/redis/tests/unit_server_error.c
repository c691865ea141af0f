/* plugins/redis/tests/unit_server_error.c */
#include <criterion/criterion.h>
#include <string.h>

#include "connection/server_error.h"

static const struct {
    const char *text;
    enum rd_error_class class;
    const char *shown;
} cases[] = {
    { "MOVED 3999 127.0.0.1:6381", RD_KEY_REFUSED, "Cluster" },
    { "ASK 3999 127.0.0.1:6381", RD_KEY_REFUSED, "Cluster" },
    { "CLUSTERDOWN The cluster is down", RD_UNAVAILABLE, "Cluster" },
    { "READONLY You can't write against a read only replica.", RD_UNAVAILABLE, "primary" },
    { "OOM command not allowed when used memory > 'maxmemory'.", RD_UNAVAILABLE, "maxmemory" },
    { "LOADING Redis is loading the dataset in memory", RD_UNAVAILABLE, "loading" },
    { "MASTERDOWN Link with MASTER is down", RD_UNAVAILABLE, "has lost its primary" },
    { "NOAUTH Authentication required.", RD_UNAVAILABLE, "password" },
    { "WRONGPASS invalid username-password pair", RD_UNAVAILABLE, "password" },
    { "MISCONF Redis is configured to save RDB snapshots", RD_UNAVAILABLE, "disk" },
    { "NOREPLICAS Not enough good replicas to write.", RD_UNAVAILABLE, "replicas" },
    { "BUSY Redis is busy running a script.", RD_UNAVAILABLE, "script" },
    { "ERR max number of clients reached", RD_UNAVAILABLE, "maxclients" },
    { "WRONGTYPE Operation against a key holding the wrong kind of value", RD_KEY_REFUSED, "not a stream" },
    { "NOPERM this user has no permissions", RD_KEY_REFUSED, "ACL" },
    { "NOGROUP No such key 'x' or consumer group 'g'", RD_NO_GROUP, "gone" },
    { "UNBLOCKED the stream key no longer exists", RD_NO_GROUP, "gone" },
    { "ERR unknown command 'XADD', with args beginning with: 'SECRET'", RD_UNSUPPORTED, "too old" },
    { "ERR syntax error", RD_UNSUPPORTED, "too old" },
    { "BUSYGROUP Consumer Group name already exists", RD_OTHER_ERROR, "BUSYGROUP" },
    { "ERR something about SECRET", RD_OTHER_ERROR, "(ERR)" },
    { "", RD_OTHER_ERROR, "()" },
};

Test(server_error, each_is_classed_and_none_shows_what_was_sent) {
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rd_node node = { .type = REDIS_REPLY_ERROR, .n = strlen(cases[i].text), .text = cases[i].text };
        struct eb_error err = { 0 };

        cr_expect_eq(rd_classify_error(&node, "topic x", &err), cases[i].class, "%s", cases[i].text);
        cr_expect(strstr(err.text, cases[i].shown), "%s: %s", cases[i].text, err.text);
        cr_expect_eq(strncmp(err.text, "topic x: ", 9), 0);
        cr_expect_null(strstr(err.text, "SECRET"), "%s", err.text);
        bool stays = cases[i].class == RD_KEY_REFUSED || cases[i].class == RD_UNSUPPORTED;
        cr_expect_eq(err.status, stays ? EB_PERMANENT : EB_RETRIABLE, "%s", cases[i].text);
        cr_expect_eq(err.kind, EB_KIND_BROKER, "%s", cases[i].text);
    }
}
