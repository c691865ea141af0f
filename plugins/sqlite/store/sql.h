/* plugins/sqlite/store/sql.h - every statement, by name, and the tables. */
#ifndef SQ_SQL_H
#define SQ_SQL_H

/* clang-format off */
enum sq_sql {
    SQ_BEGIN, SQ_BEGIN_READING, SQ_COMMIT, SQ_ROLLBACK,
    SQ_DATA_VERSION, SQ_PAGES, SQ_FREE_PAGES, SQ_AUTO_VACUUM, SQ_VACUUM,
    /* topics and messages */
    SQ_TOPIC_BY_NAME, SQ_TOPIC_ADD, SQ_TOPICS_AFTER, SQ_TOPIC_TAIL, SQ_TOPIC_OLDEST, SQ_TOPIC_NEWEST,
    SQ_TOPIC_SET_LAST, SQ_TOPIC_DELETE,
    SQ_MSG_ADD, SQ_MSG_SCAN, SQ_MSG_NEXT, SQ_MSG_ONE, SQ_MSG_TIME, SQ_MSG_SLOT_KEY, SQ_MSG_SLOTS_BETWEEN, SQ_MSG_DELETE,
    SQ_MSG_SIZES, SQ_MSG_BYTES,
    SQ_SCHEMA_BY_TEXT, SQ_SCHEMA_ADD, SQ_SCHEMA_BY_ID,
    /* members, the slots they own (share), delayed messages (hold) */
    SQ_MEMBER_ADD, SQ_MEMBER_RENEW, SQ_MEMBER_UNTIL, SQ_MEMBER_DELETE,
    SQ_GROUP_BY_NAME, SQ_GROUP_ADD, SQ_GROUPS_OF_TOPIC, SQ_GROUPS_AFTER, SQ_GROUP_DELETE,
    SQ_SHARE_ADD, SQ_SHARE_SET, SQ_SHARES, SQ_SHARE_ONE, SQ_SHARE_DELETE, SQ_SHARES_DELETE, SQ_SHARE_ANY,
    SQ_SHARE_STATES,
    SQ_HOLD_SET, SQ_HOLD_DELETE, SQ_HOLDS_DUE_NOW, SQ_HOLDS, SQ_HOLD_DROP_HOLDER, SQ_HOLD_SEQS, SQ_HOLDS_DELETE, SQ_HOLD_LOWEST,
    /* which run of the monotonic clock the times belong to, and how old messages are */
    SQ_READ_FORMAT, SQ_BOOT, SQ_BOOT_SET,
    SQ_MARK_ADD, SQ_MARK_NEWEST, SQ_MARK_OLD, SQ_MARK_NEXT, SQ_MARKS_COUNT, SQ_MARKS_THIN, SQ_MARKS_DELETE, SQ_MARKS_DROP_ODD,
    SQ_MARKS_SHIFT,
    SQ_STATEMENTS
};
/* clang-format on */

/* The text of a statement; for sqlite3_prepare. */
const char *sq_sql_text(enum sq_sql);

/* Create the tables of an empty file, and what an older one lacks. */
extern const char sq_sql_schema_1[]; /* those of format 1 */
extern const char sq_sql_schema[];
extern const char sq_sql_upgrade_from_1[];

enum {
    SQ_APPLICATION = 0x45425553, /* "EBUS", in the file's header */
    SQ_FORMAT = 2                /* user_version: raised when older plugins could no longer read the file */
};

#endif
