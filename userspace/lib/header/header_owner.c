// SPDX-License-Identifier: MIT
/* Writes the owner of a volume to its header. See header_owner.h. */

#include "lib/header/header_owner.h"

#include <string.h>
#include <time.h>

#include "lib/base/json.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"
#include "lib/header/volume_owner.h"

static struct json_object *owner_token(const struct volume_owner *owner)
{
	struct json_object *token = luks_new_token(VOLUME_OWNER_TOKEN);

	json_add_string(token, "host", owner->host);
	json_add_string(token, "boot", owner->boot);
	json_add_string(token, "time", owner->time);
	json_add_int(token, "claim", owner->claim);
	return token;
}

#define TIME_FORMAT "%Y-%m-%dT%H:%M:%SZ"
#define YEAR_MAX \
	9000 /* of a stamp that counts: a later one is forged, and would get a fifth digit */

/* The first second after a stamp; 0 for a text that is no time. */
static time_t second_after(const char *text)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, TIME_FORMAT, &tm);

	return end && !*end && tm.tm_year < YEAR_MAX - 1900 ? timegm(&tm) + 1 : 0;
}

/*
 * The present time, or the second after @owner->time and after @now, if they are later. The wall clock
 * may go back, and two stamps may be of one second.
 */
static struct volume_owner new_stamp(const struct volume_owner *owner,
				     const struct volume_owner *now)
{
	struct volume_owner stamp = *owner;
	time_t when = time(NULL), known = second_after(owner->time);
	time_t present = strcmp(now->host, owner->host) ? 0 : second_after(now->time);
	struct tm tm;

	if (when < known)
		when = known;
	if (when < present)
		when = present;
	strftime(stamp.time, sizeof(stamp.time), TIME_FORMAT, gmtime_r(&when, &tm));
	return stamp;
}

/**
 * header_owner_unknown() - the stamp of an owner that nobody knows: each host is another one
 * @claim: seconds for which a host must see the stamp unchanged before it may take over
 */
struct volume_owner header_owner_unknown(uint32_t claim)
{
	struct volume_owner owner = { .host = VOLUME_OWNER_UNKNOWN,
				      .boot = VOLUME_OWNER_UNKNOWN,
				      .claim = claim };

	return new_stamp(&owner, &owner);
}

/**
 * header_replace_owner() - write @owner as it is over the owner of the header in @luks
 * @owner: host "": the header names no owner afterwards
 *
 * The caller has judged the owner that is replaced.
 *
 * Return: 0 or -1.
 */
int header_replace_owner(struct luks *luks, const struct volume_owner *owner, struct fault *f)
{
	struct json_object _cleanup_json_ *token = owner->host[0] ? owner_token(owner) : NULL;
	int id = luks_find_token(luks, VOLUME_OWNER_TOKEN);

	return token ? luks_put_token(luks, id, token, f) : luks_remove_token(luks, id, f);
}

static bool is_expected(const struct volume_owner *now, const struct volume_owner *expected)
{
	return expected->time[0] ? volume_owner_same(now, expected)
				 : !strcmp(now->host, expected->host);
}

/**
 * header_set_owner() - write to the header that a volume belongs to a host
 * @claim: of @device, from a caller that keeps other users from it; -1: the function takes the device
 * @volume_id: of the volume that must be on @device
 * @expected: the other host's stamp that is replaced; without a time, any stamp of that host; NULL: the
 *	volume is this host's, or nobody's
 * @owner: its @time is that of the last stamp of this host that the caller knows, "" for none. The new
 *	stamp is later than that, and later than this host's stamp in the header. @time is filled with
 *	the new one
 * @f: VolumeInUse when the header has another stamp by now, InvalidVolumeHeader when @device holds
 *	another volume or no volume
 *
 * Not covered by the header's hash.
 *
 * Return: 0 or -1.
 */
int header_set_owner(const char *device, int claim, const char *volume_id,
		     const struct volume_owner *expected, struct volume_owner *owner,
		     struct fault *f)
{
	struct luks _cleanup_luks_ luks = { 0 };
	char whose[VOLUME_OWNER_TEXT_MAX];
	struct volume_owner stamp;
	struct volume_header now;

	if (header_load_volume(&luks, device, claim, volume_id, f) ||
	    header_inspect(&luks, &now, f))
		return -1;
	if (volume_owner_is_other(&now.owner, owner->host) &&
	    (!expected || !is_expected(&now.owner, expected)))
		return fault_set(f, "VolumeInUse",
				 "The volume %s on %s %s, since %s. Nothing was written.",
				 volume_id, device, volume_owner_text(&now.owner, whose),
				 now.owner.time);
	stamp = new_stamp(owner, &now.owner);
	if (header_replace_owner(&luks, &stamp, f) < 0)
		return -1;
	*owner = stamp;
	return 0;
}
