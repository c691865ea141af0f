/* tests/plugins/broken/tiny.c - exports something else under the right name. */
extern const int eventbus_plugin;
const int eventbus_plugin = 1;
