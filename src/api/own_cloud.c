/* SPDX-License-Identifier: Apache-2.0 */
/* own_cloud - see own_cloud.h. */
#include "api/own_cloud.h"

static const char *own(const struct request *r, const char *option)
{
    return conf_str(r->o->conf, "keystone_authtoken", option);
}

static struct cloud_options keystone_options(const struct request *r,
                                             const struct keystone_credentials *c)
{
    return (struct cloud_options){
        .transport = r->o->transport,
        .env = r->o->env,
        .cloud = "this site",
        .credentials = c,
        .region = own(r, "region_name"),
        .interface = own(r, "interface"),
        .timeout_ms = 20000,
    };
}

struct keystone_credentials own_service(const struct request *r)
{
    return (struct keystone_credentials){
        .method = KEYSTONE_PASSWORD,
        .auth_url = own(r, "auth_url"),
        .username = own(r, "username"),
        .password = own(r, "password"),
        .user_domain_name = own(r, "user_domain_name"),
        .project_name = own(r, "project_name"),
        .project_domain_name = own(r, "project_domain_name"),
    };
}

err_t *own_login(struct request *r, const struct keystone_credentials *c,
                 struct keystone_token **ret)
{
    struct cloud_options options = keystone_options(r, c);
    AUTO(cloud_session) session = cloud_session_create(&options);
    struct cloud view = cloud_view(session, r->request_id, CLOUD_NO_DEADLINE);

    return cloud_token(&view, ret);
}

err_t *own_service_user(struct request *r, char **ret)
{
    struct keystone_credentials c = own_service(r);
    AUTO(keystone_token) token = NULL;

    TRY(own_login(r, &c, &token));
    *ret = g_strdup(token->user_id);
    return NULL;
}

struct cloud_session *own_caller_session(struct request *r)
{
    struct keystone_credentials c = {.method = KEYSTONE_TOKEN,
                                     .auth_url = own(r, "auth_url"),
                                     .token = r->auth->token};
    struct cloud_options options = keystone_options(r, &c);

    return cloud_session_create(&options);
}
