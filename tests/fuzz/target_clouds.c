/* SPDX-License-Identifier: Apache-2.0 */
/* clouds - clouds.yaml: an entry can be taken from it, or the error says what is wrong with it. */
#include "client/client_internal.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

static int file;
static char *path;

void fuzz_init(void)
{
    file = memfd_create("clouds.yaml", 0);
    path = g_strdup_printf("/proc/self/fd/%d", file);
}

static err_t *nobody(void *data G_GNUC_UNUSED, const struct http_request *req,
                     struct http_response **ret G_GNUC_UNUSED)
{
    return err(NET_REFUSED, "nothing listens at %s", req->url);
}

static const char *no_variable(void *data G_GNUC_UNUSED, const char *name G_GNUC_UNUSED)
{
    return NULL;
}

static int no_wait(void *data G_GNUC_UNUSED, int64_t ms G_GNUC_UNUSED)
{
    return 1;
}

static void ask(struct protector_client *c)
{
    const char *found = NULL;
    g_autoptr(json_t) mine = NULL;
    g_autoptr(json_t) empty = NULL;
    struct end *end = NULL;

    fuzz_refused(clouds_entry(c, "mine", &mine));
    fuzz_refused(clouds_entry(c, "", &empty));
    fuzz_refused(clouds_find(c, "http://h:5000/v3", "RegionA", &found));
    if (mine == NULL || fuzz_refused(client_end(c, "mine", &end)))
        return;
    FUZZ_MUST(fuzz_refused(end_login(end)), "logged in where nobody listens");
}

void fuzz_one(const char *data, size_t size)
{
    const struct http_transport transport = {.data = NULL, .send = nobody};
    struct protector_client_options options = {.size = sizeof options,
                                               .getenv = no_variable,
                                               .wait = no_wait,
                                               .config_file = path};

    FUZZ_MUST(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size, "no file");
    struct protector_client *c = client_open_with(&options, &transport, &fuzz_env);
    ask(c);
    protector_client_close(c);
}
