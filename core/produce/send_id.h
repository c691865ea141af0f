/* core/produce/send_id.h - the names of sends: see send_id in eventbus/plugin.h. */
#ifndef EBI_SEND_ID_H
#define EBI_SEND_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

enum {
    EBI_SEND_ID_PREFIX = 24, /* hex digits that belong to one sender */
    EBI_SEND_ID_ROOM = EBI_SEND_ID_PREFIX + 1 + 16 + 1,
    EBI_SEND_ID_LONGEST = 64 /* as plugin.h says */
};

/* Fills in the part that all send ids of one sender begin with: random, so that no other sender in the world has it. */
void ebi_send_id_prefix(char prefix[EBI_SEND_ID_PREFIX]);

/* Writes the send id of the sender's message with this number, NUL-ended. Returns its length. Makes no system call. */
size_t ebi_send_id_write(char id[EBI_SEND_ID_ROOM], const char prefix[EBI_SEND_ID_PREFIX], uint64_t number);

/* Whether a text that was read may be a send id: 1 to 64 characters of printable ASCII, without blanks. */
bool ebi_send_id_valid(struct eb_text);

#endif
