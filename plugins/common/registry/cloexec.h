/* plugins/common/registry/cloexec.h - keeps libcurl's own sockets from the programs that a receiver starts. */
#ifndef SR_INHERIT_H
#define SR_INHERIT_H

#include <curl/curl.h>

/* Calls curl_multi_init, and makes its pair of sockets for wake-ups close-on-exec, which libcurl below 8.12 does not. */
CURLM *sr_multi_init(void);

#endif
