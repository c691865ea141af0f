/* tests/process/hostile_plugin.c - a broker in whose names, headers and errors strangers wrote what a terminal would obey,
 * or a reader take for a line of its own. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <eventbus/plugin.h>

#define HOSTILE                                                                                                                \
    "x\x1b[2J\n{\"forged\":1}\r\xc2\x9b"                                                                                       \
    "31m\xe2\x80\xae\xe2\x80\xa8\x7f\xff"
#define TEXT(text)                                                                                                             \
    { text, sizeof text - 1 }

struct settings {
    int64_t failing, topics;
};

/* clang-format off */
static const struct eb_option options[] = {
    {.key = "failing", .type = EB_OPT_BOOL, .fallback = "no", .help = "whether everything fails",
     .offset = offsetof(struct settings, failing)},
    {.key = "topics", .type = EB_OPT_INT, .fallback = "1", .min = 1, .max = 10000, .help = "how many topics there are",
     .offset = offsetof(struct settings, topics)},
};
/* clang-format on */

static int32_t open_it(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)err;
    host->log(host, 4, "a warning " HOSTILE);
    *self = (void *)(uintptr_t)settings;
    return EB_OK;
}

static int32_t fail(const void *self, struct eb_error *err) {
    if (!((const struct settings *)self)->failing)
        return EB_OK;
    err->status = EB_PERMANENT;
    err->kind = EB_KIND_DATA;
    snprintf(err->text, sizeof err->text, "an error " HOSTILE);
    return EB_PERMANENT;
}

static int32_t topics(void *self, int32_t timeout_ms, int32_t (*each)(void *, const struct eb_topic_info *), void *arg,
                      struct eb_error *err) {
    const struct eb_topic_info info = {
        .size = sizeof info, .name = HOSTILE, .partitions = 1, .messages = -1, .bytes = -1, .oldest_ms = -1, .newest_ms = -1
    };

    (void)timeout_ms;
    for (int64_t i = 0; i < ((const struct settings *)self)->topics; i++)
        if (each(arg, &info) != 0)
            break;
    return fail(self, err);
}

static int32_t groups(void *self, const char *topic, const char *group, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_group_info *), void *arg, struct eb_error *err) {
    const struct eb_group_info info = { .size = sizeof info,
                                        .topic = HOSTILE,
                                        .group = HOSTILE,
                                        .partition = HOSTILE,
                                        .position = HOSTILE,
                                        .end = HOSTILE,
                                        .lag = -1,
                                        .unsettled = -1,
                                        .members = -1,
                                        .state = HOSTILE };

    (void)topic, (void)group, (void)timeout_ms;
    each(arg, &info);
    return fail(self, err);
}

static int32_t browse(void *self, const char *topic, const struct eb_point *from, int32_t timeout_ms,
                      int32_t (*each)(void *, const struct eb_message *), void *arg, struct eb_error *err) {
    static const char body[] = "\xf6\x01\x01\x0c"
                               "foobob"
                               "\x1e"
                               "bob@foo.example"
                               "\x0e"
                               "Bob Foo";
    static const struct eb_header attrs[] = {
        { TEXT("type"), TEXT("org.openedx.learning.auth.session.login.completed.v1") },
        { TEXT("id"), TEXT("00000000-0000-1000-8000-000000000001") },
        { TEXT("source"), TEXT("openedx/\xc2\x9b\xe2\x80\xae/web") },
    };
    static const struct eb_header headers[] = {
        { TEXT("dlq_\":\"\"}\n{\"specversion\":\"1.0\",\"id\":\"forged\"}\n{\"x"), TEXT("1") },
        { TEXT("dlq_reason"), TEXT(HOSTILE) },
        { TEXT("dlq_reason"), TEXT("another") },
        { TEXT(HOSTILE), TEXT(HOSTILE) },
    };
    /* clang-format off */
    struct eb_message message = {
        .size = sizeof message, .topic = {topic, strlen(topic)}, .position = TEXT(HOSTILE), .key = TEXT(HOSTILE),
        .payload = {body, sizeof body - 1}, .attrs = attrs, .n_attrs = 3, .headers = headers, .n_headers = 4,
    };
    /* clang-format on */

    (void)from, (void)timeout_ms;
    each(arg, &message);
    return fail(self, err);
}

static void close_it(void *self) {
    (void)self;
}

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "hostile",
    .version = "1",
    .summary = "A plugin of the tests",
    .options = options,
    .n_options = sizeof options / sizeof options[0],
    .option_size = sizeof options[0],
    .settings_size = sizeof(struct settings),
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_PROCESSES,
    .open = open_it,
    .topics = topics,
    .groups = groups,
    .browse = browse,
    .close = close_it,
};
