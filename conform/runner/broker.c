/* conform/runner/broker.c - stops and starts the author's broker for a case, by the run's commands. */
#include "runner/child.h"
#include "runner/shell.h"

/* A command that fails says nothing of the plugin; the case fails by its name, so that nobody takes it for tested. */
static void run_command(struct ebc_test *t, const char *option, const char *command) {
    char why[EBC_SHELL_WHY_ROOM];

    if (ebc_shell(option, command, (int64_t)(EBC_SHELL_MS * (t->pace > 1 ? t->pace : 1)), why))
        return;
    ebc_tell(t, "broke", t->name, ebc_format(t, "expected the command to end with status 0; came: %s", why));
    ebc_tell(t, "over", NULL, "");
    ebc_child_of(t)->broke_off = true;
    ebc_end_case(t);
}

void ebc_broker_stop(struct ebc_test *t) {
    ebc_child_of(t)->page->broker = EBC_BROKER_DOUBTFUL;
    run_command(t, "--down", ebc_child_of(t)->argv[EBC_W_DOWN]);
    ebc_child_of(t)->page->broker = EBC_BROKER_STOPPED;
}

void ebc_broker_start(struct ebc_test *t) {
    run_command(t, "--up", ebc_child_of(t)->argv[EBC_W_UP]);
    ebc_child_of(t)->page->broker = EBC_BROKER_UP;
}
