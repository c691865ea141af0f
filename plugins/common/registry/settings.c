/* plugins/common/registry/settings.c - see settings.h: checks settings before anything is connected. */
#include "settings.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <eventbus/plugin-help/error.h>

static int32_t wrong(struct eb_error *err, const char *key, const char *why) {
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, 0, "%s: %s", key, why);
}

/* No error quotes the address, which may hold a password. */
static int32_t check_url(const char *url, struct eb_error *err) {
    CURLU *parts = curl_url();
    char *scheme = NULL, *user = NULL, *query = NULL, *fragment = NULL;
    int32_t status = EB_OK;

    if (!parts)
        return ebp_no_memory(err);
    bool read = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER) == CURLUE_OK;
    bool with_user = !read && curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                     curl_url_get(parts, CURLUPART_USER, &user, 0) == CURLUE_OK;
    if (with_user)
        status = wrong(err, "schema_registry",
                       "user and password do not go into the address but into schema_registry_key and "
                       "schema_registry_secret");
    else if (!read || curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
             (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
        status = wrong(err, "schema_registry", "an address begins with http:// or https://, then a host");
    else if (curl_url_get(parts, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
             curl_url_get(parts, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK)
        status = wrong(err, "schema_registry", "an address ends with its path, without ? and #");
    curl_free(scheme);
    curl_free(user);
    curl_free(query);
    curl_free(fragment);
    curl_url_cleanup(parts);
    return status;
}

static int32_t check_file(const char *key, const char *path, struct eb_error *err) {
    if (!path || access(path, R_OK) == 0)
        return EB_OK;
    return ebp_error_of_kind(err, EB_PERMANENT, EB_KIND_CONFIG, errno, "%s: cannot read %s: %s", key, path, strerror(errno));
}

static int32_t check_pairs(const struct sr_settings *settings, struct eb_error *err) {
    if (!settings->key != !settings->secret)
        return wrong(err, settings->key ? "schema_registry_key" : "schema_registry_secret",
                     "schema_registry_key and schema_registry_secret go together: give both or none");
    if (settings->key && strchr(settings->key, ':'))
        return wrong(err, "schema_registry_key", "it must not contain a colon");
    if (settings->cert_key && !settings->cert)
        return wrong(err, "schema_registry_cert_key", "it needs schema_registry_cert, which is not given");
    return EB_OK;
}

int32_t sr_check(const struct sr_settings *settings, struct eb_error *err) {
    const char *const none[] = { NULL }, *const *urls = settings->urls ? settings->urls : none;
    int32_t status = *urls ? EB_OK : wrong(err, "schema_registry", "no address is given");
    size_t n = 0;

    for (; urls[n] && status == EB_OK; n++)
        status = n < SR_SERVERS_MAX ? check_url(urls[n], err) : wrong(err, "schema_registry", "more than 32 addresses");
    if (status == EB_OK)
        status = check_pairs(settings, err);
    if (status == EB_OK)
        status = check_file("schema_registry_ca", settings->ca, err);
    if (status == EB_OK)
        status = check_file("schema_registry_cert", settings->cert, err);
    if (status == EB_OK)
        status = check_file("schema_registry_cert_key", settings->cert_key, err);
    return status;
}
