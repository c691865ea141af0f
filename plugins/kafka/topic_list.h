/* plugins/kafka/topic_list.h - what librdkafka's lists of topics, partitions and offsets lack. */
#ifndef KF_TOPIC_LIST_H
#define KF_TOPIC_LIST_H

#include <librdkafka/rdkafka.h>

/* Accepts NULL, as rd_kafka_topic_partition_list_destroy does not. */
static inline void kf_topic_list_free(rd_kafka_topic_partition_list_t *list) {
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
}

#endif
