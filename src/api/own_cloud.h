/* SPDX-License-Identifier: Apache-2.0 */
/* own_cloud - this site's Keystone, as the service account or in the name of the caller. */
#pragma once

#include "api/request.h"
#include "cloud/keystone.h"
#include "cloud/session.h"

/* The service account, as [keystone_authtoken] has it; borrows from the configuration. */
struct keystone_credentials own_service(const struct request *r);
/* Logs in once. */
err_t *own_login(struct request *r, const struct keystone_credentials *c,
                 struct keystone_token **ret) MUST_CHECK;
/* The service account's id.  Caller frees. */
err_t *own_service_user(struct request *r, char **ret) MUST_CHECK;
/* A session with the caller's own token.  Caller destroys. */
struct cloud_session *own_caller_session(struct request *r);
