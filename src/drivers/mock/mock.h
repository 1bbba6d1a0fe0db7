/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock - a storage driver without storage: groups, points, fences, tags and copies are rows in
 * <mock_storage_dir>/mock.db, and no byte of any volume is moved.  For development, demos and
 * drills of people; it says so in log, health and copies (PROTECTOR_CREATE).
 *
 * Two sites on one machine share the file, and the target sees the points that the source's engine
 * made (by ticks).  Two sites with a file each know nothing of each other; the target then lets
 * points appear by the group's interval, from when its own part of the group was made.
 */
#pragma once

#include <protector/driver.h>

extern const struct protector_driver mock_driver;
