/* conform/main.c - the conformance kit as a program of its own, for plugin authors. */
#include <stddef.h>
#include "conform.h"

int main(int argc, char **argv) {
    static const char *const again[] = { "eventbus-conform", NULL };
    static const struct eb_conform_program program = { .name = "eventbus-conform", .again = again };

    return eb_conform_main(argc, argv, &program);
}
