/* plugins/sqlite/store/lock_owner.c - see lock_owner.h. The owner comes from /proc/locks: fcntl needs a descriptor of the
 * log's index, and closing that would drop the locks that SQLite holds on it in this process. */
#include "store/lock_owner.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WRITE_BYTE = 120, PENDING_BYTE = 0x40000000 }; /* in the index (-shm), and in the file itself */

struct process {
    long pid;
    char name[40], state;
};

/* "1: POSIX  ADVISORY  WRITE 4711 08:01:1234 120 120" */
static bool is_held(const char *line, uint64_t number, uint64_t byte, long *pid) {
    uint64_t there, from, end = UINT64_MAX;
    char last[24];

    if (sscanf(line, "%*d: POSIX %*s WRITE %ld %*x:%*x:%" SCNu64 " %" SCNu64 " %23s", pid, &there, &from, last) != 4)
        return false;
    if (strcmp(last, "EOF") != 0 && sscanf(last, "%" SCNu64, &end) != 1)
        return false;
    return *pid > 0 && there == number && from <= byte && byte <= end;
}

static bool find(uint64_t number, uint64_t byte, long *pid) {
    FILE *locks = fopen("/proc/locks", "re");
    char line[200];
    bool found = false;

    while (locks && !found && fgets(line, sizeof line, locks))
        found = is_held(line, number, byte, pid);
    if (locks)
        fclose(locks);
    return found;
}

/* "4711 (its name) S ..."; a name is any text. */
static void look_at(struct process *process) {
    char path[40], line[200], *name, *end;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/stat", process->pid);
    file = fopen(path, "re");
    if (file && fgets(line, sizeof line, file) && (name = strchr(line, '(')) && (end = strrchr(line, ')')) && end > name) {
        *end = '\0';
        snprintf(process->name, sizeof process->name, "%s", name + 1);
        process->state = end[1] == ' ' ? end[2] : '\0';
    }
    if (file)
        fclose(file);
    for (char *at = process->name; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

static bool find_process(const char *real, struct process *process) {
    char index[4096];
    struct stat about;

    if (snprintf(index, sizeof index, "%s-shm", real) < (int)sizeof index && stat(index, &about) == 0 &&
        find(about.st_ino, WRITE_BYTE, &process->pid))
        return true;
    return stat(real, &about) == 0 && find(about.st_ino, PENDING_BYTE, &process->pid);
}

void sq_lock_owner_describe(const char *real, char *text, size_t room) {
    struct process process = { .name = "" };

    text[0] = '\0';
    if (!real || !find_process(real, &process) || process.pid == getpid())
        return;
    look_at(&process);
    if (process.state == 'T' || process.state == 't')
        snprintf(text, room, ", process %ld (%s), which is stopped: continue it (kill -CONT %ld), or end it", process.pid,
                 process.name, process.pid);
    else
        snprintf(text, room, ", process %ld (%s): end it, or what it does there", process.pid, process.name);
}
