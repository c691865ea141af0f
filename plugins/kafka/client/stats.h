/* plugins/kafka/client/stats.h - librdkafka's statistics (rdkafka.statistics.interval.ms) as metrics. */
#ifndef KF_STATS_H
#define KF_STATS_H

#include <eventbus/plugin.h>

/* Reports the numbers at the outermost level of the JSON as rdkafka.NAME, and the sum of all partitions' lags. */
void kf_stats_report(const struct eb_host *, const char *json);

#endif
