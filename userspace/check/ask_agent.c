// SPDX-License-Identifier: MIT
/* See ask_agent.h. */
#include "check/ask_agent.h"

#include "lib/base/json.h"
#include "lib/varlink/varlink.h"

/**
 * ask_agent() - call a method without parameters
 * @reply: owned by the caller
 *
 * Return: 0 or -1.
 */
int ask_agent(const struct settings *settings, const char *method, struct json_object **reply,
	      struct fault *f)
{
	_cleanup_json_ struct json_object *none = json_object_new_object();
	_cleanup_varlink_ struct varlink_client *client = NULL;

	if (varlink_connect(settings->socket, &client, f) < 0)
		return -1;
	varlink_client_timeout(client, (int)settings->timeout_s * 1000);
	return varlink_call(client, method, none, reply, f);
}
