/* tests/fuzz/sqlite.c - database files that somebody has changed, byte by byte, or made: all roles of the plugin open them, walk
 * through them, send and receive. What they say is refused in words that name the file, or is a sound answer; nothing has no
 * end. */
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <eventbus/plugin.h>

#include "options.h"

enum { MOST = 4000, ROOM = 128 << 10 };

static char folder[200], path[240];
static unsigned char template[ROOM], file[ROOM];
static size_t template_len;

/* ---- a host that checks what it is told ---- */

static uint64_t out[64];
static size_t n_out, n_told;

static void on_log(const struct eb_host *host, int32_t level, const char *text) {
    (void)host;
    fuzz_promise(level >= 0 && level <= 7 && text && text[0], "a log line of level %d", level);
}

static void on_metric(const struct eb_host *host, const char *name, double value) {
    (void)host;
    fuzz_promise(name && value >= 0, "a metric of %f", value);
}

static void on_link(const struct eb_host *host, int32_t up, const struct eb_error *why) {
    (void)host;
    fuzz_promise(up || (why && strstr(why->text, path)), "down for no reason, or of no file: %s", why ? why->text : "");
}

static void on_delivered(const struct eb_host *host, const struct eb_delivery *report) {
    (void)host;
    fuzz_promise(report->token == 7 && (report->status == EB_OK || report->error), "a report of %llu",
                 (unsigned long long)report->token);
}

static void check_text(struct eb_text text) {
    fuzz_promise(text.data || text.len == 0, "%zu bytes of nothing", text.len);
    for (size_t i = 0; i < text.len; i++)
        n_told += (unsigned char)text.data[i]; /* the sanitizer looks whether they are there */
}

static int32_t pass_message(void *arg, const struct eb_message *message) {
    (void)arg;
    check_text(message->key);
    check_text(message->payload);
    check_text(message->id);
    for (size_t i = 0; i < message->n_attrs; i++)
        check_text(message->attrs[i].value);
    for (size_t i = 0; i < message->n_headers; i++)
        check_text(message->headers[i].name);
    fuzz_promise(message->position.data && strtoll(message->position.data, NULL, 10) >= 0, "no position");
    return ++*(size_t *)arg > MOST;
}

static int32_t on_received(const struct eb_host *host, const struct eb_message *message) {
    size_t n = 0;

    (void)host;
    if (n_out == sizeof out / sizeof *out)
        return EB_FULL;
    pass_message(&n, message);
    out[n_out++] = message->token;
    return EB_OK;
}

static void on_settled(const struct eb_host *host, const uint64_t *tokens, size_t n, int32_t status) {
    (void)host;
    fuzz_promise(n > 0 && tokens[0] != 0 && (status == EB_OK || status == EB_GONE), "settled as %d", status);
}

static void on_revoke(const struct eb_host *host, const uint64_t *tokens, size_t n, uint32_t grace_ms) {
    (void)host, (void)grace_ms;
    fuzz_promise(n > 0 && tokens[0] != 0, "nothing is revoked");
}

static int32_t on_matches(const struct eb_host *host, const char *topic) {
    (void)host;
    fuzz_promise(topic && topic[0], "a topic without a name");
    return 1;
}

/* clang-format off */
static const struct eb_host host = {
    .size = sizeof host, .instance = "fuzz", .service = "fuzz", .log = on_log, .metric = on_metric, .link = on_link,
    .delivered = on_delivered, .received = on_received, .settled = on_settled, .revoke = on_revoke, .matches = on_matches,
};
/* clang-format on */

/* ---- the roles ---- */

static const struct sq_settings settings = {
    .path = path, .lease = 30000, .retain_age = 1, .retain_events = 1, .retain_bytes = 1, .retain_hard_events = 2
};
static const struct eb_point first = { .size = sizeof first, .kind = EB_EARLIEST };

/* Whatever is said of a failure names the file. */
static int32_t heard(int32_t status, const struct eb_error *err) {
    fuzz_promise(status >= 0 || strstr(err->text, path) || strstr(err->text, "topic"), "status %d: %s", status, err->text);
    return status;
}

static int32_t pass_topic(void *arg, const struct eb_topic_info *info) {
    check_text((struct eb_text){ info->name, strlen(info->name) });
    return ++*(size_t *)arg > MOST;
}

static int32_t pass_group(void *arg, const struct eb_group_info *info) {
    check_text((struct eb_text){ info->topic, strlen(info->topic) });
    check_text((struct eb_text){ info->group, strlen(info->group) });
    fuzz_promise(info->lag >= 0 && info->members >= 0, "a lag of %lld", (long long)info->lag);
    return ++*(size_t *)arg > MOST;
}

static void administer(void) {
    const struct eb_admin_ops *ops = &eventbus_admin;
    size_t topics = 0, groups = 0, messages = 0;
    struct eb_error err = { 0 };
    void *self;

    if (heard(ops->open(&host, &settings, &self, &err), &err) != EB_OK)
        return;
    heard(ops->topics(self, 10, pass_topic, &topics, &err), &err);
    heard(ops->groups(self, NULL, NULL, 10, pass_group, &groups, &err), &err);
    heard(ops->browse(self, "t", &first, 10, pass_message, &messages, &err), &err);
    heard(ops->trim(self, "u", &first, 1, 10, &err), &err);
    heard(ops->remove(self, "t", "h", 10, &err), &err);
    fuzz_promise(topics <= MOST && groups <= MOST && messages <= MOST, "more than the file has bytes");
    ops->close(self);
}

static void produce(void) {
    const struct eb_producer_ops *ops = &eventbus_producer;
    struct eb_message message = {
        .size = sizeof message, .token = 7, .topic = { "t", 1 }, .key = { "k", 1 }, .payload = { "x", 1 }
    };
    const struct eb_message *one = &message;
    struct eb_error err = { 0 };
    int32_t status;
    void *self;

    if (heard(ops->open(&host, &settings, &self, &err), &err) != EB_OK)
        return;
    ops->submit(self, &one, 1, &err);
    status = heard(ops->poll(self, 5, &err), &err);
    if (status >= 0)
        heard(ops->poll(self, 0, &err), &err);
    ops->close(self, 0);
}

static void consume(void) {
    static const char *const topics[] = { "t", "*" };
    static const struct eb_subscription sub = { .size = sizeof sub,
                                                .topics = topics,
                                                .n_topics = 2,
                                                .group = "g",
                                                .consumer = "m",
                                                .start = &first,
                                                .order = EB_ORDER_KEY,
                                                .max_messages = 50,
                                                .until_end = 1 };
    const struct eb_consumer_ops *ops = &eventbus_consumer;
    struct eb_error err = { 0 };
    int32_t status = EB_OK;
    void *self;

    n_out = 0;
    if (heard(ops->open(&host, &settings, &sub, &self, &err), &err) != EB_OK)
        return;
    for (int i = 0; i < 3 && status >= 0 && status != EB_END; i++) {
        status = heard(ops->receive(self, 40, 2, &err), &err);
        for (size_t at = 0; at < n_out; at++)
            ops->settle(self, &(struct eb_verdict){ out[at], 0, at % 3 == 2 ? EB_RETRY : EB_ACK }, 1, &err);
        n_out = 0;
    }
    ops->close(self, 5);
}

/* ---- files ---- */

static void remove_files(void) {
    static const char *const ends[] = { "", "-wal", "-shm", "-side", "-journal" };
    char name[260];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static int remove_one(const char *name, const struct stat *about, int kind, struct FTW *at) {
    (void)about, (void)kind, (void)at;
    return remove(name);
}

static void remove_folder(void) {
    nftw(folder, remove_one, 10, FTW_DEPTH | FTW_PHYS);
}

static void write_file(const unsigned char *bytes, size_t len) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    fuzz_promise(fd >= 0 && write(fd, bytes, len) == (ssize_t)len, "no file to write to");
    close(fd);
}

/* Small pages, so that each byte of an input has something to change. */
static void make_template(void) {
    static const char fill[] =
        "INSERT INTO hold VALUES(1, 2, 3, 4, 5, 1, 1, 0), (1, 3, 4, 5, 6, 0, 1, 9);"
        "INSERT INTO share VALUES(1, 9, x'0101ff0000000000000005020204');"
        "INSERT INTO member VALUES(9, 1, 0, 'gone', 1);"
        "INSERT INTO topic VALUES(20, 'u', 5); INSERT INTO grp VALUES(20, 1, 'h'), (21, 20, 'h');"
        "INSERT INTO share VALUES(20, 0, x'0101ffffffffffffffff0000'), (21, 0, x'0101ffffffffffffffff0500');"
        "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; PRAGMA journal_mode=WAL";
    sqlite3 *db;
    char *why = NULL;
    int fd;
    ssize_t len;

    for (int i = 0; i < 6; i++)
        produce();
    consume();
    fuzz_promise(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, fill, NULL, NULL, &why) == SQLITE_OK,
                 "no template: %s", why ? why : "");
    sqlite3_close(db);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = read(fd, template, sizeof template);
    close(fd);
    fuzz_promise(len > 0 && len < ROOM, "the template has %zd bytes", len);
    template_len = (size_t)len;
    remove_files();
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    snprintf(folder, sizeof folder, "%s/eventbus-fuzz-file-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fuzz_promise(mkdtemp(folder) != NULL, "no folder");
    snprintf(path, sizeof path, "%s/bus.db", folder);
    atexit(remove_folder);
    make_template();
    return 0;
}

/* Changes of a good file: a place, a length up to 16, and what is there instead. */
static void change(struct fuzz_in *in) {
    while (in->left > 0) {
        size_t at = (size_t)fuzz_number(in, 2) % template_len, len = fuzz_number(in, 1) % 16 + 1;
        struct eb_text bytes = fuzz_take(in, len);

        if (bytes.len > template_len - at)
            bytes.len = template_len - at;
        if (bytes.len > 0)
            memcpy(file + at, bytes.data, bytes.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len) {
    struct fuzz_in in = { bytes, len };
    uint64_t kind = fuzz_number(&in, 1);

    if (kind == 0xff) { /* a file that is nothing else */
        write_file(in.at, in.left);
    } else {
        memcpy(file, template, template_len);
        change(&in);
        write_file(file, kind & 1 ? template_len / 2 : template_len);
    }
    administer();
    consume();
    produce();
    consume();
    remove_files();
    return 0;
}
