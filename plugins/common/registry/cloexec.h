/* plugins/common/registry/cloexec.h - keeping what libcurl opens for itself from the programs that a receiver starts. */
#ifndef SR_INHERIT_H
#define SR_INHERIT_H

#include <curl/curl.h>

/* curl_multi_init, whose pair of sockets for wake-ups is not close-on-exec in libcurl below 8.12. */
CURLM *sr_multi_init(void);

#endif
