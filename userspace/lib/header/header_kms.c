// SPDX-License-Identifier: MIT
/* Writes the identity of a volume's KMS to its header. See header_kms.h. */

#include "lib/header/header_kms.h"

#include <string.h>

#include "lib/base/json.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"
#include "lib/header/volume_owner.h"

/**
 * header_set_kms() - write to the header which KMS gave the volume's key last
 * @claim: of @device, from a caller that keeps other users from it; -1: the function takes the device
 * @volume_id: of the volume that must be on @device
 * @host: this host, as the owner of a header names it
 * @kms: identity of the KMS: printable ASCII, fewer than VOLUME_KMS_MAX characters, not empty
 * @f: VolumeInUse when the volume belongs to another host, InvalidVolumeHeader when @device holds
 *	another volume or no volume
 *
 * Writes nothing if the header has this identity. Not covered
 * by the header's hash.
 *
 * Return: 0 or -1.
 */
int header_set_kms(const char *device, int claim, const char *volume_id, const char *host,
		   const char *kms, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	char whose[VOLUME_OWNER_TEXT_MAX];
	struct volume_header now;

	if (header_load_volume(&luks, device, claim, volume_id, f) ||
	    header_inspect(&luks, &now, f))
		return -1;
	if (!strcmp(now.kms, kms))
		return 0;
	if (volume_owner_is_other(&now.owner, host))
		return fault_set(f, "VolumeInUse", "The volume %s on %s %s. Nothing was written.",
				 volume_id, device, volume_owner_text(&now.owner, whose));
	token = luks_new_token(VOLUME_KMS_TOKEN);
	json_add_string(token, "kms", kms);
	return luks_put_token(&luks, luks_find_token(&luks, VOLUME_KMS_TOKEN), token, f);
}
