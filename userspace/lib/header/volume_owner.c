// SPDX-License-Identifier: MIT
/*
 * Reads and compares the token that names the owner of a volume. See docs/format.md.
 */

#include "lib/header/volume_owner.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/json.h"

#define CLAIM_MAX 86400 /* seconds */

static bool is_id(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

/**
 * volume_owner_parse() - a token of type VOLUME_OWNER_TOKEN to @owner
 *
 * @token: has no other members than those of docs/format.md
 *
 * Return: the name of the member that is missing or wrong, or NULL.
 */
const char *volume_owner_parse(struct json_object *token, struct volume_owner *owner)
{
	struct json_object *keyslots = json_get_array(token, "keyslots");
	int64_t claim = json_get_int(token, "claim", -1);

	if (!keyslots || json_object_array_length(keyslots))
		return "keyslots";
	if (json_copy_string(token, "host", owner->host, sizeof(owner->host)) ||
	    !is_id(owner->host))
		return "host";
	if (json_copy_string(token, "boot", owner->boot, sizeof(owner->boot)) ||
	    !is_id(owner->boot))
		return "boot";
	if (json_copy_string(token, "time", owner->time, sizeof(owner->time)) ||
	    strspn(owner->time, "0123456789-:TZ") != strlen(owner->time))
		return "time";
	if (!json_has_type(token, "claim", json_type_int) || claim < 0 || claim > CLAIM_MAX)
		return "claim";
	owner->claim = (uint32_t)claim;
	return NULL;
}

/** volume_owner_is_other() - does the volume belong to another host than @host? */
bool volume_owner_is_other(const struct volume_owner *owner, const char *host)
{
	return owner->host[0] && strcmp(owner->host, host);
}

/** volume_owner_is_unknown() - does no header name the owner, because the last one was damaged? */
bool volume_owner_is_unknown(const struct volume_owner *owner)
{
	return !strcmp(owner->host, VOLUME_OWNER_UNKNOWN);
}

/**
 * volume_owner_text() - what a header says of a volume that is not this host's, for a fault
 *
 * Return: @text, which follows "the volume".
 */
const char *volume_owner_text(const struct volume_owner *owner, char text[VOLUME_OWNER_TEXT_MAX])
{
	if (volume_owner_is_unknown(owner))
		snprintf(text, VOLUME_OWNER_TEXT_MAX,
			 "may be in use on another host: its header was damaged and restored, and names no owner");
	else
		snprintf(text, VOLUME_OWNER_TEXT_MAX, "belongs to another host (%s)", owner->host);
	return text;
}

/** volume_owner_same() - are both the same stamp of the same owner? */
bool volume_owner_same(const struct volume_owner *a, const struct volume_owner *b)
{
	return !strcmp(a->host, b->host) && !strcmp(a->boot, b->boot) &&
	       !strcmp(a->time, b->time) && a->claim == b->claim;
}

/**
 * volume_owner_is_older() - is a stamp from before another one, which is known to be of the same volume?
 * @seen: in a header; host "" for none
 * @known: host "": no stamp is known
 *
 * Each stamp of a host is later than its stamp before (header_set_owner()), whatever its clock says.
 * Stamps of two hosts are not compared: their clocks may differ.
 */
bool volume_owner_is_older(const struct volume_owner *seen, const struct volume_owner *known)
{
	if (!known->host[0])
		return false;
	return !seen->host[0] ||
	       (!strcmp(seen->host, known->host) && strcmp(seen->time, known->time) < 0);
}
