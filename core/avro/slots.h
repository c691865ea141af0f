/* core/avro/slots.h - the values of one event: a slot for each node of the schema, with texts and items in an arena.
 * For the rooms of the codec, and for the accessors.
 *
 * A slot that is not set keeps its memory, so that values set again and again need no more of it. What is inside of
 * something that does not exist (an optional record that is null, a branch not taken) has no meaning: it is emptied
 * when that comes to exist. */
#ifndef EBI_SLOTS_H
#define EBI_SLOTS_H

#include "avro/event_data.h"
#include "avro/node.h"

enum ebi_state { EBI_UNSET, EBI_IS_NULL, EBI_SET };

struct ebi_slot {
    union {
        int64_t whole;          /* boolean, int, long; enum: the number of its symbol */
        double real;            /* float, double */
        char *text;             /* string, bytes, fixed, key of a map: NUL-ended */
        struct ebi_slot *items; /* list, map: frames, one after the other; a map's sorted by key */
    };
    uint32_t len;    /* of the text in bytes, or of the items */
    uint8_t state;   /* enum ebi_state */
    uint8_t room;    /* the memory is for 2^room bytes or items; 0: it must not be used again */
    uint16_t branch; /* union: the number of the one taken */
};

enum {
    EBI_TEXT_MOST = INT32_MAX, /* bytes of one text */
    EBI_TEXT_SLACK = 16,       /* bytes behind each text that may be read and, until it is complete, written */
    EBI_FREE_SLOTS = 1 << 16,  /* slots that items may take for any input, and for each byte of it */
    EBI_SLOTS_A_BYTE = 16
};

struct ebi_slots {
    struct ebi_slot *frame; /* the outermost one */
    struct ebi_arena arena;
};

struct ebi_data {
    const struct ebi_schema *schema;
    struct ebi_slots now;
    struct ebi_slots next; /* where JSON is read to, so that what is refused changes nothing */
};

/* Returns how many slots items may take that come from an input of so many bytes. */
static inline size_t ebi_slots_for(size_t len) {
    size_t most = (SIZE_MAX - EBI_FREE_SLOTS) / EBI_SLOTS_A_BYTE;

    return EBI_FREE_SLOTS + (len < most ? len : most) * EBI_SLOTS_A_BYTE;
}

/* Unsets all slots and takes back their memory. Returns false: no memory for the outermost frame. */
bool ebi_slots_clear(struct ebi_slots *, const struct ebi_schema *);

/* Which item a value is in, for errors; NULL in the outermost frame. */
struct ebi_place {
    const struct ebi_place *around;
    size_t item;
};

/* Writes where a node is: "data.list[3].x"; NUL-ended, cut where it is too long. Items of maps stand by number, since
 * keys may be personal data. Returns the text. */
enum { EBI_WHERE_ROOM = 512 };
const char *ebi_where(const char *root, const struct ebi_node *, const struct ebi_place *, char text[EBI_WHERE_ROOM]);

/* Sets the error "PATH: missing; expected string" and returns EB_PERMANENT. */
enum eb_status ebi_missing(const char *root, const struct ebi_node *, const struct ebi_place *, struct eb_error *);

static inline void ebi_unset(struct ebi_slot *first, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        first[i].state = EBI_UNSET;
}

/* Creates a record, list, map or union, empty, unless it exists. */
static inline void ebi_begin_value(const struct ebi_node *node, struct ebi_slot *slot) {
    if (slot->state == EBI_SET)
        return;
    slot->state = EBI_SET;
    if (node->kind == EBI_ARRAY || node->kind == EBI_MAP)
        slot->len = 0;
    else
        ebi_unset(slot + 1, node->n_slots - 1);
}

/* Makes a branch the one that a union holds. Returns its slot. */
struct ebi_slot *ebi_take_branch(const struct ebi_node *u, struct ebi_slot *slot, const struct ebi_node *branch);

/* Returns the branch that a union holds; of a union that is not set the null branch; NULL: it has none. */
const struct ebi_node *ebi_branch_taken(const struct ebi_schema *, const struct ebi_node *u, const struct ebi_slot *);

/* Returns whether a node that is not optional can only be written when its slot is set. */
static inline bool ebi_needs_value(const struct ebi_node *node) {
    return node->kind != EBI_RECORD && node->kind != EBI_NULL && node->kind != EBI_UNION;
}

/* Copies a text into a slot and sets it. Returns false: no memory. */
bool ebi_set_text(struct ebi_arena *, struct ebi_slot *, const void *text, size_t len);

static inline struct ebi_slot *ebi_item(const struct ebi_node *node, const struct ebi_slot *slot, size_t i) {
    return slot->items + i * node->item_slots;
}

/* Makes room for `more` items behind the present ones. Returns false: no memory. */
bool ebi_reserve_items(struct ebi_arena *, const struct ebi_node *, struct ebi_slot *, size_t more);

/* Adds one item behind the others, where ebi_reserve_items has made room; all of it is unset. */
struct ebi_slot *ebi_add_item(const struct ebi_node *, struct ebi_slot *);

/* Moves the last item to place `at`, and those from there on up by one. */
void ebi_move_last(const struct ebi_node *, struct ebi_slot *, size_t at);

/* Sorts a map by its keys. Returns false: two keys are the same. */
bool ebi_sort_map(const struct ebi_node *, struct ebi_slot *);

#endif
