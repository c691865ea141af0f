/* hello.c - the smallest plugin that is right: a producer that appends each event to the file FOLDER/TOPIC, as a line of hex. To
 * be read; `eventbus plugins new` writes a project with all three roles. submit does all the work, as a disk does not wait. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <eventbus/plugin.h>
#include <eventbus/plugin-help.h>

struct settings {
    const char *folder;
};

struct hello {
    const struct eb_host *host;
    const struct settings *settings;
    struct ebp_link link;
    struct ebp_cond_wakeup wakeup;
};

/* Returns the open file of a topic; -1, with err. */
static int open_topic(const struct hello *h, const char *topic, struct eb_error *err) {
    char path[4096];
    int fd = -1;

    if (strchr(topic, '/') || *topic == '.' || snprintf(path, sizeof path, "%s/%s", h->settings->folder, topic) >= 4096)
        ebp_error(err, EB_PERMANENT, 0, "topic \"%.300s\" cannot be a file here", topic);
    else if ((fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0)
        ebp_errno(err, errno == ENAMETOOLONG ? EB_PERMANENT : EB_RETRIABLE, "cannot open %s", path);
    return fd;
}

static char *add_hex(char *at, struct eb_text text) {
    for (size_t i = 0; i < text.len; i++)
        at += sprintf(at, "%02x", (unsigned char)text.data[i]);
    *at++ = ' ';
    return at;
}

/* Appends an event as a whole line or not at all; the lock keeps lines of several processes apart. */
static int32_t append(int fd, const struct eb_message *message, int64_t *position, struct eb_error *err) {
    size_t room = 2 * (message->id.len + message->key.len + message->payload.len) + 4;
    char *line = malloc(room), *at = line;

    if (!line)
        return ebp_error_of_kind(err, EB_RETRIABLE, EB_KIND_SYSTEM, ENOMEM, "out of memory");
    at = add_hex(add_hex(add_hex(at, message->id), message->key), message->payload);
    at[-1] = '\n';
    flock(fd, LOCK_EX);
    *position = lseek(fd, 0, SEEK_END);
    bool whole = write(fd, line, (size_t)(at - line)) == at - line;
    if (!whole) {
        ebp_errno(err, EB_RETRIABLE, "cannot append to the file of topic %s", message->topic.data);
        if (ftruncate(fd, *position) != 0)
            ebp_error_context(err, "a part of the event stays in the file");
    }
    free(line);
    return whole ? EB_OK : EB_RETRIABLE;
}

static int64_t submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct hello *h = self;
    int32_t status = EB_OK;
    struct eb_error why;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct eb_delivery delivery = { .size = sizeof delivery, .token = batch[i]->token };
        char text[24];
        int64_t position = 0;
        if (status != EB_RETRIABLE) { /* EB_T_ORDER: no message overtakes one that failed; later ones fail too */
            int fd = open_topic(h, batch[i]->topic.data, &why);
            status = fd < 0 ? why.status : append(fd, batch[i], &position, &why);
            if (fd >= 0)
                close(fd);
        }
        delivery.status = status;
        delivery.error = status == EB_OK ? NULL : &why;
        snprintf(text, sizeof text, "%lld", (long long)position);
        if (status == EB_OK)
            delivery.position = ebp_text_of(text);
        h->host->delivered(h->host, &delivery);
    }
    return (int64_t)n; /* all of them: each has its report */
}

/* A folder that is away is no error of an op: the host hears of it by link, once, and once more when it is back. */
static int32_t poll_once(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct hello *h = self;
    struct eb_error why;

    (void)err;
    if (mkdir(h->settings->folder, 0700) == 0 || (errno == EEXIST && access(h->settings->folder, W_OK | X_OK) == 0)) {
        ebp_link_up(&h->link);
    } else {
        ebp_errno(&why, EB_RETRIABLE, "cannot use folder %s", h->settings->folder);
        ebp_link_down(&h->link, &why);
    }
    ebp_cond_wakeup_wait(&h->wakeup, timeout_ms); /* nothing else can happen here */
    ebp_cond_wakeup_take(&h->wakeup);
    return EB_OK;
}

static void wake(void *self) {
    ebp_cond_wakeup_signal(&((struct hello *)self)->wakeup); /* remembered until the next wait */
}

static int32_t open_hello(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    struct hello *h = calloc(1, sizeof *h);

    if (!h || !ebp_cond_wakeup_open(&h->wakeup)) {
        free(h);
        return ebp_no_memory(err);
    }
    h->host = host;
    h->settings = settings;
    ebp_link_init(&h->link, host);
    *self = h;
    return EB_OK;
}

static void close_hello(void *self, int32_t timeout_ms) {
    struct hello *h = self;

    (void)timeout_ms; /* submit has reported all messages */
    ebp_cond_wakeup_close(&h->wakeup);
    free(h);
}

/* clang-format off */
/* The host finds these by their names. */
const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer, .traits = EB_T_ORDER | EB_T_PROCESSES,
    .open = open_hello, .submit = submit, .poll = poll_once, .wake = wake, .close = close_hello,
};

static const struct eb_option options[] = {
    { .key = "folder", .type = EB_OPT_TEXT, .fallback = "${STATE}/hello", .help = "The folder; made when its parent is there" },
};

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin, .abi_major = EB_ABI_MAJOR, .abi_minor = EB_ABI_MINOR,
    .name = "hello", .version = "1.0", .summary = "Appends events to files",
    .options = options, .n_options = 1, .option_size = sizeof options[0], .settings_size = sizeof(struct settings),
};
/* clang-format on */
