/* tests/unit/base/test_uuid.c */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/uuid.h"

/* The time in an id: 100 ns ticks since 1582. */
static uint64_t ticks_of(const char *id) {
    uint64_t low = strtoull(id, NULL, 16), mid = strtoull(id + 9, NULL, 16), high = strtoull(id + 14, NULL, 16);

    return (high & 0x0fff) << 48 | mid << 32 | low;
}

Test(uuid, is_of_version_1_with_a_random_node_and_the_time) {
    char id[EBI_UUID_ROOM];
    int64_t before = ebi_now_us() * 10, after;

    ebi_uuid_new(id);
    after = ebi_now_us() * 10 + 10;
    cr_assert(ebi_uuid_valid(id, strlen(id)), "%s", id);
    cr_assert_eq(id[14], '1', "version: %s", id);
    cr_assert(strchr("89ab", id[19]), "variant: %s", id);
    cr_assert(strchr("13579bdf", id[25]), "the node must say that it is no network card's: %s", id);
    int64_t ticks = (int64_t)(ticks_of(id) - UINT64_C(0x01b21dd213814000));
    cr_assert_geq(ticks, before);
    cr_assert_leq(ticks, after);
}

enum { MANY = 20000, THREADS = 4 };

static void *make_many(void *arg) {
    char(*ids)[EBI_UUID_ROOM] = arg;

    for (size_t i = 0; i < MANY; i++)
        ebi_uuid_new(ids[i]);
    return NULL;
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

Test(uuid, grows_within_a_thread_and_is_never_the_same_in_two) {
    char(*ids)[EBI_UUID_ROOM] = calloc(MANY * THREADS, sizeof *ids);
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, make_many, ids + i * MANY);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < MANY * THREADS; i++)
        if (i % MANY && ticks_of(ids[i]) <= ticks_of(ids[i - 1]))
            cr_assert_fail("%s after %s", ids[i], ids[i - 1]);
    qsort(ids, MANY * THREADS, sizeof *ids, compare);
    for (size_t i = 1; i < MANY * THREADS; i++)
        if (strcmp(ids[i], ids[i - 1]) == 0)
            cr_assert_fail("%s twice", ids[i]);
    free(ids);
}

Test(uuid, a_forked_child_makes_ids_of_its_own) {
    char mine[EBI_UUID_ROOM], childs[EBI_UUID_ROOM];
    int ends[2];

    ebi_uuid_new(mine);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        ebi_uuid_new(childs);
        _exit(write(ends[1], childs, sizeof childs) != sizeof childs);
    }
    cr_assert_eq(read(ends[0], childs, sizeof childs), sizeof childs);
    waitpid(child, NULL, 0);
    cr_assert(ebi_uuid_valid(childs, 36));
    cr_assert_str_neq(mine + 24, childs + 24, "the same node: %s %s", mine, childs);
    ebi_uuid_new(childs);
    cr_assert_str_eq(mine + 19, childs + 19, "the parent keeps its node: %s %s", mine, childs);
    close(ends[0]);
    close(ends[1]);
}

Test(uuid, what_is_one_and_what_is_not) {
    static const char *const good[] = {
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-ffff-4fff-8fff-FFFFFFFFFFFF",
    };
    /* clang-format off */
    static const char *const bad[] = {
        "", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000",
        "00000000000000000000000000000000", "0000000-00000-0000-0000-000000000000",
        "g0000000-0000-0000-0000-000000000000",
        "{0000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000\n",
    };
    /* clang-format on */

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        cr_assert(ebi_uuid_valid(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(ebi_uuid_valid(bad[i], strlen(bad[i])), "%s", bad[i]);
    cr_assert_not(ebi_uuid_valid("00000000-0000-0000-0000-00000000000\0", 36));
}

Test(uuid, a_wrong_character_is_found_at_each_place) {
    static const char good[] = "7ab7dfa8-e77e-11f1-AAA2-02fc00000001", wrong[] = "/:@G`g\x80 ";

    for (size_t at = 0; at < sizeof good - 1; at++)
        for (size_t i = 0; i <= sizeof wrong; i++) {
            char text[sizeof good];

            memcpy(text, good, sizeof good);
            text[at] = i < sizeof wrong ? wrong[i] : text[at] == '-' ? '0' : '-';
            cr_assert_not(ebi_uuid_valid(text, sizeof good - 1), "%02x at %zu", (unsigned char)text[at], at);
        }
}
