/* plugins/common/registry/cloexec.c - see cloexec.h. libcurl reports the descriptors of that pair to nobody, so they are
 * found as those that the call has opened: a socket pair that does not block. */
#include "cloexec.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <eventbus/plugin-help/threads.h>

/* Whether it is a connected socket of this process alone, as socketpair makes it, that does not block. */
static bool is_end(int fd) {
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    int mode = fcntl(fd, F_GETFL);

    return mode >= 0 && mode & O_NONBLOCK && getpeername(fd, (struct sockaddr *)&name, &len) == 0 &&
           name.ss_family == AF_UNIX && len <= sizeof name.ss_family;
}

CURLM *sr_multi_init(void) {
    struct ebp_descriptors before;

    ebp_descriptors_list(&before, is_end);
    CURLM *multi = curl_multi_init();
    ebp_descriptors_close_on_exec(&before, is_end);
    return multi;
}
