/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version - the release these headers belong to.  The build refuses a number that differs from the
 * project's.
 */
#pragma once

#define PROTECTOR_VERSION_MAJOR 0
#define PROTECTOR_VERSION_MINOR 1
#define PROTECTOR_VERSION_PATCH 0
#define PROTECTOR_VERSION       "0.1.0"
