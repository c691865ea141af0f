/* tests/unit/played/ops.h - what a plugin of this folder is set to: see forward.h. */
#ifndef PLAYED_OPS_H
#define PLAYED_OPS_H

#include <stddef.h>
#include <stdint.h>
#include <eventbus/plugin.h>

struct settings {
    int64_t ops;                        /* address of a struct played_ops */
};

struct played_ops {
    struct eb_producer_ops producer;
    struct eb_consumer_ops consumer;
    struct eb_admin_ops admin;
};

#endif
