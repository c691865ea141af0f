/* plugins/redis/plugin.c - what the event bus finds in redis.so: who it is, its options, its roles. README.md is the
 * map of the folder. */
#include <eventbus/plugin.h>

#include "admin/admin.h"
#include "consumer/consumer.h"
#include "options.h"
#include "producer/producer.h"

const struct eb_plugin eventbus_plugin = {
    .size = sizeof eventbus_plugin,
    .abi_major = EB_ABI_MAJOR,
    .abi_minor = EB_ABI_MINOR,
    .name = "redis",
    .version = "0.1.0",
    .summary = "Redis Streams, as the Python event bus uses them",
    .options = rd_options,
    .n_options = RD_OPTIONS,
    .option_size = sizeof *rd_options,
    .settings_size = sizeof(struct rd_settings),
    .check = rd_options_check,
};

const struct eb_producer_ops eventbus_producer = {
    .size = sizeof eventbus_producer,
    .traits = EB_T_ORDER | EB_T_PROCESSES,
    .open = rd_producer_open,
    .submit = rd_producer_submit,
    .poll = rd_producer_poll,
    .wake = rd_producer_wake,
    .close = rd_producer_close,
};

const struct eb_consumer_ops eventbus_consumer = {
    .size = sizeof eventbus_consumer,
    .traits = EB_T_FREE_RETURN | EB_T_HISTORY | EB_T_PROCESSES,
    .open = rd_consumer_open,
    .receive = rd_consumer_receive,
    .settle = rd_consumer_settle,
    .wake = rd_consumer_wake,
    .close = rd_consumer_close,
};

const struct eb_admin_ops eventbus_admin = {
    .size = sizeof eventbus_admin,
    .traits = EB_T_HISTORY | EB_T_PROCESSES,
    .open = rd_admin_open,
    .topics = rd_admin_topics,
    .groups = rd_admin_groups,
    .browse = rd_admin_browse,
    .seek = rd_admin_seek,
    .trim = rd_admin_trim,
    .create = rd_admin_create,
    .remove = rd_admin_remove,
    .close = rd_admin_close,
};
