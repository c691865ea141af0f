/* tests/plugins/broken/undefined.c - needs a symbol that nobody has. Bound lazily it would load, and end the process at the
 * first call; none of its code may run, not even what runs at loading. */
#include <stdint.h>
#include <stdlib.h>

int32_t nobody_defines_this(const void *settings);
struct eb_error;
static int32_t check(const void *settings, struct eb_error *err) {
    (void)err;
    return nobody_defines_this(settings);
}
#define IDLE_NAME "undefined"
#define IDLE_CHECK check
#include "../idle.h"

__attribute__((constructor)) static void run(void) {
    setenv("EVENTBUS_TEST_UNDEFINED_RAN", "yes", 1);
}
