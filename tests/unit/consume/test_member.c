/* tests/unit/consume/test_member.c - the names that consumers take: unique among machines, users and state folders. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "consume/member.h"

static char root[] = "/tmp/eb-member-XXXXXX";
static struct eb_error err;

static void begin(void) {
    cr_assert_not_null(mkdtemp(root));
}

static void end(void) {
    char command[100];

    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(member, .init = begin, .fini = end);

static const char *folder(const char *name) {
    static char path[4][100];
    static int n;
    char *text = path[n++ % 4];

    snprintf(text, sizeof path[0], "%s/%s", root, name);
    return text;
}

static struct ebi_member taken(const char *state, const char *wanted) {
    struct ebi_member member;

    cr_assert_eq(ebi_member_take(state, "g", wanted, &member, &err), EB_OK, "%s", err.text);
    return member;
}

Test(member, the_default_name_has_the_host_the_place_and_the_lowest_free_number) {
    struct ebi_member one = taken(folder("a"), NULL), two = taken(folder("a"), NULL), again;
    char host[200] = "", place[9], expected[300];
    unsigned n;

    gethostname(host, sizeof host - 1);
    cr_assert_eq(strncmp(one.name, host, strlen(host)), 0, "%s", one.name);
    cr_assert_eq(sscanf(one.name + strlen(host), "-%8[0-9a-f]-%u", place, &n), 2, "%s", one.name);
    cr_assert_eq(n, 1);
    snprintf(expected, sizeof expected, "%s-%s-2", host, place);
    cr_assert_str_eq(two.name, expected);
    ebi_member_leave(&one);
    again = taken(folder("a"), NULL);
    cr_assert_str_eq(again.name, one.name, "the same after a restart");
    ebi_member_leave(&again);
    ebi_member_leave(&two);
}

Test(member, two_state_folders_never_share_a_name_though_one_is_a_copy_of_the_other) {
    struct ebi_member one = taken(folder("a"), NULL), copy;
    char command[300];

    snprintf(command, sizeof command, "cp -a %s %s", folder("a"), folder("b"));
    cr_assert_eq(system(command), 0);
    copy = taken(folder("b"), NULL);
    cr_assert_str_neq(one.name, copy.name);
    ebi_member_leave(&one);
    ebi_member_leave(&copy);
}

Test(member, one_folder_by_two_paths_is_one_place) {
    struct ebi_member one = taken(folder("a"), NULL), other;

    cr_assert_eq(symlink(folder("a"), folder("link")), 0);
    other = taken(folder("link"), NULL);
    cr_assert_eq(strncmp(one.name, other.name, strlen(one.name) - 1), 0, "%s and %s", one.name, other.name);
    cr_assert_str_neq(one.name, other.name, "the lock is the same one");
    ebi_member_leave(&one);
    ebi_member_leave(&other);
}

Test(member, a_name_that_is_in_use_elsewhere_is_left_for_the_next_free_one) {
    struct ebi_member one = taken(folder("a"), NULL), two = taken(folder("a"), NULL), free_again;
    char first[sizeof one.name];

    strcpy(first, one.name);
    cr_assert_eq(ebi_member_take_next(folder("a"), "g", &one, &err), EB_OK, "%s", err.text);
    cr_assert_eq(one.n, 3, "2 is taken here: %s", one.name);
    free_again = taken(folder("a"), NULL);
    cr_assert_str_eq(free_again.name, first, "it is not kept from others");
    ebi_member_leave(&one);
    ebi_member_leave(&two);
    ebi_member_leave(&free_again);
}

Test(member, a_given_name_is_taken_as_it_is) {
    struct ebi_member one = taken(folder("a"), "me"), other;

    cr_assert_str_eq(one.name, "me");
    cr_assert_eq(one.n, 0);
    cr_assert_eq(ebi_member_take(folder("a"), "g", "me", &other, &err), EB_PERMANENT);
    cr_assert(strstr(err.text, "already runs"), "%s", err.text);
    ebi_member_leave(&one);
}

Test(member, without_a_folder_for_locks_a_default_name_is_made_for_one_run) {
    static const char *const nowhere[] = { "/dev/null/state", "/proc/no-such-folder", "/proc" };

    for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
        struct ebi_member one = taken(nowhere[i], NULL), two = taken(nowhere[i], NULL), given = taken(nowhere[i], "w");

        cr_expect_eq(one.lock, -1);
        cr_expect_str_neq(one.name, two.name);
        cr_expect(strstr(one.no_lock, nowhere[i]), "%s", one.no_lock);
        cr_expect_eq(one.n, 1, "a default name: it may be changed");
        cr_expect_str_eq(given.name, "w");
        cr_expect(strstr(given.no_lock, nowhere[i]), "%s", given.no_lock);
        cr_expect_eq(ebi_member_take_next(nowhere[i], "g", &one, &err), EB_OK);
        cr_expect_str_neq(one.name, two.name);
        cr_expect_neq(ebi_member_take(nowhere[i], "g", "no name", &one, NULL), EB_OK);
    }
    struct ebi_member locked = taken(folder("a"), "w"), second;

    cr_expect_str_eq(locked.no_lock, "");
    cr_expect_eq(ebi_member_take(folder("a"), "g", "w", &second, &err), EB_PERMANENT, "a name in use is refused as ever");
    cr_expect_eq(err.kind, EB_KIND_CONFIG);
    ebi_member_leave(&locked);
}
