/* client/cloexec.c - see cloexec.h. */
#include "client/cloexec.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <eventbus/plugin-help.h>

/* The number behind the last ':' before `end`; 0: there is none. */
static int port_before(const char *begin, const char *end) {
    const char *digits = end;

    while (digits > begin && digits[-1] >= '0' && digits[-1] <= '9')
        digits--;
    return digits > begin && digits[-1] == ':' && end - digits >= 1 && end - digits <= 5 ? atoi(digits) : 0;
}

bool pl_cloexec_ports(const char *line, int *local, int *remote) {
    static const char arrow[] = " -> ", connected[] = "] Connected to broker";
    const char *between = strstr(line, arrow), *end = between ? strstr(between, connected) : NULL;

    if (*line != '[' || !end)
        return false;
    *local = port_before(line, between);
    *remote = port_before(between, end);
    return *local > 0 && *remote > 0;
}

static int port_of(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    return address->ss_family == AF_INET6 ? ntohs(((const struct sockaddr_in6 *)address)->sin6_port) : 0;
}

static bool is_connection(int fd, int local, int remote) {
    struct sockaddr_storage here, there;
    socklen_t here_len = sizeof here, there_len = sizeof there;

    return getsockname(fd, (struct sockaddr *)&here, &here_len) == 0 &&
           getpeername(fd, (struct sockaddr *)&there, &there_len) == 0 && port_of(&here) == local && port_of(&there) == remote;
}

void pl_cloexec_of_line(const char *line) {
    struct dirent *entry;
    int local, remote;
    DIR *dir;

    if (!pl_cloexec_ports(line, &local, &remote) || !(dir = opendir("/proc/self/fd")))
        return;
    while ((entry = readdir(dir))) {
        int fd = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);

        if (fd >= 0 && is_connection(fd, local, remote))
            ebp_set_cloexec(fd);
    }
    closedir(dir);
}
