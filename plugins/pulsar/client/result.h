/* client/result.h - results of libpulsar as errors of the event bus. */
#ifndef PL_RESULT_H
#define PL_RESULT_H

#include "client/libpulsar.h"

#include <eventbus/plugin-help.h>

/* The class: EB_OK; EB_PERMANENT for what cannot succeed later, such as a message that is too large or a right that is
 * missing; EB_RETRIABLE for all else. */
int32_t pl_result_status(pulsar_result);

/* Fills err with "what: the result in words" and returns its class. A last warning of the client is part of the text where the
 * result alone says little, as for a connection that cannot be made. */
EBP_PRINTF(3, 4) int32_t pl_result_error(struct eb_error *err, pulsar_result, const char *format, ...);

/* The result in words. */
const char *pl_result_text(pulsar_result);

#endif
