/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance - what Cinder and Nova ask the simulated image service.  Table: images; the first bytes of
 * an image are kept in its row ("data", base64), the rest of its size is zeros.
 */
#pragma once

#include "sim/call.h"

/* The image if the project may use it, else NULL. */
const json_t *sim_glance_image_visible(struct site *site, const char *id, const char *project_id,
                                       bool admin);
/* The bytes that an image begins with; NULL if there are none or 'image' is NULL.  Caller frees. */
void *sim_glance_image_data(const json_t *image, size_t *ret_size);
/*
 * Adds an active public image; 'properties' taken.  Its checksums over all 'size' bytes are given,
 * for making them takes longer than all else that is done when a simulator starts.
 */
void sim_glance_image_seed(struct site *site, const char *project_id, const char *name,
                           const void *data, size_t data_size, int64_t size, const char *md5,
                           const char *sha512, json_t *properties);
