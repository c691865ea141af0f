/* core/schema/sample.c - fills a valid example of any event: believable values by the names of the fields, or by their
 * types where a name says nothing. What Open edX reads as a key, time or UUID is one. See sample.h. */
#include "avro/slots.h"

#include "base/error.h"

struct example {
    const char *name; /* of a field; "Record.field" where records differ; "*x": any name that ends in x */
    const char *text;
};

#define COURSE "edX+DemoX+Demo_Course"
#define BLOCK "block-v1:" COURSE "+type@problem+block@0a1b2c3d4e5f60718293a4b5c6d7e8f9"
#define COPY "block-v1:" COURSE "+type@problem+block@9f8e7d6c5b4a39281706f5e4d3c2b1a0"

/* The first example that fits is taken. */
static const struct example texts[] = {
    { "UserPersonalData.name", "Demo Learner" },
    { "UserPersonalData.username", "demo_learner" },
    { "UserPersonalData.email", "demo_learner@example.com" },
    { "TrackingLogData.name", "edx.course.enrollment.activated" },
    { "TrackingLogData.data", "{\"course_id\": \"course-v1:" COURSE "\", \"mode\": \"verified\"}" },
    { "TrackingLogData.context", "{\"org_id\": \"edX\", \"path\": \"/courses\"}" },
    { "LibraryBlockData.usage_key", "lb:edX:DemoLib:problem:p1" },
    { "CourseCatalogData.name", "Demonstration Course" },
    { "LtiProviderLaunchParamsData.user_id", "lti-user-1" },
    { "LtiProviderLaunchParamsData.roles", "Learner" },
    { "CohortData.name", "Group A" },
    { "VerificationAttemptData.name", "Demo Learner" },
    { "VerificationAttemptData.status", "approved" },
    { "CertificateData.name", "Demo Learner" },
    { "DiscussionThreadData.id", "62c3f1a0b5e84d2f9c7a1b3d" },
    { "ORASubmissionData.location", BLOCK },
    { "ccx_course_key", "ccx-v1:" COURSE "+ccx@1" },
    { "collection_key", "lib-collection:edX:DemoLib:collection-1" },
    { "container_key", "lct:edX:DemoLib:unit:unit-1" },
    { "library_key", "lib:edX:DemoLib" },
    { "usage_key", BLOCK },
    { "source_usage_key", COPY },
    { "object_id", BLOCK },
    { "version", BLOCK },
    { "org_key", "edX" },
    { "invite_key", "3f2504e0-4f89-41d3-9a0c-0305e82c3301" },
    { "idempotency_key", "ledger-1-redemption-1" },
    { "file_keys", "submissions/1/essay.txt" },
    { "content_key", "course-v1:" COURSE },
    { "parent_content_key", "edX+DemoX" },
    { "*course_key", "course-v1:" COURSE },
    { "course_id", "course-v1:" COURSE },
    { "subsidy_identifier", "3f2504e0-4f89-41d3-9a0c-0305e82c3302" },
    { "fulfillment_identifier", "3f2504e0-4f89-41d3-9a0c-0305e82c3303" },
    { "transaction_id", "3f2504e0-4f89-41d3-9a0c-0305e82c3304" },
    { "anonymous_user_id", "5afe5d9bb03796557ee2614f5c9611fb" },
    { "*uuid", "3f2504e0-4f89-41d3-9a0c-0305e82c3305" },
    { "commentable_id", "course" },
    { "context_id", "course-v1:" COURSE },
    { "external_id", "topic-1" },
    { "start", "2026-01-15T08:00:00+00:00" },
    { "end", "2026-06-30T22:00:00+00:00" },
    { "enrollment_start", "2025-12-01T08:00:00+00:00" },
    { "enrollment_end", "2026-03-31T22:00:00+00:00" },
    { "created", "2026-01-15T09:30:00+00:00" },
    { "modified", "2026-01-16T10:00:00.123456+00:00" },
    { "*_date", "2026-02-01T12:00:00+00:00" },
    { "*_at", "2026-01-15T09:30:00+00:00" },
    { "*timestamp", "2026-01-15T09:30:00.123456+00:00" },
    { "*_time", "2026-01-15T09:30:00+00:00" },
    { "*email", "demo_staff@example.com" },
    { "username", "demo_learner" },
    { "image_url", "https://example.com/media/badge.png" },
    { "download_url", "https://example.com/certificates/1.pdf" },
    { "file_urls", "https://example.com/files/essay.txt" },
    { "*url", "https://example.com/courses/demo" },
    { "file_names", "essay.txt" },
    { "file_descriptions", "My essay" },
    { "category_name", "General" },
    { "app_name", "discussion" },
    { "notification_type", "new_discussion_post" },
    { "fulfillment_type", "license" },
    { "program_type", "MicroMasters" },
    { "block_type", "problem" },
    { "exam_type", "proctored" },
    { "thread_type", "discussion" },
    { "provider_type", "openedx" },
    { "display_name", "Demonstration Course" },
    { "name", "Demo" },
    { "title", "How do I submit my essay?" },
    { "body", "<p>I cannot find the button.</p>" },
    { "description", "For those who finished the course" },
    { "mode", "verified" },
    { "pacing", "instructor" },
    { "grade", "0.92" },
    { "letter_grade", "A" },
    { "grading_policy_hash", "UoGFXfkMXnvsDy5l4qNtRhQ1P9c=" },
    { "course_version", "5f3e2d1c0b9a88776655443a" },
    { "current_status", "downloadable" },
    { "previous_status", "unavailable" },
    { "status", "awarded" },
    { "state", "committed" },
    { "source_slug", "enterprise-portal" },
    { "role", "staff" },
    { "roles", "staff" },
    { "user_course_roles", "staff" },
    { "user_forums_roles", "Moderator" },
    { "audience_filters", "staff" },
    { "operation", "created" },
    { "scope", "course-v1:" COURSE },
    { "subject", "user^demo_learner" },
    { "origin", "credly" },
    { "changes", "tags" },
    { "parts", "My answer to the first question" },
    { "context", "Demonstration Course" },
    { "content_context", "Demonstration Course" },
    { "discussion", "General" },
    { "extra_params", "demo" },
};

static const struct example keys[] = {
    { "audience_filters", "course_roles" },
    { "content_context", "course_name" },
    { "context", "course_name" },
    { "discussion", "topic" },
    { "extra_params", "custom_course" },
    { "options", "pinned" },
    { "parts", "text" },
    { "plugin_configuration", "allow_anonymous" },
};

/* None of these fields is optional: the Python consumer turns false in an optional field into null. */
static const char *const false_names[] = { "hidden", "is_revoked", "truncated", "saved_for_later", "background" };

struct sampling {
    const struct ebi_schema *schema;
    struct ebi_arena *arena;
};

/* Returns the field that a value belongs to: itself, or the one around its list, map or union; NULL: none. */
static const struct ebi_node *field_of(const struct sampling *s, const struct ebi_node *node) {
    while (!node->name.data && node != s->schema->nodes)
        node = &s->schema->nodes[node->parent];
    return node->name.data ? node : NULL;
}

static bool fits(const char *pattern, struct eb_text record, struct eb_text name) {
    const char *dot = strchr(pattern, '.');
    size_t len = strlen(pattern);

    if (*pattern == '*')
        return name.len >= len - 1 && memcmp(name.data + name.len - (len - 1), pattern + 1, len - 1) == 0;
    if (!dot)
        return ebi_same_text(name, pattern, len);
    return record.data && ebi_same_text(record, pattern, (size_t)(dot - pattern)) &&
           ebi_same_text(name, dot + 1, strlen(dot + 1));
}

static const char *example_of(const struct sampling *s, const struct ebi_node *node, const struct example *examples, size_t n,
                              const char *otherwise) {
    const struct ebi_node *field = field_of(s, node);

    for (size_t i = 0; field && i < n; i++)
        if (fits(examples[i].name, s->schema->nodes[field->parent].type_name, field->name))
            return examples[i].text;
    return otherwise;
}

static const char *text_of(const struct sampling *s, const struct ebi_node *node) {
    return example_of(s, node, texts, sizeof texts / sizeof *texts, "example");
}

static bool truth_of(const struct sampling *s, const struct ebi_node *node) {
    const struct ebi_node *field = field_of(s, node);

    for (size_t i = 0; field && i < sizeof false_names / sizeof *false_names; i++)
        if (ebi_same_text(field->name, false_names[i], strlen(false_names[i])))
            return false;
    return true;
}

static bool fill(struct sampling *, const struct ebi_node *, struct ebi_slot *frame);

static bool fill_item(struct sampling *s, const struct ebi_node *node, struct ebi_slot *slot) {
    const char *key = example_of(s, node, keys, sizeof keys / sizeof *keys, "key");
    struct ebi_slot *item;

    slot->len = 0;
    if (!ebi_reserve_items(s->arena, node, slot, 1))
        return false;
    item = ebi_add_item(node, slot);
    return (node->kind == EBI_ARRAY || ebi_set_text(s->arena, item, key, strlen(key))) && fill(s, node + 1, item);
}

static bool fill_fixed(struct sampling *s, const struct ebi_node *node, struct ebi_slot *slot) {
    char byte = 0;

    if (node->count == 0)
        return ebi_set_text(s->arena, slot, "", 0);
    slot->room = 0;
    slot->text = ebi_arena_take(s->arena, node->count + (size_t)EBI_TEXT_SLACK);
    for (uint32_t i = 0; slot->text && i < node->count; i++)
        slot->text[i] = byte++;
    if (slot->text)
        slot->text[node->count] = '\0';
    slot->len = node->count;
    return slot->text;
}

/* Sets a value of the node's own type, never the null of an optional node. */
static bool fill(struct sampling *s, const struct ebi_node *node, struct ebi_slot *frame) {
    const struct ebi_node *end = ebi_node_after(s->schema, node), *branch = node + 1;
    struct ebi_slot *slot = frame + node->slot;
    const char *text;

    slot->state = EBI_SET;
    switch ((enum ebi_kind)node->kind) {
    case EBI_NULL:
        return true;
    case EBI_BOOLEAN:
        slot->whole = truth_of(s, node);
        return true;
    case EBI_INT:
    case EBI_LONG:
        slot->whole = 42;
        return true;
    case EBI_FLOAT:
    case EBI_DOUBLE:
        slot->real = 0.5;
        return true;
    case EBI_STRING:
    case EBI_BYTES:
        text = text_of(s, node);
        return ebi_set_text(s->arena, slot, text, strlen(text));
    case EBI_FIXED:
        return fill_fixed(s, node, slot);
    case EBI_ENUM:
        slot->whole = 0;
        return true;
    case EBI_RECORD:
        for (const struct ebi_node *field = node + 1; field < end; field = ebi_node_after(s->schema, field))
            if (!fill(s, field, frame))
                return false;
        return true;
    case EBI_ARRAY:
    case EBI_MAP:
        return fill_item(s, node, slot);
    case EBI_UNION:
        break;
    }
    if (branch->kind == EBI_NULL && node->count > 1)
        branch++;
    slot->branch = branch->branch;
    return fill(s, branch, frame);
}

enum eb_status ebi_data_sample(struct ebi_data *data, struct eb_error *err) {
    struct sampling s = { .schema = data->schema, .arena = &data->now.arena };

    ebi_data_clear(data);
    if (fill(&s, data->schema->nodes, data->now.frame))
        return EB_OK;
    ebi_data_clear(data);
    return ebi_error_memory(err);
}
