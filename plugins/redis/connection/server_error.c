/* plugins/redis/connection/server_error.c - see server_error.h. */
#include "connection/server_error.h"

#include <stdio.h>
#include <string.h>
#include <eventbus/plugin-help/error.h>

static const char cluster[] = "this is a Redis Cluster, which the plugin does not support yet: name a single server";
static const char login[] = "the server asks for another login: check user and password";
static const char denied[] = "the user may not do this by its ACL rules";

static const struct meaning {
    const char *word;
    enum rd_error_class class;
    const char *text;
} codes[] = {
    { "MOVED", RD_KEY_REFUSED, cluster },
    { "ASK", RD_KEY_REFUSED, cluster },
    { "CROSSSLOT", RD_KEY_REFUSED, cluster },
    { "CLUSTERDOWN", RD_UNAVAILABLE, cluster },
    { "READONLY", RD_UNAVAILABLE, "this is a replica, which takes no writes: name the primary" },
    { "OOM", RD_UNAVAILABLE, "the server has reached its maxmemory and takes no writes: raise it, or let streams be trimmed" },
    { "LOADING", RD_UNAVAILABLE, "the server is still loading its data" },
    { "MASTERDOWN", RD_UNAVAILABLE, "this is a replica that has lost its primary" },
    { "MISCONF", RD_UNAVAILABLE, "the server cannot save to its disk and takes no writes" },
    { "NOREPLICAS", RD_UNAVAILABLE, "the server has too few replicas and takes no writes" },
    { "BUSY", RD_UNAVAILABLE, "the server is busy with a script" },
    { "NOAUTH", RD_UNAVAILABLE, login },
    { "WRONGPASS", RD_UNAVAILABLE, login },
    { "NOPERM", RD_KEY_REFUSED, denied },
    { "WRONGTYPE", RD_KEY_REFUSED, "the key holds something that is not a stream" },
    { "NOGROUP", RD_NO_GROUP, "the stream or its group is gone" },
    { "UNBLOCKED", RD_NO_GROUP, "the stream is gone" },
    { "EXECABORT", RD_OTHER_ERROR, "the server took none of the batch" },
};

/* Errors without a code of their own, by how they begin. */
static const struct meaning prefixes[] = {
    { "ERR max number of clients", RD_UNAVAILABLE, "the server has as many clients as it takes (maxclients)" },
    { "ERR unknown", RD_UNSUPPORTED, "the server does not know the command: it is too old" },
    { "ERR syntax", RD_UNSUPPORTED, "the server does not know an option of the command: it is too old" },
    { "ERR no such key", RD_NO_GROUP, "the stream is gone" },
    { "ERR The XGROUP subcommand requires", RD_NO_GROUP, "the stream is gone" },
    { "ERR wrong number of arguments", RD_UNSUPPORTED, "the server does not know this form of the command: it is too old" },
    { "ERR ACL failure in script", RD_KEY_REFUSED, denied },
    { "ERR The user executing the script can't", RD_KEY_REFUSED, denied },
    { "ERR user_script", RD_OTHER_ERROR, "a script failed" },
    { "ERR Error running script", RD_OTHER_ERROR, "a script failed" },
};

bool rd_error_is(const struct rd_node *error, const char *word) {
    size_t len = strlen(word);

    return rd_is_error(error) && strncmp(error->text, word, len) == 0 && (error->text[len] == ' ' || !error->text[len]);
}

static const struct meaning *find(const struct meaning *among, size_t n, const char *text, bool whole_word) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(among[i].word);
        if (strncmp(text, among[i].word, len) == 0 && (!whole_word || text[len] == ' ' || !text[len]))
            return &among[i];
    }
    return NULL;
}

/* Servers before 7.0 wrap the error of a command in a script: "ERR Error running script (...): @user_script:1: WORD
 * ...". An error about ACL rules has "@user_script: 1: " as well. */
static const char *unwrapped(const char *text) {
    static const char mark[] = "@user_script:";
    const char *at = text;

    if (strncmp(text, "ERR Error running script", 24) != 0)
        return text;
    while ((at = strstr(at, mark))) {
        at += sizeof mark - 1;
        at += strspn(at, " 0123456789");
        at += strspn(at, ": ");
        text = at;
    }
    return text;
}

static const struct meaning *meaning_of(const struct rd_node *error) {
    const char *text = unwrapped(error->text);
    const struct meaning *meaning = find(codes, sizeof codes / sizeof *codes, text, true);

    if (!meaning && strncmp(text, "The user executing", 18) == 0)
        return find(codes, sizeof codes / sizeof *codes, "NOPERM", true);
    return meaning ? meaning : find(prefixes, sizeof prefixes / sizeof *prefixes, error->text, false);
}

/* Of an unknown error only the code is shown: what follows it may quote what was sent. */
static int code_length(const struct rd_node *error) {
    size_t n = strspn(error->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    return (int)(n < 32 ? n : 32);
}

/* Whether a later attempt can succeed without somebody changing something. */
static int32_t status_of(const struct meaning *meaning) {
    return meaning && (meaning->class == RD_KEY_REFUSED || meaning->class == RD_UNSUPPORTED) ? EB_PERMANENT : EB_RETRIABLE;
}

enum rd_error_class rd_classify_error(const struct rd_node *error, const char *what, struct eb_error *err) {
    const struct meaning *meaning = meaning_of(error);
    int n = code_length(error);

    if (meaning)
        ebp_error(err, status_of(meaning), 0, "%s: %s (%.*s)", what, meaning->text, n, error->text);
    else
        ebp_error(err, EB_RETRIABLE, 0, "%s: the server replied with an unknown error (%.*s)", what, n, error->text);
    return meaning ? meaning->class : RD_OTHER_ERROR;
}

int32_t rd_check_available(const struct rd_node *reply, const char *what, struct eb_error *err) {
    return rd_is_error(reply) && rd_classify_error(reply, what, err) == RD_UNAVAILABLE ? EB_RETRIABLE : EB_OK;
}

/* ---- advice ---- */

/* The command that an error names, 'xadd' or 'xgroup|create'; "": none. */
static void command_of(const struct rd_node *error, char *command, size_t room) {
    const char *quote = strchr(error->text, '\'');
    size_t n = quote ? strspn(quote + 1, "abcdefghijklmnopqrstuvwxyz|") : 0;

    snprintf(command, room, "%.*s", quote && quote[1 + n] == '\'' && n < room ? (int)n : 0, quote ? quote + 1 : "");
}

/* Whoever follows the advice has to quote a user or topic whose name has a blank in it. */
static void advise_acl(const struct rd_node *error, const char *user, const char *topic, char *advice, size_t room) {
    const char *who = user ? user : "default";
    char command[40];

    command_of(error, command, sizeof command);
    if (command[0])
        snprintf(advice, room, "allow it with ACL SETUSER %s +%s", who, command);
    else if (strstr(error->text, " key"))
        snprintf(advice, room, "let it at the key with ACL SETUSER %s ~%s", who, topic);
    else
        snprintf(advice, room, "see ACL GETUSER %s and the list of commands in the documentation", who);
}

void rd_add_advice(struct eb_error *err, const struct rd_node *error, const char *user, const char *topic) {
    const struct meaning *meaning = meaning_of(error);
    char advice[500] = "";
    size_t n;

    if (!err || !meaning || meaning->class != RD_KEY_REFUSED)
        return;
    if (meaning->text == denied)
        advise_acl(error, user, topic, advice, sizeof advice);
    else if (meaning->text != cluster)
        snprintf(advice, sizeof advice, "rename the key %s or delete it, or choose another topic", topic);
    n = strlen(err->text);
    if (advice[0])
        snprintf(err->text + n, sizeof err->text - n, "; user %s: %s", user ? user : "default", advice);
}
