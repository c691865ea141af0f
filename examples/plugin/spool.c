/* spool.c - a broker that is a folder. An example of a plugin, built outside of the event bus against its header alone.
 *
 *   FOLDER/TOPIC/0000000042   event 42 of the topic: written as .new-..., then given its name by link(2), whole or not at all
 *   FOLDER/TOPIC/.@GROUP      where this group began, then a byte for each event from there on: 1 when it is settled. The
 *                             member at work holds a lock on it, which the kernel takes away when that dies; others stand by
 *
 * Hence what it promises: the order of each topic, several processes, history. Nothing is forced to the disk, so a power
 * cut may take the last events: it does not claim EB_T_POWER. Schemas are not kept: readers need the writer's. Nothing is
 * ever removed; by hand, whole topics may be while nobody uses them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <eventbus/plugin.h>

_Static_assert(EB_ABI_MAJOR == 1, "written for major 1 of the plugin interface");

enum { INDEX_SHIFT = 48, MOST_TOPICS = 65535 }; /* a token is a topic's index and an event's number */
static const uint64_t NUMBERS = (UINT64_C(1) << INDEX_SHIFT) - 1;

struct settings {
    const char *folder;
};

struct topic {
    char *name;
    int folder;
    uint64_t next;          /* producer: the number to try next; consumer: the number to read next */
    int group;              /* the group's file; -1 for a producer. The rest is for consumers */
    bool ours, others;      /* who holds the lock on it: this member, another one */
    uint64_t began, end;    /* the group's first number; the topic's last one at open */
    uint64_t floor;         /* all smaller numbers are settled */
    uint64_t n_out, n_back; /* messages in flight; returned ones that are not delivered again yet */
};

struct spool { /* an instance of either role; used by the host's one thread, except bell */
    const struct eb_host *host;
    const struct settings *settings;
    const struct eb_subscription *wanted; /* NULL: a producer */
    struct topic *topics;
    size_t n_topics;
    size_t turn; /* the topic that is served first, another one in each receive */
    uint64_t n_out, bytes_out;
    int bell, watch; /* wake writes to bell; watch, a consumer's, reports changes in folders */
    int32_t link;    /* the last link call: 1 or 0; -1: none yet */
};

static int32_t fail(struct eb_error *, int32_t status, const char *, ...) __attribute__((format(printf, 3, 4)));

/* Fills err and returns status; "%m" in the text stands for errno's meaning. */
static int32_t fail(struct eb_error *err, int32_t status, const char *format, ...) {
    va_list args;

    *err = (struct eb_error){ .status = status, .kind = EB_KIND_BROKER, .native = strstr(format, "%m") ? errno : 0 };
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

static int64_t ms_of(struct timespec time) {
    return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

static int64_t ticks(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return ms_of(now);
}

/* ---- Topics ----------------------------------------------------------------------------------------------------- */

static bool is_file_name(const char *name) {
    return *name && *name != '.' && !strchr(name, '/') && strlen(name) < 200;
}

static void name_event(char name[24], uint64_t number) {
    snprintf(name, 24, "%010" PRIu64, number);
}

/* Returns the number after a topic's last event; 0: the folder cannot be listed. */
static uint64_t end_of(const struct topic *topic) {
    int fd = openat(topic->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    uint64_t end = 1;

    if (!dir && fd >= 0)
        close(fd);
    while (dir && (entry = readdir(dir))) {
        char *rest;
        uint64_t number = strtoull(entry->d_name, &rest, 10);

        if (!*rest && number >= end)
            end = number + 1;
    }
    return dir && closedir(dir) == 0 ? end : 0;
}

/* Opens a topic and creates its folder unless it exists. */
static int32_t open_topic(struct topic *topic, const struct spool *s, const char *name, struct eb_error *err) {
    char path[4096];

    *topic = (struct topic){ .name = strdup(name), .folder = -1, .group = -1 };
    snprintf(path, sizeof path, "%s/%s", s->settings->folder, name);
    if (topic->name && (mkdir(path, 0700) == 0 || errno == EEXIST))
        topic->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (topic->folder >= 0 && !s->wanted && (topic->next = end_of(topic)) > 0)
        return EB_OK;
    if (topic->folder >= 0 && s->wanted) {
        inotify_add_watch(s->watch, path, IN_CREATE | IN_CLOSE_WRITE); /* without it, changes are seen a second later */
        snprintf(path, sizeof path, ".@%s", s->wanted->group);
        topic->group = openat(topic->folder, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (topic->group >= 0)
            return EB_OK;
    }
    fail(err, EB_RETRIABLE, "cannot open topic %s in folder %s: %m", name, s->settings->folder);
    if (topic->folder >= 0)
        close(topic->folder);
    free(topic->name);
    return EB_RETRIABLE;
}

/* Returns the topic of that name, valid until the next call; NULL, with err. */
static struct topic *topic_of(struct spool *s, const char *name, struct eb_error *err) {
    size_t i = 0;

    while (i < s->n_topics && strcmp(s->topics[i].name, name) != 0)
        i++;
    if (i < s->n_topics)
        return &s->topics[i];
    if (!is_file_name(name) || i == MOST_TOPICS) {
        fail(err, EB_PERMANENT, "topic \"%.100s\" cannot be a folder here", name);
        return NULL;
    }
    struct topic *more = realloc(s->topics, (i + 1) * sizeof *more);
    if (!more) {
        fail(err, EB_RETRIABLE, "out of memory");
        return NULL;
    }
    s->topics = more;
    if (open_topic(&more[i], s, name, err) != EB_OK)
        return NULL;
    s->n_topics++;
    return &more[i];
}

/* ---- Both roles ------------------------------------------------------------------------------------------------- */

static void spool_free(struct spool *s) {
    for (size_t i = 0; i < s->n_topics; i++) {
        close(s->topics[i].folder);
        if (s->topics[i].group >= 0)
            close(s->topics[i].group); /* which releases the lock */
        free(s->topics[i].name);
    }
    if (s->bell >= 0)
        close(s->bell);
    if (s->watch >= 0)
        close(s->watch);
    free(s->topics);
    free(s);
}

static int32_t spool_open(const struct eb_host *host, const void *settings, const struct eb_subscription *wanted, void **self,
                          struct eb_error *err) {
    struct spool *s = calloc(1, sizeof *s);

    if (!s)
        return fail(err, EB_FATAL, "out of memory");
    *s = (struct spool){ .host = host, .settings = settings, .wanted = wanted, .link = -1 };
    s->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->watch = wanted ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
    if (s->bell < 0 || (wanted && s->watch < 0)) {
        fail(err, EB_FATAL, "cannot make an eventfd and an inotify instance: %m");
        spool_free(s);
        return EB_FATAL;
    }
    *self = s;
    return EB_OK;
}

/* Creates the folder unless it exists. A failure is retriable: a disk may be mounted later. */
static int32_t reach(const struct spool *s, struct eb_error *err) {
    const char *folder = s->settings->folder;

    if ((mkdir(folder, 0700) == 0 || errno == EEXIST) && access(folder, R_OK | W_OK | X_OK) == 0)
        return EB_OK;
    return fail(err, EB_RETRIABLE, "cannot use folder %s: %m", folder);
}

/* A broker that is away is not an error of an op: calls link once when it goes away, and once when it is back. */
static void tell_link(struct spool *s, int32_t status, const struct eb_error *why) {
    int32_t up = status >= EB_OK;

    if (s->link != up)
        s->host->link(s->host, up, why);
    s->link = up;
}

/* Until wake, a change in a folder (unless deaf), or the time. True: it was wake. */
static bool wait_until(struct spool *s, int64_t until, bool deaf) {
    struct pollfd fds[] = { { .fd = s->bell, .events = POLLIN }, { .fd = s->watch, .events = POLLIN } };
    int64_t left = until - ticks();
    char changes[4096];
    eventfd_t rings;

    poll(fds, deaf ? 1 : 2, left > 0 ? (int)left : 0);
    while (!deaf && read(s->watch, changes, sizeof changes) > 0)
        continue;
    return eventfd_read(s->bell, &rings) == 0;
}

static void spool_wake(void *self) {
    eventfd_write(((struct spool *)self)->bell, 1); /* the counter stays set until the next wait */
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

static int32_t producer_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    return spool_open(host, settings, NULL, self, err);
}

/* Writes a text after its length plus 1; 0 stands for an absent text, which differs from an empty one. */
static void put(FILE *file, struct eb_text text) {
    uint64_t len = text.data ? text.len + 1 : 0;

    fwrite(&len, sizeof len, 1, file);
    if (len > 1)
        fwrite(text.data, 1, text.len, file);
}

static void put_headers(FILE *file, const struct eb_header *headers, uint64_t n) {
    fwrite(&n, sizeof n, 1, file);
    for (uint64_t i = 0; i < n; i++) {
        put(file, headers[i].name);
        put(file, headers[i].value);
    }
}

static int32_t write_event(const struct topic *topic, const char *name, const struct eb_message *message,
                           struct eb_error *err) {
    int fd = openat(topic->folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool written;

    if (file) {
        put(file, message->id);
        put(file, message->key);
        put(file, message->key_avro);
        put(file, message->payload);
        put_headers(file, message->attrs, message->n_attrs);
        put_headers(file, message->headers, message->n_headers);
        written = !ferror(file);
        written = fclose(file) == 0 && written; /* a full disk is noticed here at the latest */
        if (written)
            return EB_OK;
    } else if (fd >= 0) {
        close(fd);
    }
    return fail(err, EB_RETRIABLE, "cannot write an event of topic %s: %m", topic->name);
}

static int32_t store(struct spool *s, const struct eb_message *message, char position[24], struct eb_error *err) {
    struct topic *topic = topic_of(s, message->topic.data, err);
    int32_t status;
    char new[64];

    if (!topic)
        return err->status;
    snprintf(new, sizeof new, ".new-%d-%" PRIxPTR, (int)getpid(), (uintptr_t)s);
    status = write_event(topic, new, message, err);
    while (status == EB_OK) {
        name_event(position, topic->next++); /* takes the first free number, because others may send too */
        if (linkat(topic->folder, new, topic->folder, position, 0) == 0)
            break;
        if (errno == EEXIST)
            continue;
        topic->next--;
        status = fail(err, EB_RETRIABLE, "cannot add an event to topic %s: %m", topic->name);
    }
    unlinkat(topic->folder, new, 0);
    return status;
}

/* Writing to a disk does not wait, so submit does all the work. A plugin with a network would queue here and send in poll. */
static int64_t producer_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    struct spool *s = self;
    struct eb_error why;
    int32_t status = EB_OK;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct eb_delivery delivery = { .size = sizeof delivery, .token = batch[i]->token };
        char position[24];

        if (status != EB_RETRIABLE) /* no message may overtake one that failed: later ones fail too */
            status = store(s, batch[i], position, &why);
        delivery.status = status;
        if (status == EB_OK)
            delivery.position = (struct eb_text){ position, strlen(position) };
        else
            delivery.error = &why;
        s->host->delivered(s->host, &delivery);
    }
    return (int64_t)n;
}

static int32_t producer_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    struct eb_error why;

    (void)err;
    tell_link(self, reach(self, &why), &why);
    wait_until(self, ticks() + timeout_ms, true);
    return EB_OK;
}

static void producer_close(void *self, int32_t timeout_ms) {
    (void)timeout_ms;
    spool_free(self); /* submit has reported all messages */
}

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER | EB_T_PROCESSES,
    .open = producer_open,
    .submit = producer_submit,
    .poll = producer_poll,
    .wake = spool_wake,
    .close = producer_close,
};

/* ---- Receiving: joining a group ----------------------------------------------------------------------------------- */

static int32_t consumer_open(const struct eb_host *host, const void *settings, const struct eb_subscription *wanted,
                             void **self, struct eb_error *err) {
    const char *position = wanted->start->kind == EB_POSITION ? wanted->start->position.data : "1";

    if (!*position || position[strspn(position, "0123456789")])
        return fail(err, EB_PERMANENT, "\"%.40s\" is not a position in a spool; expected a number", position);
    if (!is_file_name(wanted->group))
        return fail(err, EB_PERMANENT, "group \"%.100s\" cannot be a file here", wanted->group);
    for (size_t i = 0; i < wanted->n_topics; i++)
        if (!is_file_name(wanted->topics[i]))
            return fail(err, EB_PERMANENT, "topic \"%.100s\" cannot be a folder here", wanted->topics[i]);
    return spool_open(host, settings, wanted, self, err);
}

static int64_t stored_ms(const struct topic *topic, uint64_t number) {
    char name[24];
    struct stat st;

    name_event(name, number);
    return fstatat(topic->folder, name, &st, 0) == 0 ? ms_of(st.st_mtim) : 0;
}

/* Returns the number at which a new group begins. */
static uint64_t start_of(const struct topic *topic, const struct eb_point *start) {
    uint64_t number = start->kind == EB_POSITION ? strtoull(start->position.data, NULL, 10) : 1;

    while (start->kind == EB_TIME && number < topic->end && stored_ms(topic, number) < start->time_ms)
        number++;
    return start->kind == EB_LATEST || number > topic->end ? topic->end : number > 0 ? number : 1;
}

/* Becomes the group's active member in this topic, unless another one is. */
static int32_t join(struct topic *topic, const struct eb_point *start, struct eb_error *err) {
    const size_t size = sizeof topic->began;

    topic->others = flock(topic->group, LOCK_EX | LOCK_NB) != 0;
    if (topic->others && errno == EWOULDBLOCK)
        return EB_OK;
    topic->end = topic->others ? 0 : end_of(topic);
    if (topic->end > 0 && pread(topic->group, &topic->began, size, 0) != (ssize_t)size) {
        topic->began = start_of(topic, start);
        topic->end = pwrite(topic->group, &topic->began, size, 0) == (ssize_t)size ? topic->end : 0;
    }
    topic->next = topic->floor = topic->began;
    topic->ours = topic->end > 0;
    if (topic->ours)
        return EB_OK;
    fail(err, EB_RETRIABLE, "cannot take part in the group in topic %s: %m", topic->name);
    flock(topic->group, LOCK_UN);
    return EB_RETRIABLE;
}

/* Returns the offset of an event's byte in the group's file. */
static off_t place_of(const struct topic *topic, uint64_t number) {
    return (off_t)(sizeof topic->began + (number - topic->began));
}

static bool is_settled(const struct topic *topic, uint64_t number) {
    char byte = 0;

    return pread(topic->group, &byte, 1, place_of(topic, number)) == 1 && byte;
}

/* ---- Receiving: events -------------------------------------------------------------------------------------------- */

struct reader {
    const char *at, *end;
    bool bad; /* the file ended too early */
};

static uint64_t get_number(struct reader *r) {
    uint64_t number = 0;

    r->bad = r->bad || (size_t)(r->end - r->at) < sizeof number;
    if (r->bad)
        return 0;
    memcpy(&number, r->at, sizeof number);
    r->at += sizeof number;
    return number;
}

static struct eb_text get(struct reader *r) {
    uint64_t len = get_number(r);
    struct eb_text text = { r->at, (size_t)len - 1 };

    r->bad = r->bad || (len > 0 && len - 1 > (size_t)(r->end - r->at));
    if (r->bad || len == 0)
        return (struct eb_text){ 0 };
    r->at += text.len;
    return text;
}

/* To be freed. */
static struct eb_header *get_headers(struct reader *r, size_t *n) {
    uint64_t found = get_number(r);
    struct eb_header *headers;

    r->bad = r->bad || found > (size_t)(r->end - r->at) / (2 * sizeof found); /* checks before it is used as a size */
    *n = r->bad ? 0 : (size_t)found;
    headers = calloc(*n + 1, sizeof *headers);
    r->bad = r->bad || !headers;
    for (size_t i = 0; i < *n && headers; i++) {
        headers[i].name = get(r);
        headers[i].value = get(r);
    }
    return headers;
}

/* Delivers a file's message. One that cannot be read is delivered with decode_error: it becomes a dead letter. */
static int32_t hand_bytes(const struct spool *s, struct eb_message *message, const char *bytes, size_t len) {
    static const char decode_error[] = "the file does not hold a whole event";
    struct eb_message bare = *message;
    struct reader r = { bytes, bytes + len, false };
    struct eb_header *attrs, *headers;

    message->id = get(&r);
    message->key = get(&r);
    message->key_avro = get(&r);
    message->payload = get(&r);
    message->attrs = attrs = get_headers(&r, &message->n_attrs);
    message->headers = headers = get_headers(&r, &message->n_headers);
    bare.payload = (struct eb_text){ bytes, len };
    bare.decode_error = (struct eb_text){ decode_error, sizeof decode_error - 1 };
    int32_t status = s->host->received(s->host, r.bad ? &bare : message);
    free(attrs);
    free(headers);
    return status;
}

/* Delivers an event. Returns EB_FULL when the host has no room now; EB_EMPTY when the event does not exist yet. */
static int32_t hand_over(struct spool *s, struct topic *topic, uint64_t number, struct eb_error *err) {
    uint64_t token = (uint64_t)(topic - s->topics) << INDEX_SHIFT | number;
    struct eb_message message = { .size = sizeof message, .token = token };
    int32_t status = EB_RETRIABLE;
    struct stat st = { 0 };
    char name[24];

    name_event(name, number);
    int fd = openat(topic->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return EB_EMPTY;
    char *bytes = fd >= 0 && fstat(fd, &st) == 0 ? malloc((size_t)st.st_size + 1) : NULL;
    if (bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size) {
        message.time_ms = ms_of(st.st_mtim);
        message.topic = (struct eb_text){ topic->name, strlen(topic->name) };
        message.position = (struct eb_text){ name, strlen(name) };
        status = hand_bytes(s, &message, bytes, (size_t)st.st_size);
    } else {
        fail(err, EB_RETRIABLE, "cannot read event %s of topic %s: %m", name, topic->name);
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
    if (status != EB_OK)
        return status < EB_OK ? EB_RETRIABLE : EB_FULL;
    topic->n_out++;
    s->n_out++;
    s->bytes_out += (uint64_t)st.st_size;
    return EB_OK;
}

static bool has_room(const struct spool *s) {
    return s->n_out < s->wanted->max_messages && s->bytes_out < s->wanted->max_bytes;
}

/* Delivers a topic's events, up to max in all. */
static int32_t serve(struct spool *s, struct topic *topic, uint32_t max, uint32_t *n, struct eb_error *err) {
    int32_t status = topic->ours ? EB_OK : join(topic, s->wanted->start, err);

    if (topic->n_back > 0 && topic->n_out == 0) {
        topic->next = topic->floor; /* starts again there, so that returned messages keep their order */
        topic->n_back = 0;
    }
    while (status == EB_OK && topic->ours && topic->n_back == 0 && *n < max && has_room(s)) {
        if (!is_settled(topic, topic->next)) {
            status = hand_over(s, topic, topic->next, err);
            *n += status == EB_OK;
        }
        topic->next += status == EB_OK;
    }
    if (topic->n_out + topic->n_back == 0)
        topic->floor = topic->next;
    return status;
}

/* Serves all topics. *n: how many events were delivered; *end: nothing is left to wait for. */
static int32_t serve_all(struct spool *s, uint32_t max, uint32_t *n, bool *end, struct eb_error *err) {
    const struct eb_subscription *wanted = s->wanted;
    int32_t status = EB_OK;

    *n = 0;
    *end = wanted->until_end;
    s->turn++;
    for (size_t i = 0; i < wanted->n_topics && status >= EB_OK && status != EB_FULL; i++) {
        struct topic *topic = topic_of(s, wanted->topics[(s->turn + i) % wanted->n_topics], err);

        status = topic ? serve(s, topic, max, n, err) : err->status;
        *end = *end && topic && (topic->others || (topic->next >= topic->end && topic->n_out + topic->n_back == 0));
    }
    return status;
}

static int32_t consumer_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    struct spool *s = self;
    int64_t until = ticks() + timeout_ms;
    bool woken = false, end = false;
    struct eb_error why;
    uint32_t n = 0;

    (void)err;
    for (;;) {
        int32_t status = reach(s, &why);

        if (status == EB_OK)
            status = serve_all(s, max, &n, &end, &why);
        tell_link(s, status, &why);
        if (n > 0)
            return EB_OK;
        if (end && status >= EB_OK && status != EB_FULL)
            return EB_END;
        if (woken || status == EB_FULL || ticks() >= until)
            return EB_EMPTY;
        woken = wait_until(s, until, max == 0);
    }
}

static uint64_t size_of(const struct topic *topic, uint64_t number) {
    char name[24];
    struct stat st;

    name_event(name, number);
    return fstatat(topic->folder, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

/* Each verdict takes effect at once: a byte in the group's file, or nothing. EB_RETRY is not given without EB_T_DELAY. */
static int32_t consumer_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    struct spool *s = self;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        struct topic *topic = &s->topics[verdicts[i].token >> INDEX_SHIFT];
        uint64_t number = verdicts[i].token & NUMBERS, size = size_of(topic, number);
        int32_t answer = EB_OK;

        if (verdicts[i].kind == EB_EXTEND)
            continue; /* a live member loses nothing: lease_ms is 0 */
        if (verdicts[i].kind == EB_ACK && pwrite(topic->group, "\1", 1, place_of(topic, number)) != 1)
            answer = EB_GONE; /* not written: the message comes again. EB_OK only once it is safe */
        topic->n_back += verdicts[i].kind != EB_ACK || answer != EB_OK;
        topic->n_out--;
        s->n_out--;
        s->bytes_out -= size < s->bytes_out ? size : s->bytes_out;
        s->host->settled(s->host, &verdicts[i].token, 1, answer);
    }
    return EB_OK;
}

static void consumer_close(void *self, int32_t timeout_ms) {
    (void)timeout_ms;
    spool_free(self); /* settle has settled all verdicts; the next member takes the lock */
}

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_ORDER | EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PROCESSES,
    .open = consumer_open,
    .receive = consumer_receive,
    .settle = consumer_settle,
    .wake = spool_wake,
    .close = consumer_close, /* no pause: there are no partitions */
};

/* ---- What it is --------------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct eb_option options[] = {
    { .key = "folder", .type = EB_OPT_TEXT, .fallback = "${STATE}/spool", .offset = offsetof(struct settings, folder),
      .help = "The folder, on a local disk; made when its parent is there" },
};
/* clang-format on */

/* Checks what the options table cannot express. */
static int32_t check(const void *settings, struct eb_error *err) {
    const char *folder = ((const struct settings *)settings)->folder;

    if (*folder == '/' && strlen(folder) < 3000)
        return EB_OK;
    fail(err, EB_PERMANENT, "folder \"%.200s\": expected an absolute path", folder);
    err->kind = EB_KIND_CONFIG;
    return EB_PERMANENT;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "spool",
    .version = "1.0",
    .summary = "Events as files in a folder",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
    .check = check,
};
