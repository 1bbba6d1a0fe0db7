/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The story of the cloud room (tests/unit/cloud/story.h) against one real cloud:
 *
 *     lab-cloud http://127.0.20.1:5000 USER PASSWORD PROJECT SERVICE_USER SERVICE_PASSWORD
 *
 * USER is a member of PROJECT, which has a network; SERVICE_USER an admin in project 'service'.
 */
#include <stdio.h>
#include <time.h>

#include "tests/unit/cloud/story.h"

#include "net/curl.h"

static char **arguments;

static void half_a_second(void *data)
{
    (void)data;
    const struct timespec pause = {.tv_nsec = 500000000};
    nanosleep(&pause, NULL);
}

static void the_story(void **state)
{
    (void)state;
    AUTO(curl_transport) curl = curl_transport_create(NULL);
    struct story s = {
        .transport = curl_transport_http(curl),
        .env = &env_system,
        .cloud = "lab",
        .tenant = {.method = KEYSTONE_PASSWORD,
                   .auth_url = arguments[1],
                   .username = arguments[2],
                   .password = arguments[3],
                   .project_name = arguments[4]},
        .service = {.method = KEYSTONE_PASSWORD,
                    .auth_url = arguments[1],
                    .username = arguments[5],
                    .password = arguments[6],
                    .project_name = "service"},
        .volume_type = "replicated-ssd",
        .wait = half_a_second,
    };
    story_run(&s);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s AUTH_URL USER PASSWORD PROJECT SERVICE_USER SERVICE_PASSWORD\n",
                argv[0]);
        return 2;
    }
    arguments = argv;
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_story)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
