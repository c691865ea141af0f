/* roles.h - the traits of the three roles; README.md gives the reasons. */
#ifndef EBN_ROLES_H
#define EBN_ROLES_H

#include "settings.h"

enum {
    EBN_PRODUCER_TRAITS = EB_T_PROCESSES,
    EBN_CONSUMER_TRAITS = EB_T_ORDER | EB_T_HISTORY | EB_T_PROCESSES | EB_T_LATE_UNTOLD,
    EBN_ADMIN_TRAITS = EB_T_HISTORY | EB_T_PROCESSES
};

#endif
