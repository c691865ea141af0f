/* tests/threads/tap.c - see tap.h. */
#include "tap.h"

#include <stdarg.h>
#include <stdio.h>

static int number, failed;

void tap_plan(int n) {
    printf("1..%d\n", n);
    fflush(stdout);
}

void tap_ok(bool good, const char *format, ...) {
    va_list args;

    va_start(args, format);
    printf("%sok %d - ", good ? "" : "not ", ++number);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    failed += !good;
}

int tap_end(void) {
    return failed > 0;
}
