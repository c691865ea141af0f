/* plugins/kafka/error.h - librdkafka's errors as eb_error: the class that the core acts on, and one line of text. */
#ifndef KF_ERROR_H
#define KF_ERROR_H

#include <librdkafka/rdkafka.h>
#include <eventbus/plugin-help/error.h>

/* Fills in an error of kind EB_KIND_CONFIG, and returns EB_PERMANENT. */
int32_t kf_misconfigured(struct eb_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The class of an error, for the request that failed with it: EB_OK for none, EB_RETRIABLE or EB_PERMANENT. */
int32_t kf_class(rd_kafka_resp_err_t);

/* Fills in "FORMAT: the error's text", and returns the error's class. */
int32_t kf_failed(struct eb_error *err, rd_kafka_resp_err_t why, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same from an error object, which it destroys. NULL: returns EB_OK and leaves err untouched. */
int32_t kf_failed_with(struct eb_error *err, rd_kafka_error_t *why, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
