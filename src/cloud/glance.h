/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance - images, read only.  Objects are Glance's own JSON (v2); properties of an image are
 * fields of the same object.
 */
#pragma once

#include "cloud/session.h"

err_t *glance_image_get(const struct cloud *c, const char *id, json_t **ret) MUST_CHECK;
/* All that the identity may see; 'name' (or NULL): only those of that name. */
err_t *glance_image_list(const struct cloud *c, const char *name, json_t **ret) MUST_CHECK;
