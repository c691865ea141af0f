/* plugins/sqlite/store/sql.c - see sql.h. */
#include "store/sql.h"

/* The messages of a topic lie together: id is topic << 40 | position, and positions are consecutive from 1. topic.last
 * keeps the highest position when its row is removed, so that none is used twice; ids of topics and members are never used
 * twice either. msg.slot: the note of the slots of this row and of some behind it, see slots.h; its lowest 6 bits are this
 * row's. msg.head: see envelope.h. share: which member (owner) owns which slots, in one row each; owner 0: the free slots;
 * state: see owned_slots.h. hold: delayed messages, which have left the order of the log for a retry, because they were
 * returned, or taken over from a dead member; holder: the member that has it in flight, or 0; due: when it may be
 * delivered again. boot: which run of the monotonic clock the times in hold, member and mark belong to, in one row; wall:
 * the wall clock's time when that clock was 0. mark: when a topic had its messages up to that position, so that their age
 * depends on no wall clock; msg.time does, and is only shown and searched for. */
#define SQ_CLOCK_TABLES                                                                                                        \
    "CREATE TABLE boot(id INTEGER PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL, wall INT NOT NULL) STRICT;"                   \
    "CREATE TABLE mark(topic INT NOT NULL, seq INT NOT NULL, at INT NOT NULL, PRIMARY KEY(topic, seq)) STRICT, WITHOUT ROWID;"

/* Upgrades a file of format 1, whose retries are due by the wall clock. */
const char sq_sql_upgrade_from_1[] = SQ_CLOCK_TABLES "UPDATE hold SET due = 0 WHERE due <> 0;";

#define SQ_FIRST_TABLES                                                                                                        \
    "CREATE TABLE topic(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, last INT NOT NULL) STRICT;"           \
    "CREATE TABLE schema(id INTEGER PRIMARY KEY, name TEXT NOT NULL, json TEXT NOT NULL, UNIQUE(name, json)) STRICT;"          \
    "CREATE TABLE msg(id INTEGER PRIMARY KEY, slot INT NOT NULL, time INT NOT NULL, key BLOB, head BLOB NOT NULL,"             \
    " body BLOB) STRICT;"                                                                                                      \
    "CREATE TABLE grp(id INTEGER PRIMARY KEY, topic INT NOT NULL, name TEXT NOT NULL, UNIQUE(topic, name)) STRICT;"            \
    "CREATE TABLE member(id INTEGER PRIMARY KEY AUTOINCREMENT, until INT NOT NULL, strict INT NOT NULL,"                       \
    " name TEXT NOT NULL, pid INT NOT NULL) STRICT;"                                                                           \
    "CREATE TABLE share(grp INT NOT NULL, owner INT NOT NULL, state BLOB NOT NULL, PRIMARY KEY(grp, owner))"                   \
    " STRICT, WITHOUT ROWID;"                                                                                                  \
    "CREATE TABLE hold(grp INT NOT NULL, seq INT NOT NULL, slot INT NOT NULL, key INT NOT NULL, due INT NOT NULL,"             \
    " attempts INT NOT NULL, deliveries INT NOT NULL, holder INT NOT NULL, PRIMARY KEY(grp, seq)) STRICT, WITHOUT ROWID;"

const char sq_sql_schema_1[] = SQ_FIRST_TABLES;
const char sq_sql_schema[] = SQ_FIRST_TABLES SQ_CLOCK_TABLES;

static const char *const texts[SQ_STATEMENTS] = {
    [SQ_BEGIN] = "BEGIN IMMEDIATE",
    [SQ_BEGIN_READING] = "BEGIN",
    [SQ_COMMIT] = "COMMIT",
    [SQ_ROLLBACK] = "ROLLBACK",
    [SQ_DATA_VERSION] = "PRAGMA data_version",
    [SQ_PAGES] = "PRAGMA page_count",
    [SQ_FREE_PAGES] = "PRAGMA freelist_count",
    [SQ_AUTO_VACUUM] = "PRAGMA auto_vacuum",
    [SQ_VACUUM] = "PRAGMA incremental_vacuum",

    [SQ_TOPIC_BY_NAME] = "SELECT id FROM topic WHERE name = ?1",
    [SQ_TOPIC_ADD] = "INSERT INTO topic(name, last) VALUES(?1, 0)",
    [SQ_TOPICS_AFTER] = "SELECT id, name FROM topic WHERE id > ?1 ORDER BY id",
    [SQ_TOPIC_TAIL] = "SELECT t.last, m.id, m.time FROM topic t LEFT JOIN msg m"
                      " ON m.id = (SELECT max(id) FROM msg WHERE id BETWEEN ?1 << 40 AND (?1 << 40) + 0xffffffffff)"
                      " WHERE t.id = ?1",
    [SQ_TOPIC_OLDEST] = "SELECT id, time FROM msg WHERE id BETWEEN ?1 << 40 AND (?1 << 40) + 0xffffffffff"
                        " ORDER BY id LIMIT 1",
    [SQ_TOPIC_NEWEST] = "SELECT max(id) FROM msg WHERE id BETWEEN ?1 << 40 AND (?1 << 40) + 0xffffffffff",
    [SQ_TOPIC_SET_LAST] = "UPDATE topic SET last = ?2 WHERE id = ?1 AND last < ?2",
    [SQ_TOPIC_DELETE] = "DELETE FROM topic WHERE id = ?1",
    [SQ_MSG_ADD] = "INSERT INTO msg(id, slot, time, key, head, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQ_MSG_SCAN] = "SELECT id, slot, time, key, head, body FROM msg WHERE id > ?1 AND id <= ?2"
                    " AND ?3 >> (slot & 63) & 1 ORDER BY id",
    [SQ_MSG_NEXT] = "SELECT min(id) FROM msg WHERE id > ?1 AND id <= ?2",
    [SQ_MSG_ONE] = "SELECT id, slot, time, key, head, body FROM msg WHERE id = ?1",
    [SQ_MSG_TIME] = "SELECT time FROM msg WHERE id = ?1",
    [SQ_MSG_SLOT_KEY] = "SELECT slot, key FROM msg WHERE id = ?1",
    [SQ_MSG_SLOTS_BETWEEN] = "SELECT id, slot FROM msg WHERE id > ?1 AND id <= ?2 ORDER BY id",
    [SQ_MSG_DELETE] = "DELETE FROM msg WHERE id BETWEEN ?1 AND ?2",
    [SQ_MSG_SIZES] = "SELECT id, ifnull(length(key), 0) + length(head) + ifnull(length(body), 0) FROM msg"
                     " WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    [SQ_MSG_BYTES] = "SELECT ifnull(sum(ifnull(length(key), 0) + length(head) + ifnull(length(body), 0)), 0) FROM msg"
                     " WHERE id BETWEEN ?1 AND ?2",
    [SQ_SCHEMA_BY_TEXT] = "SELECT id FROM schema WHERE name = ?1 AND json = ?2",
    [SQ_SCHEMA_ADD] = "INSERT INTO schema(name, json) VALUES(?1, ?2)",
    [SQ_SCHEMA_BY_ID] = "SELECT name, json FROM schema WHERE id = ?1",

    [SQ_MEMBER_ADD] = "INSERT INTO member(until, strict, name, pid) VALUES(?1, ?2, ?3, ?4)",
    [SQ_MEMBER_RENEW] = "UPDATE member SET until = ?2 WHERE id = ?1",
    [SQ_MEMBER_UNTIL] = "SELECT until FROM member WHERE id = ?1",
    [SQ_MEMBER_DELETE] = "DELETE FROM member WHERE id = ?1",
    [SQ_GROUP_BY_NAME] = "SELECT id FROM grp WHERE topic = ?1 AND name = ?2",
    [SQ_GROUP_ADD] = "INSERT INTO grp(topic, name) VALUES(?1, ?2)",
    [SQ_GROUPS_OF_TOPIC] = "SELECT id FROM grp WHERE topic = ?1",
    [SQ_GROUPS_AFTER] = "SELECT g.id, t.id, t.name, g.name FROM topic t JOIN grp g ON g.topic = t.id"
                        " WHERE (t.id, g.name) > (?1, ?2) ORDER BY t.id, g.name",
    [SQ_GROUP_DELETE] = "DELETE FROM grp WHERE id = ?1",
    [SQ_SHARE_ADD] = "INSERT INTO share(grp, owner, state) VALUES(?1, ?2, ?3)",
    [SQ_SHARE_SET] = "UPDATE share SET state = ?3 WHERE grp = ?1 AND owner = ?2",
    [SQ_SHARES] = "SELECT s.owner, s.state, m.until, m.strict, m.name, m.pid FROM share s LEFT JOIN member m"
                  " ON m.id = s.owner WHERE s.grp = ?1 ORDER BY s.owner",
    [SQ_SHARE_ONE] = "SELECT state FROM share WHERE grp = ?1 AND owner = ?2",
    [SQ_SHARE_DELETE] = "DELETE FROM share WHERE grp = ?1 AND owner = ?2",
    [SQ_SHARES_DELETE] = "DELETE FROM share WHERE grp = ?1",
    [SQ_SHARE_STATES] = "SELECT state FROM share WHERE grp = ?1",
    [SQ_SHARE_ANY] = "SELECT 1 FROM share WHERE owner = ?1 LIMIT 1",
    [SQ_HOLD_SET] = "INSERT INTO hold(grp, seq, slot, key, due, attempts, deliveries, holder)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET due = excluded.due,"
                    " attempts = excluded.attempts, deliveries = excluded.deliveries, holder = excluded.holder",
    [SQ_HOLD_DELETE] = "DELETE FROM hold WHERE grp = ?1 AND seq = ?2",
    [SQ_HOLDS] = "SELECT seq, slot, key, due, attempts, deliveries, holder FROM hold WHERE grp = ?1 ORDER BY seq",
    [SQ_HOLD_DROP_HOLDER] = "UPDATE hold SET holder = 0 WHERE grp = ?1 AND holder = ?2",
    [SQ_HOLD_SEQS] = "SELECT seq, slot, holder FROM hold WHERE grp = ?1 AND seq <= ?2 ORDER BY seq",
    [SQ_HOLD_LOWEST] = "SELECT seq FROM hold WHERE grp = ?1 ORDER BY seq LIMIT 1",
    [SQ_HOLDS_DELETE] = "DELETE FROM hold WHERE grp = ?1",
    [SQ_HOLDS_DUE_NOW] = "UPDATE hold SET due = 0 WHERE due <> 0",

    [SQ_READ_FORMAT] = "PRAGMA user_version",
    [SQ_BOOT] = "SELECT name, wall FROM boot WHERE id = 1",
    [SQ_BOOT_SET] = "INSERT INTO boot(id, name, wall) VALUES(1, ?1, ?2) ON CONFLICT DO UPDATE SET name = excluded.name,"
                    " wall = excluded.wall",
    [SQ_MARK_ADD] = "INSERT INTO mark(topic, seq, at) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [SQ_MARK_NEWEST] = "SELECT seq, at FROM mark WHERE topic = ?1 ORDER BY seq DESC LIMIT 1",
    [SQ_MARK_OLD] = "SELECT seq FROM mark WHERE topic = ?1 AND at <= ?2 ORDER BY seq DESC LIMIT 1",
    [SQ_MARK_NEXT] = "SELECT at FROM mark WHERE topic = ?1 AND seq > ?2 ORDER BY seq LIMIT 1",
    [SQ_MARKS_COUNT] = "SELECT count(*) FROM mark WHERE topic = ?1",
    [SQ_MARKS_THIN] = "DELETE FROM mark WHERE topic = ?1 AND seq IN (SELECT seq FROM (SELECT seq,"
                      " row_number() OVER (ORDER BY seq) AS n FROM mark WHERE topic = ?1) WHERE n & 1)",
    [SQ_MARKS_DELETE] = "DELETE FROM mark WHERE topic = ?1 AND seq < ?2",
    [SQ_MARKS_DROP_ODD] = "DELETE FROM mark WHERE at NOT BETWEEN -0xfffffffffff AND 0xfffffffffff",
    [SQ_MARKS_SHIFT] = "UPDATE mark SET at = at - (SELECT max(at) FROM mark) + ?1",
};

const char *sq_sql_text(enum sq_sql name) {
    return texts[name];
}
