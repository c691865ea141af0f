/* plugins/kafka/tests/unit_join_tracker.c - when a commit would stand behind a join. */
#include <criterion/criterion.h>
#include "client/join_tracker.h"

enum { COMMIT = 8, JOIN = 11, HEARTBEAT = 12, SYNC = 14, VERSIONS = 18 };

static const char coordinator[] = "GroupCoordinator/1", other[] = "127.0.0.1:9092/1";

Test(kafka_joins, a_commit_waits_until_the_group_is_in_step) {
    struct kf_join_tracker joins = { 0 };

    cr_assert_leq(kf_join_tracker_over_ms(&joins), 0);
    kf_join_tracker_sent(&joins, COMMIT, coordinator);
    cr_assert_leq(kf_join_tracker_over_ms(&joins), 0);
    kf_join_tracker_sent(&joins, JOIN, coordinator);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
    kf_join_tracker_answered(&joins, COMMIT, 1000);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
    kf_join_tracker_answered(&joins, JOIN, 1000);
    cr_assert_gt(kf_join_tracker_over_ms(&joins), 1000); /* the SyncGroup is on its way */
    kf_join_tracker_sent(&joins, SYNC, coordinator);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
    kf_join_tracker_answered(&joins, SYNC, 2000);
    cr_assert_lt(kf_join_tracker_over_ms(&joins), 2100);
    cr_assert(kf_join_tracker_joining(&joins)); /* it may have been an error */
    kf_join_tracker_joined(&joins);
    cr_assert_not(kf_join_tracker_joining(&joins));
}

Test(kafka_joins, an_answer_that_may_bring_a_join_is_waited_for_shortly) {
    struct kf_join_tracker joins = { 0 };

    cr_assert_not(kf_join_tracker_take_response(&joins));
    kf_join_tracker_answered(&joins, HEARTBEAT, 1000);
    cr_assert_gt(kf_join_tracker_over_ms(&joins), 1000);
    cr_assert_lt(kf_join_tracker_over_ms(&joins), 1100);
    cr_assert(kf_join_tracker_take_response(&joins));
    cr_assert_not(kf_join_tracker_take_response(&joins));
    kf_join_tracker_may_join(&joins, 2000); /* it was looked at late */
    cr_assert_gt(kf_join_tracker_over_ms(&joins), 2000);
    cr_assert_lt(kf_join_tracker_over_ms(&joins), 2100);
    kf_join_tracker_sent(&joins, JOIN, coordinator);
    kf_join_tracker_answered(&joins, HEARTBEAT, 1001); /* one from before the join */
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
}

Test(kafka_joins, what_is_expected_is_waited_for_and_not_for_ever) {
    struct kf_join_tracker joins = { 0 };

    kf_join_tracker_will_join(&joins, 1000);
    int64_t over = kf_join_tracker_over_ms(&joins);
    cr_assert_gt(over, 1100);
    cr_assert_lt(over, 10000);
    kf_join_tracker_answered(&joins, HEARTBEAT, 1001);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), over);
    kf_join_tracker_sent(&joins, JOIN, coordinator);
    kf_join_tracker_will_join(&joins, 1002);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
}

Test(kafka_joins, a_connection_that_broke_holds_nothing_back) {
    struct kf_join_tracker joins = { 0 };

    kf_join_tracker_sent(&joins, JOIN, coordinator);
    kf_join_tracker_sent(&joins, VERSIONS, other);
    cr_assert_eq(kf_join_tracker_over_ms(&joins), INT64_MAX);
    kf_join_tracker_sent(&joins, VERSIONS, coordinator);
    cr_assert_leq(kf_join_tracker_over_ms(&joins), 0);
}
