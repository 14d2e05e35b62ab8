// SPDX-License-Identifier: MIT
/* Writes the owner of a volume to its header. See header_owner.h. */

#include "lib/header/header_owner.h"

#include <time.h>

#include "lib/base/json.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"
#include "lib/header/volume_owner.h"

static struct json_object *owner_token(const struct volume_owner *owner)
{
	struct json_object *token = luks_new_token(VOLUME_OWNER_TOKEN);
	char when[sizeof(owner->time)];
	time_t now = time(NULL);
	struct tm tm;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	json_add_string(token, "host", owner->host);
	json_add_string(token, "boot", owner->boot);
	json_add_string(token, "time", when);
	json_add_int(token, "claim", owner->claim);
	return token;
}

/**
 * header_set_owner() - write to the header that a volume belongs to a host
 * @volume_id: of the volume that must be on @device
 * @expected: the other host's stamp that is replaced; NULL: the volume is this host's, or nobody's
 * @owner: its @time is not read: the header gets the present time
 * @f: VolumeInUse when the header has another stamp by now, InvalidVolumeHeader when @device holds
 *	another volume or no volume
 *
 * May be called while the device is in use. Not covered by the header's hash.
 *
 * Return: 0 or -1.
 */
int header_set_owner(const char *device, const char *volume_id, const struct volume_owner *expected,
		     const struct volume_owner *owner, struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct luks _cleanup_luks_ luks = { 0 };
	struct volume_header now;

	if (header_load_volume(&luks, device, volume_id, f) || header_inspect(&luks, &now, f))
		return -1;
	if (volume_owner_is_other(&now.owner, owner->host) &&
	    (!expected || !volume_owner_same(&now.owner, expected)))
		return fault_set(f, "VolumeInUse",
				 "The volume %s on %s belongs to the host %s since %s. Nothing was written.",
				 volume_id, device, now.owner.host, now.owner.time);
	token = owner_token(owner);
	return luks_put_token(&luks, luks_find_token(&luks, VOLUME_OWNER_TOKEN), token, f);
}
