/* plugins/kafka/client/cloexec.h - keeps librdkafka's pipes, by which it wakes its threads, from child processes. */
#ifndef KF_CLOEXEC_H
#define KF_CLOEXEC_H

/* Sets close-on-exec on each pipe whose two ends are in this process and do not block: such a pipe wakes threads, and is
 * never meant for a child. To find all, call it after a client was created and after it has got to know brokers. */
void kf_set_cloexec_on_pipes(void);

#endif
