/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glance - images, read only.  See glance.h.
 */
#include "cloud/glance.h"

err_t *glance_image_get(const struct cloud *c, const char *id, json_t **ret)
{
    g_autofree char *path = cloud_path("/images/%s", id);
    g_autoptr(json_t) image = NULL;
    TRY(cloud_call(c, CLOUD_IMAGE, "GET", path, NULL, &image));
    if (json_str(image, "id") == NULL)
        return err(CLOUD_ERROR, "%s: glance GET %s answered without an image", cloud_name(c), path);
    *ret = TAKE(image);
    return NULL;
}

err_t *glance_image_list(const struct cloud *c, const char *name, json_t **ret)
{
    g_autofree char *path = name != NULL ? cloud_path("/images?limit=%d&name=%s", CLOUD_PAGE, name)
                                         : cloud_path("/images?limit=%d", CLOUD_PAGE);
    return cloud_list(c, CLOUD_IMAGE, path, "images", ret);
}
