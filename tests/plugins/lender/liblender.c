/* tests/plugins/lender/liblender.c - a library that has a role of a plugin, for borrower.c. */
#include <eventbus/plugin.h>

const struct eb_admin_ops eventbus_admin = { .size = sizeof eventbus_admin };
