/* plugins/redis/refusal.c - see refusal.h. */
#include "refusal.h"

#include <string.h>

#include "fault.h"

static const char cluster[] = "this is a Redis Cluster, which the plugin does not support yet: name a single server";
static const char login[] = "the server asks for another login: check user and password";

static const struct meaning {
    const char *word;
    enum rd_refusal refusal;
    const char *text;
} meanings[] = {
    { "MOVED", RD_SERVER, cluster },
    { "ASK", RD_SERVER, cluster },
    { "CROSSSLOT", RD_SERVER, cluster },
    { "CLUSTERDOWN", RD_SERVER, cluster },
    { "READONLY", RD_SERVER, "this is a replica, which takes no writes: name the primary" },
    { "OOM", RD_SERVER,
      "the server has reached its maxmemory and takes no writes: raise it, or let streams be trimmed" },
    { "LOADING", RD_SERVER, "the server is still loading its data" },
    { "MASTERDOWN", RD_SERVER, "this is a replica that has lost its primary" },
    { "MISCONF", RD_SERVER, "the server cannot save to its disk and takes no writes" },
    { "NOREPLICAS", RD_SERVER, "the server has too few replicas and takes no writes" },
    { "BUSY", RD_SERVER, "the server is busy with a script" },
    { "NOAUTH", RD_SERVER, login },
    { "WRONGPASS", RD_SERVER, login },
    { "NOPERM", RD_KEY, "the user may not do this: see its ACL rules" },
    { "WRONGTYPE", RD_KEY, "the key holds something that is no stream" },
    { "NOGROUP", RD_NOGROUP, "the stream or its group is gone" },
    { "UNBLOCKED", RD_NOGROUP, "the stream is gone" },
    { "EXECABORT", RD_OTHER, "the server took none of the batch" },
};

static const struct meaning general[] = {
    { "ERR max number of clients", RD_SERVER, "the server has as many clients as it takes (maxclients)" },
    { "ERR unknown", RD_UNKNOWN, "the server does not know the command: it is too old" },
    { "ERR syntax", RD_UNKNOWN, "the server does not know an option of the command: it is too old" },
    { "ERR no such key", RD_NOGROUP, "the stream is gone" },
    { "ERR The XGROUP subcommand requires", RD_NOGROUP, "the stream is gone" },
    { "ERR wrong number of arguments", RD_UNKNOWN, "the server does not know this form of the command: it is too old" },
    { "ERR user_script", RD_OTHER, "a script failed" },
    { "ERR Error running script", RD_OTHER, "a script failed" },
};

bool rd_refused_with(const struct rd_node *error, const char *word) {
    size_t len = strlen(word);

    return rd_is_error(error) && strncmp(error->text, word, len) == 0 && (error->text[len] == ' ' || !error->text[len]);
}

static const struct meaning *meaning_of(const struct rd_node *error) {
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (rd_refused_with(error, meanings[i].word))
            return &meanings[i];
    for (size_t i = 0; i < sizeof general / sizeof *general; i++)
        if (strncmp(error->text, general[i].word, strlen(general[i].word)) == 0)
            return &general[i];
    return NULL;
}

/* An unknown error is told by its code alone: what follows may quote what was sent. */
static int code_length(const struct rd_node *error) {
    size_t n = strspn(error->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return (int)(n < 32 ? n : 32);
}

enum rd_refusal rd_refusal(const struct rd_node *error, const char *what, struct eb_error *err) {
    const struct meaning *meaning = meaning_of(error);
    int n = code_length(error);

    if (meaning)
        rd_error(err, EB_RETRIABLE, 0, "%s: %s (%.*s)", what, meaning->text, n, error->text);
    else
        rd_error(err, EB_RETRIABLE, 0, "%s: the server refuses it with an error of its own (%.*s)", what, n,
                 error->text);
    return meaning ? meaning->refusal : RD_OTHER;
}
