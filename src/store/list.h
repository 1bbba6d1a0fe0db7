/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list - what a caller may ask of a list: a page, an order, conditions.
 *
 * Pages are cut by key, not by offset: the page after 'marker' costs the same at 100 and at 100,000
 * rows.  Keys of order and filters are checked against the noun's own tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LIST_LIMIT_DEFAULT 1000
#define LIST_LIMIT_MAX     1000
#define LIST_SORTS_MAX     4
#define LIST_FILTERS_MAX   8

struct list_sort {
    const char *key;
    bool descending;
};

struct list_filter {
    const char *key;
    const char *value; /* equal to; numbers and booleans as decimal text */
};

/* All zero: the first LIST_LIMIT_DEFAULT rows in the noun's own order. */
struct list_query {
    int64_t limit;      /* 0 = LIST_LIMIT_DEFAULT; more than LIST_LIMIT_MAX is cut to it */
    const char *marker; /* id of the last row of the page before, or NULL */
    int sort_count;
    struct list_sort sorts[LIST_SORTS_MAX];
    int filter_count;
    struct list_filter filters[LIST_FILTERS_MAX];
};
