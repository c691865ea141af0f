/* plugins/common/registry/tests/test_servers.c - which server a request goes to, and when it is tried again. */
#include <criterion/criterion.h>

#include "../registry.h"
#include "../servers.h"

static struct sr_servers servers;
static const char *const three[] = { "http://a/", "http://b///", "http://c", NULL };

static void set_up(void) {
    cr_assert(sr_servers_make(&servers, three));
}

static void tear_down(void) {
    sr_servers_free(&servers);
}

TestSuite(registry_servers, .init = set_up, .fini = tear_down);

static size_t chosen(int64_t now, uint32_t tried) {
    size_t which = 99;

    cr_assert_eq(sr_servers_choose(&servers, now, tried, &which), SR_ASK);
    return which;
}

static void fail(size_t which, int64_t began, int64_t now, int64_t wait) {
    sr_servers_begin(&servers, which);
    sr_servers_failed(&servers, which, began, now, wait);
}

Test(registry_servers, an_address_has_no_slash_at_its_end) {
    cr_assert_str_eq(servers.all[0].url, "http://a");
    cr_assert_str_eq(servers.all[1].url, "http://b");
    cr_assert_str_eq(servers.all[2].url, "http://c");
}

Test(registry_servers, the_next_one_is_tried_when_one_failed_and_the_one_that_responded_stays) {
    cr_assert_eq(chosen(1000, 0), 0);
    fail(0, 1000, 1000, 0);
    cr_assert_eq(chosen(1000, 1), 1);
    sr_servers_begin(&servers, 1);
    sr_servers_responded(&servers, 1);
    cr_assert_eq(chosen(1000, 0), 1);
    cr_assert_eq(chosen(900000, 0), 1, "also when the first could be asked again");
}

Test(registry_servers, with_all_tried_there_is_none) {
    size_t which;

    cr_assert_eq(sr_servers_choose(&servers, 1000, 7, &which), SR_NONE);
}

Test(registry_servers, one_that_failed_is_left_alone_and_then_gets_a_single_request) {
    size_t which;

    fail(0, 1000, 1000, 0);
    cr_assert_eq(sr_servers_choose(&servers, 1000, 6, &which), SR_NONE);
    cr_assert_eq(sr_servers_choose(&servers, 1000 + SR_WAIT_FIRST_MS, 6, &which), SR_ASK);
    sr_servers_begin(&servers, 0);
    cr_assert_eq(sr_servers_choose(&servers, 1000 + SR_WAIT_FIRST_MS, 6, &which), SR_LATER);
    sr_servers_responded(&servers, 0);
    cr_assert_eq(sr_servers_choose(&servers, 1000 + SR_WAIT_FIRST_MS, 6, &which), SR_ASK);
    sr_servers_begin(&servers, 0);
    cr_assert_eq(sr_servers_choose(&servers, 1000 + SR_WAIT_FIRST_MS, 6, &which), SR_ASK, "as many as one likes");
}

Test(registry_servers, requests_that_fail_together_count_once) {
    for (int i = 0; i < 8; i++)
        sr_servers_begin(&servers, 0);
    for (int i = 0; i < 8; i++)
        sr_servers_failed(&servers, 0, 1000, 1010 + i, 0);
    cr_assert_eq(servers.all[0].failures, 1);
    cr_assert_eq(servers.all[0].n_sent, 0);
}

Test(registry_servers, what_the_server_asks_for_counts_up_to_the_limit) {
    fail(0, 1000, 1000, 3000);
    cr_assert_eq(servers.all[0].retry_ms, 4000);
    fail(1, 1000, 1000, 86400000);
    cr_assert_eq(servers.all[1].retry_ms, 1000 + SR_WAIT_MAX_MS);
}

Test(registry_servers, all_have_failed_until_one_responds) {
    for (size_t i = 0; i < 3; i++) {
        cr_assert_not(sr_servers_all_failed(&servers));
        fail(i, 1000, 1000, 0);
    }
    cr_assert(sr_servers_all_failed(&servers));
    sr_servers_begin(&servers, 2);
    sr_servers_responded(&servers, 2);
    cr_assert_not(sr_servers_all_failed(&servers));
}

Test(registry_servers, a_wait_doubles_to_its_limit_and_chance_takes_off_a_fifth) {
    uint64_t chance = 88172645463325252u;
    int64_t least = SR_WAIT_MAX_MS, most = 0;

    for (uint32_t failures = 1; failures < 8; failures++) {
        int64_t full = (int64_t)SR_WAIT_FIRST_MS << (failures - 1), wait = sr_wait(failures, &chance);
        full = full < SR_WAIT_MAX_MS ? full : SR_WAIT_MAX_MS;
        cr_assert(wait <= full && wait >= full - full / 5, "%u failures: %ld", failures, (long)wait);
    }
    for (int i = 0; i < 1000; i++) {
        int64_t wait = sr_wait(UINT32_MAX, &chance);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    cr_assert(least >= SR_WAIT_MAX_MS * 4 / 5 && most <= SR_WAIT_MAX_MS);
    cr_assert(most - least > SR_WAIT_MAX_MS / 10, "they are spread: %ld to %ld", (long)least, (long)most);
}
