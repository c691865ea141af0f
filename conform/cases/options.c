/* conform/cases/options.c - the extremes of each numeric option: the plugin works with them, or check refuses them. */
#include "cases/case.h"

#include <string.h>

/* Settings that differ from the test's in one number. */
static const void *settings_with(struct ebc_test *t, const struct eb_option *option, int64_t value) {
    char *settings = ebc_alloc(t, t->plugin.about.settings_size);

    memcpy(settings, t->settings, t->plugin.about.settings_size);
    memcpy(settings + option->offset, &value, sizeof value);
    return settings;
}

/* Returns whether check takes the settings; breaks when it refuses them without naming the option. */
static bool checked(struct ebc_test *t, const struct eb_option *option, int64_t value) {
    struct eb_error err = { 0 };
    int32_t status = EB_OK;

    ebc_op_begins(t, 0, "check with %s = %lld", option->key, (long long)value);
    if (t->plugin.about.check)
        status = t->plugin.about.check(t->settings, &err);
    ebc_op_ended(t);
    if (status < 0 && !strstr(err.text, option->key))
        ebc_break(t, EBC_EXTREMES, "expected check to work, or to name the option, with %s = %lld; came %d with \"%s\"",
                  option->key, (long long)value, status, err.text);
    return status >= 0;
}

/* Opens what roles there are, sends an event, and receives for a moment. The event need not be stored or come: the option may
 * be one that keeps nothing; but it is reported, and every op ends in its time, which the host notes. */
static void work_once(struct ebc_test *t, const char *topic, const char *group) {
    struct ebc_producer *p = t->plugin.producer ? ebc_producer(t) : NULL;
    struct ebc_consumer *c = t->plugin.consumer
                                 ? ebc_consumer(t, &(struct ebc_consumer_options){ .topic = topic, .group = group })
                                 : NULL;

    if (p)
        ebc_submit(p, ebc_new_events(t, topic, 1, 1));
    for (int i = 0; i < 3; i++) {
        if (p)
            ebc_poll(p, 5);
        if (c)
            ebc_receive(c, 10, 5);
    }
    if (p)
        ebc_close_producer(p, 1000);
    if (c)
        ebc_close_consumer(c);
}

static void extremes_of_options_work_or_are_refused(struct ebc_test *t) {
    const char *topic = ebc_topic(t, "a"), *group = ebc_format(t, "%s-g", topic);
    const struct eb_plugin *about = &t->plugin.about;
    const void *usual = t->settings;
    size_t tried = 0;

    for (size_t i = 0; i < about->n_options; i++) {
        const struct eb_option *option = &about->options[i];
        bool free = option->min == 0 && option->max == 0;
        int64_t values[] = { free ? INT64_MIN : option->min, free ? INT64_MAX : option->max };

        if (option->type != EB_OPT_INT && option->type != EB_OPT_MS && option->type != EB_OPT_BYTES)
            continue;
        for (size_t k = 0; k < 2; k++) {
            t->settings = settings_with(t, option, values[k]);
            tried++;
            if (checked(t, option, values[k]))
                work_once(t, topic, group);
            t->settings = usual;
        }
    }
    if (tried == 0)
        ebc_skip(t, "the plugin has no numeric option");
}

/* clang-format off */
const struct ebc_case ebc_options[] = {
    { .group = "calls", .name = "extremes-of-options-work-or-are-refused",
      .about = "the least and greatest value of each numeric option works, or check refuses it by name",
      .run = extremes_of_options_work_or_are_refused },
    { 0 },
};
/* clang-format on */
