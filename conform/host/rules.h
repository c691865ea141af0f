/* conform/host/rules.h - the sentences of plugin.h and error.h that the host and the cases check. */
#ifndef EBC_RULES_H
#define EBC_RULES_H

/* clang-format off */
enum ebc_rule {
    /* calls */
    EBC_DESCRIPTOR, EBC_OPTIONS, EBC_DEFAULTS, EBC_CHECK, EBC_TABLES, EBC_TRAITS, EBC_TRAITS_FOR, EBC_THREADS_END, EBC_LATE_CALL,
    EBC_WAKE, EBC_TIME, EBC_POLL_WAITS, EBC_FORBIDDEN, EBC_SIGNALS, EBC_DESCRIPTORS, EBC_LINK, EBC_STATUS,
    EBC_ERROR_FILLED,
    /* sending */
    EBC_SUBMIT_TAKES, EBC_REPORTED_ONCE, EBC_REPORT_FIELDS, EBC_POSITION, EBC_VALUES, EBC_ATTRS, EBC_HEADERS,
    EBC_CLOSE_REPORTS, EBC_CLOSE_SENDS, EBC_STORED, EBC_NOT_STORED, EBC_REPLAY, EBC_RESUBMIT,
    EBC_SEND_ORDER, EBC_FAIL_ORDER,
    /* receiving */
    EBC_RECEIVED, EBC_MISSING, EBC_TEXT_ENDS, EBC_TOKEN, EBC_INSIDE, EBC_MAX, EBC_MAX_0, EBC_FULL_STOPS,
    EBC_FULL_AGAIN, EBC_FIRST_ONLY, EBC_RECEIVE_STATUS, EBC_BOUNDS, EBC_START, EBC_GROUPS, EBC_SHARED, EBC_LATER_TOPIC,
    EBC_UNTIL_END, EBC_END_UNASKED, EBC_ARRIVAL, EBC_PAUSE, EBC_PATTERN, EBC_FETCHED_AHEAD,
    /* settling */
    EBC_ACK_COVERS, EBC_SETTLED_ONCE, EBC_CLOSE_SETTLES, EBC_RETURN, EBC_RETURN_LOST, EBC_FREE_RETURN, EBC_RETRY,
    EBC_RETRY_COUNTS, EBC_RETRY_HOLDS, EBC_EXTEND, EBC_ACK_FOREVER, EBC_GONE_AGAIN, EBC_SETTLED_ENDS_WAIT,
    /* order, admin, crash */
    EBC_KEY_AT_ONE, EBC_ADMIN_WORKS, EBC_ADMIN_WALK, EBC_WALK_LASTS, EBC_TOPICS, EBC_CREATE, EBC_REMOVE, EBC_REMOVE_LIVE,
    EBC_GROUP_INFO, EBC_GROUP_POSITION, EBC_BROWSE, EBC_BROWSE_NOTHING, EBC_SEEK, EBC_SEEK_NOTHING, EBC_SEEK_LIVE, EBC_TRIM, EBC_TRIM_ANYWAY, EBC_PROCESSES, EBC_LEASE, EBC_STALE,
    /* a broker that is away */
    EBC_AWAY_LINK, EBC_AWAY_OPS, EBC_AWAY_OPEN, EBC_AWAY_RESENDS, EBC_AWAY_KEEPS, EBC_AWAY_CLOSE, EBC_AWAY_ADMIN,
    /* load, sizes, points */
    EBC_EXTREMES, EBC_SIZES, EBC_SIZES_HEADERS, EBC_SCHEMA, EBC_STALL, EBC_TURNS, EBC_STORM, EBC_TOGETHER, EBC_MODEL,
    EBC_CLOSED_LOST, EBC_FULL_ANYWHERE, EBC_BAD_POSITION, EBC_SEEK_BEHIND,
    EBC_RULES
};
/* clang-format on */

/* promise: the case that answers for the rule wherever a breach is seen; NULL: the running case. suspects: names of
 * cases, "|" between them, the more basic ones first: where one of these fails, that one is to blame, and the running case
 * could not be judged; a case among them suspects only those before it. */
struct ebc_rule_text {
    const char *promise;
    const char *sentence;
    const char *suspects;
};

const struct ebc_rule_text *ebc_rule(enum ebc_rule);

#endif
