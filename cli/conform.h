/* cli/conform.h - the command called again by the conformance kit, for one case. */
#ifndef CLI_CONFORM_H
#define CLI_CONFORM_H

/* The first argument of such a call. */
extern const char cli_conform_word[];

/* Answers the exit status. */
int cli_conform_child(int argc, char **argv);

#endif
