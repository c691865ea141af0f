/* cli/check.c - see check.h. */
#include "cli/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/error.h"
#include "consume/task.h"
#include "receiver/command_check.h"
#include "schema/key_field.h"

/* ---- Folders ---- */

static enum eb_status check_folder(const char *path, struct eb_error *err) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return ebi_error_errno(err, EB_PERMANENT, EB_KIND_CONFIG, "cannot read the folder %s", path);
    close(fd);
    return EB_OK;
}

/* Checks the folders of one key. The installed folder, which is the default, may be missing. */
static void check_path(const struct eb_bus *bus, const char *key, struct cli_tally *tally) {
    const char *given = ebi_config_text(bus->config, "eventbus", "", key);
    char *copy = given ? strdup(given) : NULL, *rest = copy, *folder;
    struct eb_error err;

    while ((folder = strsep(&rest, ":"))) {
        if (!*folder || check_folder(folder, &err) == EB_OK)
            continue;
        ebi_error_context(&err, "%s: [eventbus] %s", ebi_config_where(bus->config, "eventbus", "", key), key);
        cli_tally_failed(tally, &err);
    }
    free(copy);
}

void cli_check_folders(const struct eb_bus *bus, struct cli_tally *tally) {
    check_path(bus, "plugin_path", tally);
    check_path(bus, "schema_path", tally);
}

/* ---- Workers ---- */

/* The check of `consumer` in [eventbus] covers the broker; --broker may give a worker another one. */
static enum eb_status check_topics(struct eb_bus *bus, const struct ebi_task *task, struct eb_error *err) {
    const char *name = ebi_bus_broker_name(bus, bus->settings.consumer);
    const struct ebi_broker *broker;

    if (!name || ebi_bus_broker(bus, name, &broker, NULL) != EB_OK || !broker->plugin->consumer)
        return EB_OK;
    return ebi_task_check_patterns(task, broker, err);
}

static enum eb_status check_exec(struct eb_bus *bus, const struct ebi_task *task, struct eb_error *err) {
    (void)bus;
    return task->settings.exec ? ebi_exec_find(task->settings.exec, err) : EB_OK;
}

static enum eb_status check_letters(struct eb_bus *bus, const struct ebi_task *task, struct eb_error *err) {
    const char *name = task->settings.dead_letter_broker;
    const struct ebi_broker *broker;
    enum eb_status status = name ? ebi_bus_broker(bus, name, &broker, err) : EB_OK;

    return name && status == EB_OK ? ebi_broker_needs(broker, true, false, false, err) : status;
}

/* The types that will come in are unknown, so one type that has the field is enough. */
static enum eb_status check_key_field(struct eb_bus *bus, const struct ebi_task *task, struct eb_error *err) {
    const char *path = task->settings.key_field;
    enum eb_status status = path ? EB_PERMANENT : EB_OK;
    struct ebi_key_field *field;
    struct eb_error why;

    for (size_t i = 0; status == EB_PERMANENT && i < bus->signals->n; i++) {
        status = ebi_key_field_new(bus->signals->items[i].schema, path, &field, &why);
        if (status == EB_OK)
            ebi_key_field_free(field);
    }
    if (status == EB_PERMANENT)
        return ebi_error(err, EB_PERMANENT, EB_KIND_CONFIG, "no event type has a field %s that can be a key", path);
    if (status != EB_OK && err)
        *err = why;
    return status;
}

static enum eb_status check_worker(struct eb_bus *bus, const struct ebi_task *task, struct eb_error *err) {
    static const struct {
        const char *key;
        enum eb_status (*check)(struct eb_bus *, const struct ebi_task *, struct eb_error *);
    } checks[] = { { "topic", check_topics },
                   { "exec", check_exec },
                   { "key_field", check_key_field },
                   { "dead_letter_broker", check_letters } };
    enum eb_status status = ebi_task_check_receiver(bus->config, task, err);

    if (status != EB_OK)
        return status;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        status = checks[i].check(bus, task, err);
        if (status == EB_OK)
            continue;
        ebi_error_context(err, "%s: [consume %s] %s", ebi_config_where(bus->config, "consume", task->section, checks[i].key),
                          task->section, checks[i].key);
        return status;
    }
    return EB_OK;
}

void cli_check_consumers(struct eb_bus *bus, struct cli_tally *tally) {
    for (const char *name = NULL; (name = ebi_config_next(bus->config, "consume", name)) != NULL;) {
        const struct eb_consumer_options options = { .size = sizeof options, .section = name };
        struct ebi_task task;
        struct eb_error err;

        if (ebi_task_make(bus->config, &bus->settings, &options, &task, &err) != EB_OK) {
            cli_tally_failed(tally, &err);
            continue;
        }
        if (check_worker(bus, &task, &err) != EB_OK)
            cli_tally_failed(tally, &err);
        ebi_task_free(&task);
    }
}
