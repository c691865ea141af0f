/* plugins/kafka/record/frame.h - what stands in front of Avro on the wire, and a key's Avro as text.
 *
 * A frame is 0x00, then the schema's id in the registry, big-endian. Ids of a registry begin at 1; 0 here means that the
 * schema is not known: what is sent where no registry is configured. */
#ifndef KF_FRAME_H
#define KF_FRAME_H

#include <stdbool.h>
#include <stdint.h>
#include <eventbus/plugin.h>

enum { KF_FRAME = 5, KF_KEY_ROOM = 32 };

void kf_frame_put(char *to, uint32_t id);

/* False: there is no frame. */
bool kf_frame_take(struct eb_text framed, uint32_t *id, struct eb_text *inside);

/* A key's Avro by the name of its type, as text: borrowed from avro or written to room. Without a name (data NULL) it is
 * a text if it reads as one, else a number, as those of the Open edX producers do. What is neither stays as it is: any
 * bytes are a key. False: it is not what the name says. */
bool kf_key_text(struct eb_text type, struct eb_text avro, char room[KF_KEY_ROOM], struct eb_text *text);

#endif
