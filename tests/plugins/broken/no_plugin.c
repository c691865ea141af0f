/* tests/plugins/broken/no_plugin.c - a shared object that is no plugin of ours. */
int eventbus_nothing(void);

int eventbus_nothing(void) {
    return 0;
}
