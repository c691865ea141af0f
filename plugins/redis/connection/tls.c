/* plugins/redis/connection/tls.c - see tls.h. */
#include "connection/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <eventbus/plugin-help/error.h>

/* ---- a socket BIO: that of OpenSSL raises SIGPIPE ---- */

static int fd_of(BIO *bio) {
    return (int)(intptr_t)BIO_get_data(bio);
}

static int socket_write(BIO *bio, const char *bytes, int n) {
    ssize_t sent = send(fd_of(bio), bytes, (size_t)n, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int socket_read(BIO *bio, char *bytes, int n) {
    ssize_t got = recv(fd_of(bio), bytes, (size_t)n, 0);

    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "eventbus socket");
    if (!method)
        return;
    BIO_meth_set_write(method, socket_write);
    BIO_meth_set_read(method, socket_read);
    BIO_meth_set_ctrl(method, socket_control);
}

/* ---- errors ---- */

/* Returns the first reason that OpenSSL kept, which is the cause, and clears the others. */
static const char *reason(char *text, size_t room) {
    unsigned long code = ERR_get_error();
    bool system = code == 0 || ERR_GET_LIB(code) == ERR_LIB_SYS;
    const char *known = system ? strerror_r(code ? ERR_GET_REASON(code) : errno, text, room) : ERR_reason_error_string(code);

    ERR_clear_error();
    return known ? known : "OpenSSL does not say why";
}

static int32_t unusable(struct eb_error *err, const char *option, const char *path) {
    char text[128];

    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s = %s cannot be used: %s", option, path,
                             reason(text, sizeof text));
}

/* A server that refuses us sends an alert and hangs up. Our next send fails then, while the alert waits to be read. */
static void read_alert(SSL *ssl) {
    int number = errno;
    char byte;

    if (SSL_read(ssl, &byte, 1) <= 0 && ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET)
        return;
    ERR_clear_error();
    errno = number;
}

/* Returns -1 with errno and err as the failed operation means it, which returned `result`. */
static int set_ssl_error(SSL *ssl, int result, short *wants, struct eb_error *err) {
    long verified = SSL_get_verify_result(ssl);
    int why = SSL_get_error(ssl, result);
    char text[128];

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        *wants = why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        errno = EAGAIN;
        return -1;
    }
    if (why == SSL_ERROR_SYSCALL && ERR_peek_error() == 0)
        read_alert(ssl);
    if (verified != X509_V_OK)
        ebp_error(err, EB_RETRIABLE, verified, "the server's certificate is refused: %s",
                  X509_verify_cert_error_string(verified));
    else
        ebp_error(err, EB_RETRIABLE, 0, "TLS failed: %s",
                  errno == 0 && ERR_peek_error() == 0 ? "the server closed the connection" : reason(text, sizeof text));
    errno = EPROTO;
    return -1;
}

/* ---- context ---- */

static bool is_folder(const char *path) {
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int32_t load(SSL_CTX *context, const struct rd_settings *set, struct eb_error *err) {
    const char *ca = set->tls_ca;

    if (!ca || !ca[0]) {
        if (SSL_CTX_set_default_verify_paths(context) != 1)
            return unusable(err, "tls_ca", "the system's certificates");
    } else if ((is_folder(ca) ? SSL_CTX_load_verify_locations(context, NULL, ca)
                              : SSL_CTX_load_verify_locations(context, ca, NULL)) != 1) {
        return unusable(err, "tls_ca", ca);
    }
    if (!set->tls_cert || !set->tls_cert[0])
        return EB_OK;
    if (SSL_CTX_use_certificate_chain_file(context, set->tls_cert) != 1)
        return unusable(err, "tls_cert", set->tls_cert);
    if (SSL_CTX_use_PrivateKey_file(context, set->tls_key, SSL_FILETYPE_PEM) != 1)
        return unusable(err, "tls_key", set->tls_key);
    return EB_OK;
}

int32_t rd_tls_context(const struct rd_settings *set, SSL_CTX **made, struct eb_error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    SSL_CTX *context;
    int32_t status;

    pthread_once(&once, make_method);
    ERR_clear_error();
    context = method ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (!context)
        return ebp_no_memory(err);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    status = load(context, set, err);
    if (status == EB_OK)
        *made = context;
    else
        SSL_CTX_free(context);
    return status;
}

/* ---- a connection ---- */

/* A name is sent along (SNI) and checked; an address is only checked. */
static bool expect_host(SSL *ssl, const char *host) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1)
        return true;
    ERR_clear_error();
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

SSL *rd_tls_new(SSL_CTX *context, int fd, const struct rd_url *url) {
    SSL *ssl = SSL_new(context);
    BIO *bio = ssl ? BIO_new(method) : NULL;

    if (!bio || !expect_host(ssl, url->host)) {
        BIO_free(bio);
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    return ssl;
}

static int as_int(size_t n) {
    return n < INT_MAX ? (int)n : INT_MAX;
}

int rd_tls_handshake(SSL *ssl, short *wants, struct eb_error *err) {
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(ssl);
    return result == 1 ? 0 : set_ssl_error(ssl, result, wants, err);
}

ssize_t rd_tls_send(SSL *ssl, const char *bytes, size_t n, short *wants, struct eb_error *err) {
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_write(ssl, bytes, as_int(n));
    return result > 0 ? result : set_ssl_error(ssl, result, wants, err);
}

ssize_t rd_tls_recv(SSL *ssl, char *bytes, size_t n, short *wants, struct eb_error *err) {
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_read(ssl, bytes, as_int(n));
    if (result > 0)
        return result;
    if (SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN)
        return 0;
    return set_ssl_error(ssl, result, wants, err);
}
