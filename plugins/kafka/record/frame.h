/* plugins/kafka/record/frame.h - the frame in front of Avro bytes on the wire, and a key's Avro as text.
 *
 * A frame is 0x00, then the schema's id in the registry, big-endian. A registry's ids begin at 1. The id 0 is sent if no
 * registry is configured, and means that the schema is not known. */
#ifndef KF_FRAME_H
#define KF_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

enum { KF_FRAME = 5, KF_KEY_ROOM = 32 };

void kf_frame_put(char *to, uint32_t id);

/* Returns false if there is no frame. */
bool kf_frame_take(struct eb_text framed, uint32_t *id, struct eb_text *inside);

/* Sets the text of a key, by the name of its Avro type: borrowed from avro, or written to room. Without a name (data NULL)
 * the key is a string if it reads as one, else a long, as those of the Open edX producers do. A key that is neither stays as
 * it is, since any bytes are a key. Returns false if the key is not what the name says. */
bool kf_key_text(struct eb_text type, struct eb_text avro, char room[KF_KEY_ROOM], struct eb_text *text);

#endif
