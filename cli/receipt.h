/* cli/receipt.h - what produce prints for each delivered event. */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include <eventbus/producer.h>

/* {"id","type","topic","position"} as a line of standard output, at once. One thread at a time. */
void cli_print_receipt(const struct eb_receipt *);

#endif
