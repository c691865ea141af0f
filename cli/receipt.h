/* cli/receipt.h - prints the receipt of a delivered event, for produce. */
#ifndef CLI_RECEIPT_H
#define CLI_RECEIPT_H

#include <eventbus/producer.h>

/* Prints {"id","type","topic","position"} as a line and flushes it. One thread at a time. */
void cli_print_receipt(const struct eb_receipt *);

#endif
