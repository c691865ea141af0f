/* plugins/kafka/client/cloexec.h - librdkafka wakes its threads by pipes that a program started from here would inherit. */
#ifndef KF_CLOEXEC_H
#define KF_CLOEXEC_H

/* Marks close-on-exec each pipe whose both ends are in this process and do not block: such a one wakes threads, and is
 * never meant for a child. For all to be found: after a client was made, and after it has got to know brokers. */
void kf_set_cloexec_on_pipes(void);

#endif
