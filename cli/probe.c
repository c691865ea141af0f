/* cli/probe.c - see probe.h. The child sends its report over a pipe of its own, because a plugin may write to the
 * standard streams. */
#include "cli/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/describe.h"
#include "cli/report.h"
#include "plugin/plugins.h"

enum { REPORT_FD = 3, PATIENCE_MS = 10000, MOST_REPORT = 4 << 20 };

const char cli_probe_word[] = "--probe-plugin";

/* ---- The child --------------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t len) {
    while (len > 0) {
        ssize_t wrote = write(fd, data, len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        data += wrote;
        len -= (size_t)wrote;
    }
    return true;
}

void cli_probe_child(char **argv) {
    const struct rlimit no_core = { 0 };
    const struct ebi_plugin *plugin;
    struct eb_error err;
    enum ebi_trust trust = strcmp(argv[4], "any") == 0 ? EBI_TRUST_ANY : EBI_TRUST_OWNER;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &no_core);
    bool loaded = ebi_plugin_load(argv[2], argv[3], trust, &plugin, &err) == EB_OK;
    json_t *report = loaded ? cli_describe(plugin) : json_pack("{ss}", "error", err.text);
    if (!report)
        report = json_pack("{ss+}", "error", argv[3], ": what it says of itself is not UTF-8; ask its author");
    char *text = report ? json_dumps(report, JSON_COMPACT) : NULL;
    bool told = text && write_all(REPORT_FD, text, strlen(text));
    _exit(told ? 0 : CLI_EXIT_BROKER); /* without running the plugin's destructors */
}

/* ---- The parent -------------------------------------------------------------------------------------------------- */

/* Starts this program again with the pipe's end as descriptor 3. */
static enum eb_status start(const char *path, const char *name, enum ebi_trust trust, int pipe_end, pid_t *child,
                            struct eb_error *err) {
    const char *words[] = { "eventbus", cli_probe_word, path, name, trust == EBI_TRUST_ANY ? "any" : "owner", NULL };
    posix_spawn_file_actions_t actions;
    int wrong = posix_spawn_file_actions_init(&actions);

    if (wrong)
        goto done;
    wrong = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!wrong)
        wrong = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (!wrong)
        wrong = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (!wrong)
        wrong = posix_spawn_file_actions_adddup2(&actions, pipe_end, REPORT_FD);
    if (!wrong)
        wrong = posix_spawn(child, "/proc/self/exe", &actions, NULL, (char *const *)words, environ);
    posix_spawn_file_actions_destroy(&actions);
done:
    if (!wrong)
        return EB_OK;
    errno = wrong;
    return ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot start a process to look at plugin %s", name);
}

enum reading { READ_ALL, READ_LATE, READ_LONG, READ_NO_MEMORY };

/* Reads until the other side closes, for PATIENCE_MS at most. */
static enum reading read_report(int fd, struct ebi_bytes *report) {
    int64_t until = ebi_ticks_ms() + PATIENCE_MS;
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    for (;;) {
        int64_t left = until - ebi_ticks_ms();
        if (left <= 0)
            return READ_LATE;
        if (report->len > MOST_REPORT)
            return READ_LONG;
        if (!ebi_bytes_reserve(report, BUFSIZ))
            return READ_NO_MEMORY;
        int ready = poll(&wait, 1, (int)left);
        if (ready < 0 && errno != EINTR)
            return READ_LATE;
        if (ready <= 0)
            continue;
        ssize_t got = read(fd, report->data + report->len, BUFSIZ);
        if (got == 0)
            return READ_ALL;
        if (got < 0 && errno != EINTR)
            return READ_LATE;
        if (got > 0)
            report->len += (size_t)got;
    }
}

/* Describes how the child ended if there is no report. */
static json_t *obituary(const char *name, int how, enum reading reading) {
    if (reading == READ_LATE)
        return json_pack(
            "{so}", "error",
            json_sprintf("plugin %s did not come back from being loaded in %d s; ask its author", name, PATIENCE_MS / 1000));
    if (reading == READ_LONG)
        return json_pack("{so}", "error",
                         json_sprintf("plugin %s says more than %d MiB of itself and its options; ask its author to shorten it",
                                      name, MOST_REPORT >> 20));
    if (WIFSIGNALED(how))
        return json_pack("{so}", "error",
                         json_sprintf("plugin %s crashed while it was being loaded (signal %d, %s); ask its author", name,
                                      WTERMSIG(how), strsignal(WTERMSIG(how))));
    return json_pack("{so}", "error",
                     json_sprintf("plugin %s ended the process while it was being loaded (exit status %d), which no "
                                  "plugin may; ask its author",
                                  name, WEXITSTATUS(how)));
}

enum eb_status cli_probe(const char *path, const char *name, enum ebi_trust trust, json_t **report, struct eb_error *err) {
    struct ebi_bytes text = { 0 };
    enum eb_status status = EB_FATAL;
    int ends[2] = { -1, -1 }, how = 0;
    pid_t child = -1;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        ebi_error_errno(err, EB_FATAL, EB_KIND_SYSTEM, "cannot make a pipe to look at plugin %s", name);
        goto done;
    }
    if (start(path, name, trust, ends[1], &child, err) != EB_OK)
        goto done;
    close(ends[1]);
    ends[1] = -1;
    enum reading reading = read_report(ends[0], &text);
    if (reading != READ_ALL)
        kill(child, SIGKILL);
    while (waitpid(child, &how, 0) < 0 && errno == EINTR)
        ;
    *report = reading == READ_ALL && text.len > 0 ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (!*report && reading != READ_NO_MEMORY)
        *report = obituary(name, how, reading);
    status = *report ? EB_OK : ebi_error_memory(err);
done:
    ebi_bytes_free(&text);
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
    return status;
}
