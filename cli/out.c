/* cli/out.c - see out.h. */
#include "cli/out.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/report.h"

/* Of the one stream there is; the command writes from one thread at a time. */
static bool to_file;
static int trouble; /* errno of the first write that failed */

static bool went(bool fine) {
    if (!fine && !trouble)
        trouble = errno ? errno : EIO;
    return !trouble;
}

void cli_out_start(void) {
    struct stat about;

    to_file = fstat(STDOUT_FILENO, &about) == 0 && S_ISREG(about.st_mode);
    setvbuf(stdout, NULL, to_file ? _IOFBF : _IOLBF, 1 << 16);
}

bool cli_out(const void *data, size_t len) {
    return !trouble && went(fwrite(data, 1, len, stdout) == len);
}

bool cli_out_line(const char *text, size_t len) {
    return cli_out(text, len) && cli_out("\n", 1);
}

bool cli_outf(const char *format, ...) {
    va_list args;

    if (trouble)
        return false;
    va_start(args, format);
    int written = vfprintf(stdout, format, args);
    va_end(args);
    return went(written >= 0);
}

bool cli_out_json(json_t *object) {
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    bool fine = text && cli_out_line(text, strlen(text));

    if (!text) {
        cli_tell("out of memory, or a text that is not UTF-8");
        errno = ENOMEM;
        went(false);
    }
    free(text);
    json_decref(object);
    return fine;
}

bool cli_out_event(void) {
    return !trouble && (to_file || cli_out_now());
}

bool cli_out_now(void) {
    return !trouble && went(fflush(stdout) == 0);
}

int cli_out_end(int status) {
    if (!trouble && went(fflush(stdout) == 0))
        return status;
    if (trouble == EPIPE)
        return 0;
    fprintf(stderr, "eventbus: cannot write to standard output: %s\n", strerror(trouble));
    return CLI_EXIT_BROKER;
}
