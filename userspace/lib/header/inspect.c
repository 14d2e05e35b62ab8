// SPDX-License-Identifier: MIT
/* A header in libcryptsetup's memory against the profile. See inspect.h. */

#include "lib/header/inspect.h"

#include <string.h>

#include "lib/base/json.h"
#include "lib/header/volume_hash.h"
#include "lib/header/volume_profile.h"

/**
 * header_inspect() - check and hash the header that @luks has in memory
 * @out: filled except for @data_sectors; undefined when refused
 * @f: InvalidVolumeHeader, names the field that is outside the profile
 *
 * Return: 0 or -1.
 */
int header_inspect(struct luks *luks, struct volume_header *out, struct fault *f)
{
	struct json_object _cleanup_json_ *metadata = NULL;
	struct fault reason = { 0 };
	const char *text;
	int r = crypt_dump_json(luks->cd, &text, 0);

	if (r)
		return luks_fault(luks, r, "Cannot read the volume header of", f);
	metadata = json_parse(text, strlen(text));
	if (volume_profile_check(metadata, crypt_get_uuid(luks->cd), crypt_get_subsystem(luks->cd),
				 out, &reason))
		return fault_set(f, reason.code, "The volume header of %s is refused: %s.",
				 luks->device, reason.message);
	return volume_hash(out, out->header_sha256, f);
}

/**
 * header_load_volume() - load the header to write to it, unless it is not of the volume @volume_id
 * @claim: of @device, from a caller that keeps other users from it; -1: the function takes the device
 * @f: VolumeInUse when the device cannot be taken, InvalidVolumeHeader when the path belongs to another
 *	disk by now
 *
 * Return: 0 or -1.
 */
int header_load_volume(struct luks *luks, const char *device, int claim, const char *volume_id,
		       struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	int taken = claim < 0 ? block_device_take(device, f) : -1, r;
	const char *subsystem, *found;

	if (claim < 0 && taken < 0)
		return -1;
	r = luks_load(luks, device, claim < 0 ? taken : claim, f);
	luks->own = taken >= 0;
	if (r)
		return -1;
	subsystem = crypt_get_subsystem(luks->cd);
	if (!subsystem || strcmp(subsystem, VOLUME_SUBSYSTEM))
		return fault_set(f, LUKS_INVALID, "%s is not a dm-envelope volume.", device);
	token = luks_get_token(luks, VOLUME_TOKEN);
	found = json_get_string(token, "volume_id");
	if (!found || strcmp(found, volume_id))
		return fault_set(f, LUKS_INVALID,
				 "The volume on %s is %.64s, not %s. Nothing was written. If device names have changed, try again: the agent looks for the volume on all disks.",
				 device, found ? found : "a volume without an id", volume_id);
	return 0;
}

/**
 * header_find_volume() - the id of the volume that a header names
 * @claim: descriptor of @device
 * @volume_id: filled when the answer is true
 *
 * The header may be unfinished, or outside the profile.
 *
 * Return: false when @device holds no volume header that can be loaded.
 */
bool header_find_volume(const char *device, int claim, char volume_id[22])
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	struct fault ignored;

	if (luks_load(&luks, device, claim, &ignored) == 0)
		token = luks_get_token(&luks, VOLUME_TOKEN);
	return json_copy_string(token, "volume_id", volume_id, 22) == 0;
}
