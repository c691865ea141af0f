/* tests/plugins/lender/libnewer.c - a library whose symbols have a version. */
int newer_version(void);

int newer_version(void) {
    return 0;
}
