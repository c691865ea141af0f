/* core/plugin/message.h - copies of messages: one block of memory each, all texts NUL-ended. */
#ifndef EBI_MESSAGE_H
#define EBI_MESSAGE_H

#include <stddef.h>
#include <eventbus/plugin.h>

enum { EBI_MOST_HEADERS = 4096 }; /* of a message, and as many attributes */

/* Both functions take a message of this core's size: one of a plugin goes through ebi_sized_copy first.
 *
 * The bytes that ebi_message_copy needs behind the struct; a multiple of 16. 0: the message has impossible sizes. */
size_t ebi_message_room(const struct eb_message *);

/* Copies a message, with what it points to in `room`; schemas stay borrowed. */
void ebi_message_copy(struct eb_message *to, const struct eb_message *from, char *room);

/* Copies a struct of the other side, which begins with its size, into one of `size` bytes, and zeroes the rest. So a struct is read that
 * is longer or shorter than this core knows it. */
void ebi_sized_copy(void *to, size_t size, const void *from);

#endif
