# SPDX-License-Identifier: Apache-2.0
# made by tools/docs: change include/protector/client.h
"""The declarations of libprotectorclient, for cffi."""

CDEF = """
struct protector_client;
struct protector_error;
struct protector_client_options {
    size_t size;
    const char *(*getenv)(void *data, const char *name);
    int (*wait)(void *data, int64_t ms);
    void (*event)(void *data, const char *event_json);
    char *(*ask)(void *data, const char *question, int secret);
    void *data;
    const char *cloud;
    const char
        *secondary_cloud;
    const char *config_file;
    const char *region;
    const char *interface;
    const char *token;
    const char *endpoint;
    const char *user_agent;
    const char *api_version;
    int debug;
};
struct protector_client *
protector_client_open(const struct protector_client_options *options,
                      struct protector_error **ret_error);
void protector_client_close(struct protector_client *client);
const char *protector_commands_json(void);
struct protector_error *protector_client_run(struct protector_client *client,
                                                              const char *command,
                                                              const char *arguments_json,
                                                              char **ret_result);
void protector_free(char *text);
const char *protector_client_version(void);
struct protector_error *protector_client_api_range(struct protector_client *client,
                                                                    char **ret_json);
const char *protector_error_message(const struct protector_error *error);
const char *protector_error_code(const struct protector_error *error);
const char *protector_error_remedy(const struct protector_error *error);
const char *protector_error_detail(const struct protector_error *error,
                                                    const char *key);
int protector_error_http_status(const struct protector_error *error);
int protector_error_exit_code(const struct protector_error *error);
void protector_error_free(struct protector_error *error);
"""
