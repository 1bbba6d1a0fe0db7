/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource_mapping - rows of resource_mappings: what a group's body maps networks, flavors and
 * images to.  Written by project.c when the body changes.
 */
#pragma once

#include "base/auto.h"
#include "store/db.h"

struct resource_mapping {
    char *pg_id;
    char *source_site_id;
    char *kind; /* network, flavor, image */
    char *source;
    char *target;
};
struct resource_mapping *resource_mapping_create(void);
void resource_mapping_destroy(struct resource_mapping *mapping);
AUTO_DEFINE(resource_mapping, resource_mapping_destroy)

/* Of a group, by site, kind and source. */
err_t *resource_mapping_list(struct db *db, const char *pg_id, GPtrArray **ret) MUST_CHECK;
