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
