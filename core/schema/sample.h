/* core/schema/sample.h - examples of events. */
#ifndef EBI_SAMPLE_H
#define EBI_SAMPLE_H

#include "avro/event_data.h"

/* Sets every field to an example, the same each time: believable names, times and course keys. */
enum eb_status ebi_data_sample(struct ebi_data *, struct eb_error *);

#endif
