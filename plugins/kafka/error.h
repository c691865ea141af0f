/* plugins/kafka/error.h - librdkafka's errors as ours: the class that decides what is done, and one line of text. */
#ifndef KF_ERROR_H
#define KF_ERROR_H

#include <librdkafka/rdkafka.h>
#include <eventbus/error.h>

/* Fills err, of kind EB_KIND_BROKER, and answers status. */
int32_t kf_error(struct eb_error *err, int32_t status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same of kind EB_KIND_CONFIG, EB_PERMANENT. */
int32_t kf_misconfigured(struct eb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

int32_t kf_no_memory(struct eb_error *err);         /* EB_FATAL */

/* What an error means for the request that it answers: EB_OK for none, EB_RETRIABLE or EB_PERMANENT. */
int32_t kf_class(rd_kafka_resp_err_t);

/* "FORMAT: the error's text"; the class by kf_class. */
int32_t kf_failed(struct eb_error *err, rd_kafka_resp_err_t why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from an error object, which is destroyed. NULL: EB_OK, err untouched. */
int32_t kf_failed_with(struct eb_error *err, rd_kafka_error_t *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
