/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main - protector-sim: starts the simulated clouds and waits for a signal to end.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "sim/server/serve.h"

#ifndef PROTECTOR_VERSION
#define PROTECTOR_VERSION "unknown"
#endif

static int complain(err_t *e)
{
    g_autoptr(err_t) owned = e;
    g_autofree char *text = err_text(owned);
    fprintf(stderr, "protector-sim: %s\n", text);
    if (err_remedy_text(owned)[0] != '\0')
        fprintf(stderr, "  what to do: %s\n", err_remedy_text(owned));
    return err_is(owned, ERR_BAD_REQUEST) ? 2 : 1;
}

static int print_clouds(const struct options *options)
{
    struct sim_options bare = options->sim;
    bare.empty = true;
    AUTO(sim) sim = sim_create(&env_system, &bare);
    g_autofree char *text = sim_clouds_yaml(sim);
    fputs(text, stdout);
    return 0;
}

static err_t *write_clouds(struct serve *serve, const char *path)
{
    g_autofree char *text = serve_clouds(serve);
    g_autoptr(GError) error = NULL;
    if (path == NULL || g_file_set_contents(path, text, (gssize)strlen(text), &error))
        return NULL;
    return err(IO, "cannot write the clouds: %s", error->message);
}

/* Until SIGTERM or SIGINT; both are blocked in all threads. */
static void wait_for_end(void)
{
    sigset_t signals;
    int number = 0;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    while (sigwait(&signals, &number) != 0)
        continue;
}

static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int run(const struct options *options)
{
    struct serve *serve = NULL;
    err_t *e = serve_start(options, &serve);
    if (e == NULL)
        e = write_clouds(serve, options->clouds_file);
    if (e == NULL) {
        puts("ready");
        fflush(stdout);
        wait_for_end();
    }
    err_t *last = serve_stop(serve);
    if (e == NULL)
        e = last;
    else
        err_free(last);
    return e != NULL ? complain(e) : 0;
}

int main(int argc, char **argv)
{
    struct options options;
    block_signals();
    err_t *e = options_parse(argc, argv, &options);
    int code = 0;
    if (e != NULL)
        code = complain(e);
    else if (options.print_version)
        printf("protector-sim %s\n", PROTECTOR_VERSION);
    else if (options.print_clouds)
        code = print_clouds(&options);
    else
        code = run(&options);
    options_fini(&options);
    return code;
}
