/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ask - requests to the API of a site of the bench, as a client of any kind would send them, and
 * the whole of both sites and their clouds as one text, to see that nothing changed.
 */
#pragma once

#include "tests/sim/bench.h"

struct ask {
    int site;
    const char *method;
    const char *path;        /* "/v1/…" */
    const char *token;       /* NULL: none is sent */
    const char *body;        /* NULL: none */
    size_t body_size;        /* 0: its length */
    const char *headers[12]; /* name, value pairs up to NULL */
};

struct answer {
    int status;
    json_t *body; /* NULL if there is none that can be read */
    struct http_response *raw;
};
void answer_destroy(struct answer *a);
AUTO_DEFINE(answer, answer_destroy)

/* Asks, in one exchange.  Never NULL. */
struct answer *ask(struct bench *b, const struct ask *a);
/* Of the first error; "" if there is none. */
const char *answer_code(const struct answer *a);
const char *answer_detail(const struct answer *a);
/* The test fails, naming 'what', unless status and code are so and the detail has 'text'. */
void answer_is(const struct answer *a, const char *what, int status, const char *code,
               const char *text);
/* The same for what succeeds. */
void answer_ok(const struct answer *a, const char *what, int status);

/* A token of the site's Keystone; project NULL: unscoped.  Caller frees. */
char *ask_token(struct bench *b, int site, const char *user, const char *project);
char *ask_project(struct bench *b, int site, const char *name);
/* Another project and its user, a member of it: "other", "other-user". */
void ask_make_other(struct bench *b, int site);

/* Every row of every table of both sites (the audit log aside).  Caller frees. */
char *ask_databases(struct bench *b);
/* The same, and what both clouds hold. */
char *ask_snapshot(struct bench *b);
/* Sets a field (taken) of the named object of a simulated cloud, and gives what it was. */
json_t *ask_set(struct bench *b, int site, const char *table, const char *name, const char *key,
                json_t *value);
/* The test fails, naming 'what', unless it is as it was. */
void ask_same(struct bench *b, const char *before, const char *what);
