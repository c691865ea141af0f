/* tests/plugins/broken/function.c - exports a function where data is promised, as plugins of other programs do. */
int eventbus_plugin(void);

int eventbus_plugin(void) {
    return 0;
}
