/* tests/plugins/idle.h - a plugin that is right and does nothing. The test plugins beside it include it after defining
 * what is different in them: each part stands under a macro of its own. */
#include <eventbus/plugin.h>

struct idle_settings {
    const char *text;
    int64_t number;
};

static inline int32_t idle_open(const struct eb_host *host, const void *settings, void **self, struct eb_error *err) {
    (void)settings;
    (void)err;
    *self = (void *)host;
    return EB_OK;
}

static inline int32_t idle_open_consumer(const struct eb_host *host, const void *settings,
                                         const struct eb_subscription *subscription, void **self, struct eb_error *err) {
    (void)subscription;
    return idle_open(host, settings, self, err);
}

static inline int64_t idle_submit(void *self, const struct eb_message *const *batch, size_t n, struct eb_error *err) {
    (void)self;
    (void)batch;
    (void)n;
    (void)err;
    return 0;
}

static inline int32_t idle_poll(void *self, int32_t timeout_ms, struct eb_error *err) {
    (void)self;
    (void)timeout_ms;
    (void)err;
    return EB_OK;
}

static inline int32_t idle_receive(void *self, uint32_t max, int32_t timeout_ms, struct eb_error *err) {
    (void)max;
    return idle_poll(self, timeout_ms, err) == EB_OK ? EB_EMPTY : EB_FATAL;
}

static inline int32_t idle_settle(void *self, const struct eb_verdict *verdicts, size_t n, struct eb_error *err) {
    (void)verdicts;
    (void)n;
    return idle_poll(self, 0, err);
}

static inline void idle_wake(void *self) {
    (void)self;
}

static inline void idle_close(void *self, int32_t timeout_ms) {
    (void)self;
    (void)timeout_ms;
}

#ifndef IDLE_OPTIONS
#define IDLE_OPTIONS                                                                                                           \
    { .key = "text", .type = EB_OPT_TEXT, .offset = offsetof(struct idle_settings, text), .help = "A text" },                  \
        { .key = "number",                                                                                                     \
          .type = EB_OPT_INT,                                                                                                  \
          .fallback = "7",                                                                                                     \
          .min = 1,                                                                                                            \
          .max = 9,                                                                                                            \
          .offset = offsetof(struct idle_settings, number),                                                                    \
          .help = "A number" },
#endif
static const struct eb_option idle_options[] = { IDLE_OPTIONS };

#ifndef IDLE_NAME
#error "define IDLE_NAME"
#endif
#ifndef IDLE_SIZE
#define IDLE_SIZE sizeof(struct eb_plugin)
#endif
#ifndef IDLE_MAJOR
#define IDLE_MAJOR EB_ABI_MAJOR
#endif
#ifndef IDLE_VERSION
#define IDLE_VERSION "1.2"
#endif
#ifndef IDLE_SUMMARY
#define IDLE_SUMMARY "Does nothing"
#endif
#ifndef IDLE_OPTION_TABLE
#define IDLE_OPTION_TABLE idle_options
#endif
#ifndef IDLE_N_OPTIONS
#define IDLE_N_OPTIONS sizeof idle_options / sizeof idle_options[0]
#endif
#ifndef IDLE_OPTION_SIZE
#define IDLE_OPTION_SIZE sizeof(struct eb_option)
#endif
#ifndef IDLE_SETTINGS_SIZE
#define IDLE_SETTINGS_SIZE sizeof(struct idle_settings)
#endif
#ifndef IDLE_CHECK
#define IDLE_CHECK NULL
#endif
#ifndef IDLE_NO_DESCRIPTION
const struct eb_plugin eventbus_plugin = { .size = IDLE_SIZE,
                                           .abi_major = IDLE_MAJOR,
                                           .abi_minor = EB_ABI_MINOR,
                                           .name = IDLE_NAME,
                                           .version = IDLE_VERSION,
                                           .summary = IDLE_SUMMARY,
                                           .options = IDLE_OPTION_TABLE,
                                           .n_options = IDLE_N_OPTIONS,
                                           .option_size = IDLE_OPTION_SIZE,
                                           .settings_size = IDLE_SETTINGS_SIZE,
                                           .check = IDLE_CHECK };
#endif

#ifndef IDLE_PRODUCER_SIZE
#define IDLE_PRODUCER_SIZE sizeof(struct eb_producer_ops)
#endif
#ifndef IDLE_SUBMIT
#define IDLE_SUBMIT idle_submit
#endif
#ifndef IDLE_TRAITS_FOR
#define IDLE_TRAITS_FOR NULL
#endif
#ifndef IDLE_NO_PRODUCER
const struct eb_producer_ops eventbus_producer = { .size = IDLE_PRODUCER_SIZE,
                                                   .traits = EB_T_ORDER,
                                                   .open = idle_open,
                                                   .submit = IDLE_SUBMIT,
                                                   .poll = idle_poll,
                                                   .wake = idle_wake,
                                                   .close = idle_close,
                                                   .traits_for = IDLE_TRAITS_FOR };
#endif

#ifndef IDLE_SETTLE
#define IDLE_SETTLE idle_settle
#endif
#ifndef IDLE_CONSUMER_TRAITS
#define IDLE_CONSUMER_TRAITS 0
#endif
#ifndef IDLE_NO_CONSUMER
const struct eb_consumer_ops eventbus_consumer = { .size = sizeof(struct eb_consumer_ops),
                                                   .traits = IDLE_CONSUMER_TRAITS,
                                                   .open = idle_open_consumer,
                                                   .receive = idle_receive,
                                                   .settle = IDLE_SETTLE,
                                                   .wake = idle_wake,
                                                   .close = idle_close };
#endif

/* Not every plugin uses all of these. */
__attribute__((unused)) static const struct eb_option *const idle_all_options = idle_options;
