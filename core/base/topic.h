/* core/base/topic.h - names of topics: the prefix in front of them, patterns of them, the names of dead-letter topics; and the
 * points in a topic where reading starts. */
#ifndef EBI_TOPIC_H
#define EBI_TOPIC_H

#include <stdbool.h>
#include <stddef.h>
#include <eventbus/plugin.h>

/* ---- Prefixes: "dev" makes the full topic "dev-orders" of "orders". NULL and "" are no prefix. ---- */

/* The full topic, to be freed. NULL: no memory. */
char *ebi_full_topic(const char *prefix, const char *topic);

/* The part of a full topic behind the prefix; all of it where it has another prefix. Points into `full`. */
const char *ebi_short_topic(const char *prefix, const char *full);

/* Whether a full topic has the prefix; every topic has no prefix. */
bool ebi_topic_has_prefix(const char *prefix, const char *full);

/* ---- Patterns: '*' stands for any text, none included ---- */

bool ebi_topic_is_pattern(const char *topic);
bool ebi_topic_matches(const char *pattern, struct eb_text topic);

/* ---- Dead-letter topics: a template such as "{topic}.dlq", without the prefix ---- */

/* The full dead-letter topic of a full topic; to be freed. NULL: no memory. Where it would be longer than the 249 bytes that every
 * broker takes, the end of the topic in it is replaced by "-" and 8 digits that differ from topic to topic. */
char *ebi_dead_letter_topic(const char *template, const char *prefix, const char *full_topic);

/* Whether a full topic has the form of a dead-letter topic. *source becomes the topic (without the prefix) whose dead letters go
 * there, a part of full_topic; its data is NULL where the template names one topic for all. *cut: source may be a topic whose end
 * was replaced. */
bool ebi_dead_letter_source(const char *template, const char *prefix, const char *full_topic, struct eb_text *source,
                            bool *cut);

/* ---- Points ---- */

/* Reads earliest (also NULL, start, beginning), latest (end, now), a time, or a position of the broker's own, which is borrowed.
 * EB_PERMANENT, EB_KIND_CONFIG: the text is empty, or a time that does not exist. */
enum eb_status ebi_point_read(const char *text, struct eb_point *, struct eb_error *);

/* Completes the error of a broker that refused this point: where it was read as a position, the error names the other ways to
 * write a point. */
void ebi_point_explain(const struct eb_point *, struct eb_error *);

#endif
