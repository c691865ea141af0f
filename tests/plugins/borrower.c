/* tests/plugins/borrower.c - a plugin that cannot look after anything, linked with one that can: a role of its library is
 * none of its own. */
#define IDLE_NAME "borrower"
#include "idle.h"

extern const void *const borrowed;
const void *const borrowed = &eventbus_admin; /* so that the library is needed */
