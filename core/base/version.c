/* core/base/version.c - which version this library is. */
#include <eventbus/version.h>

const char *eb_version(void) {
    return EB_VERSION;
}
