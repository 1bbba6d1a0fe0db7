/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture_drift - what has changed at a cloud since a member was captured (B22).  Pure.
 *
 * Compared is what a list tells of every server at once: that it is there, its name and flavor, its
 * volumes and their sizes, its ports, their networks and addresses.  Of a server that was recovered
 * here only its being there and its volumes are compared: flavor and networks are mapped ones, and
 * its ports were made by us.
 *
 * Neighbours: capture.h (the whole of one server, in more calls).
 */
#pragma once

#include "base/json.h"

/* A project's lists, whole; as the services give them to the service account. */
struct capture_lists {
    const json_t *servers, *volumes, *ports;
};

/*
 * Sentences, a text each, about a member of 'body' as the site 'self' has it; [] if nothing
 * differs. New reference.
 */
json_t *capture_drift(const json_t *body, const char *self, const json_t *member,
                      const struct capture_lists *lists);
