/* core/plugin/message.h - copies of messages: one block of memory each, all texts NUL-ended. */
#ifndef EBI_MESSAGE_H
#define EBI_MESSAGE_H

#include <stddef.h>
#include <eventbus/plugin.h>

enum { EBI_MOST_HEADERS = 4096 };       /* of a message, and as many attributes */

/* Of messages of our size: one of the other side's first goes through ebi_sized_copy.
 * Bytes that ebi_message_copy needs behind the struct; a multiple of 16. 0: the message says sizes that cannot be. */
size_t ebi_message_room(const struct eb_message *);

/* Copies a message; what it points to goes into `room`, schemas stay borrowed. */
void ebi_message_copy(struct eb_message *to, const struct eb_message *from, char *room);

/* A copy of size bytes or fewer of the other side's struct, the rest zero: how structs that may have grown, or are from
 * before they did, are read. *from begins with its size. */
void ebi_sized_copy(void *to, size_t size, const void *from);

#endif
