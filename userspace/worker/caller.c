// SPDX-License-Identifier: MIT
/* From STS's words to one text for each principal. See caller.h. */

#include "worker/caller.h"

#include <stdio.h>
#include <string.h>

#define ROLE ":assumed-role/"

static bool printable(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

/**
 * caller_text() - the text of a principal: "ARN (ID)", without a session
 * @arn: "arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION", or the ARN of a user; or NULL
 * @id: "AROA...:SESSION", or the id of a user; or NULL
 * @text: "" when the two name nobody
 *
 * A role that was deleted and made again has the same ARN and another id. It is another principal for
 * AWS: a key policy that named the first one does not name the second one.
 *
 * Return: whether they name a principal.
 */
bool caller_text(const char *arn, const char *id, char text[WORKER_PRINCIPAL_MAX])
{
	const char *role = arn ? strstr(arn, ROLE) : NULL;
	size_t arn_size = arn ? strlen(arn) : 0, id_size = id ? strcspn(id, ":") : 0;

	text[0] = '\0';
	if (role)
		arn_size = (size_t)(role - arn) + strlen(ROLE) + strcspn(role + strlen(ROLE), "/");
	if (!arn || !id_size || strncmp(arn, "arn:", 4) || !printable(arn) || !printable(id) ||
	    arn_size + id_size + sizeof(" ()") > WORKER_PRINCIPAL_MAX)
		return false;
	snprintf(text, WORKER_PRINCIPAL_MAX, "%.*s (%.*s)", (int)arn_size, arn, (int)id_size, id);
	return true;
}
