/* tests/abi/1.0/plugins/short.c - the plugin of c11.c, with structs that are as short as they may be: what is left out lies beyond
 * their size, and has garbage in it. A host that reads beyond the size that a plugin gave crashes, or shows the garbage. */
#include <eventbus/plugin.h>

#include <string.h>

#define NAME "short"
#define UP_TO(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))
#define GIVE(type, given, last) cut(&(given), UP_TO(type, last), sizeof(type))
#define CHECK check

static void cut(void *given, size_t size, size_t whole) {
    memset((char *)given + size, 0xEE, whole - size);
    memcpy(given, &size, sizeof size);
}

/* Beyond the size of eventbus_plugin. */
static int32_t check(const void *settings, struct eb_error *err) {
    (void)settings;
    if (err)
        strcpy(err->text, "check was called, though it lies beyond the size of eventbus_plugin");
    return EB_PERMANENT;
}

#include "c11.c"
