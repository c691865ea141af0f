/* conform/host/usage.c - what the process uses: descriptors, threads, memory. */
#include "host/host.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t count_entries(const char *folder) {
    DIR *dir = opendir(folder);
    size_t n = 0;

    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

size_t ebc_count_descriptors(void) {
    return count_entries("/proc/self/fd");
}

size_t ebc_count_threads(void) {
    return count_entries("/proc/self/task");
}

size_t ebc_await_count(struct ebc_test *t, size_t (*count)(void), size_t limit) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms;
    size_t n;

    while ((n = count()) > limit && ebc_monotonic_ms() < end)
        usleep(5000);
    return n;
}

/* The test's lists of what it allocated are its own as well. */
static int64_t own_bytes(struct ebc_test *t) {
    int64_t bytes;

    pthread_mutex_lock(&t->memory);
    bytes = (int64_t)(t->held_bytes + malloc_usable_size(t->held));
    pthread_mutex_unlock(&t->memory);
    return bytes;
}

int64_t ebc_heap_in_use(struct ebc_test *t) {
    struct mallinfo2 now = mallinfo2();

    return now.uordblks == 0 ? EBC_UNKNOWN : (int64_t)(now.uordblks + now.hblkhd) - own_bytes(t);
}

int64_t ebc_await_heap(struct ebc_test *t, int64_t limit) {
    int64_t end = ebc_monotonic_ms() + t->patience_ms, bytes;

    while ((bytes = ebc_heap_in_use(t)) > limit && ebc_monotonic_ms() < end)
        usleep(5000);
    return bytes;
}

int64_t ebc_resident(struct ebc_test *t) {
    FILE *status = fopen("/proc/self/status", "re");
    long long kib = -1;
    char line[200];

    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssAnon: %lld", &kib) == 1)
            break;
    if (status)
        fclose(status);
    return kib < 0 || mallinfo2().uordblks == 0 ? EBC_UNKNOWN : kib * 1024 - own_bytes(t);
}

bool ebc_at_full_size(void) {
    const char *soak = getenv("EB_SOAK");

    return soak && *soak && strcmp(soak, "0") != 0;
}
