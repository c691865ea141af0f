/* cli/main.c - the eventbus command: a table of its verbs. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/conform.h>
#include "cli/interrupt.h"
#include "cli/cli.h"
#include "cli/probe.h"
#include "cli/verbs.h"

static const struct cli_verb *const verbs[] = { &cli_produce, &cli_consume,    &cli_signals, &cli_schema, &cli_plugins,
                                                &cli_config,  &cli_topics,     &cli_groups,  &cli_seek,   &cli_conform,
                                                &cli_bench,   &cli_completion, NULL };

/* Opens a closed standard stream so that no other file gets its descriptor; writing to it fails. */
static void hold_standard_streams(void) {
    int fd;

    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv) {
    cli_take_signals();
    hold_standard_streams();
    if (argc == CLI_PROBE_ARGUMENTS && strcmp(argv[1], cli_probe_word) == 0)
        cli_probe_child(argv);
    eb_conform_main(argc, argv);
    signal(SIGPIPE, SIG_IGN); /* write(2) reports a closed pipe instead */
    cli_catch_stops();
    cli_out_start();
    return cli_out_end(cli_main(verbs, argc, argv));
}
