/* SPDX-License-Identifier: Apache-2.0 */
/*
 * context - what token.c does with an auth_context; its fields are in token.h.  Private to auth/.
 */
#pragma once

#include "api/auth/token.h"

struct keystone_token;

/* What a validated token says; its own text is left out. */
struct auth_context *auth_context_of(const struct keystone_token *token);
struct auth_context *auth_context_copy(const struct auth_context *auth);
/* Notes whose service token came along. */
void auth_context_add_service(struct auth_context *auth, const struct auth_context *service);
