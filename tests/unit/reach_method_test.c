// SPDX-License-Identifier: MIT
/* sources: agent/api/reach_method.c */
/*
 * Who may give a cluster a profile or an endpoint of its own: root alone. A member of the group envelope
 * could otherwise name a server that renews the lease of a key which the KMS has refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "agent/api/reach_method.h"
#include "lib/base/json.h"

static uid_t caller;

uid_t varlink_call_uid(const struct varlink_call *call)
{
	return caller;
}

static struct agent agent = { .config = {
				      .kms_endpoint = (char *)"unix:/run/kms.sock",
				      .ca_file = (char *)"",
				      .proxy = (char *)"",
				      .credentials_file = (char *)"/nowhere",
				      .profile = (char *)"enveloped",
				      .worker = (char *)"/bin/true",
			      } };

/* The code of the refusal, "" for none, and what is left of the request. */
static void expect(const char *request, const char *code, const char *left)
{
	json_object _cleanup_json_ *params = json_parse(request, strlen(request));
	static const struct reach none;
	struct fault f = { 0 };

	reach_check_call(NULL, params, &agent, &none, &f);
	assert_string_equal(f.code, code);
	assert_string_equal(json_object_to_json_string_ext(params, JSON_C_TO_STRING_PLAIN), left);
}

static void only_root_chooses_the_kms_of_a_cluster(void **state)
{
	static const char *const requests[] = {
		"{\"kmsEndpoint\":\"unix:\\/tmp\\/mine.sock\"}",
		"{\"kmsEndpoint\":\"\"}",
		"{\"profile\":\"mine\"}",
		"{\"profile\":\"\"}",
	};

	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		caller = 1000;
		expect(requests[i], "AccessDenied", requests[i]);
	}
	expect("{\"grow\":true}", "", "{\"grow\":true}");
	caller = 0;
	expect("{\"profile\":\"\"}", "", "{\"profile\":\"\"}");
	expect("{\"profile\":\"mine\"}", "InvalidParameterValue", "{\"profile\":\"mine\"}");
}

static void a_refused_address_with_a_password_is_not_recorded(void **state)
{
	for (caller = 0; caller < 2; caller++)
		expect("{\"kmsEndpoint\":\"https:\\/\\/me:s3cret@kms\"}",
		       caller ? "AccessDenied" : "InvalidParameterValue",
		       "{\"kmsEndpoint\":\"HIDDEN\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_root_chooses_the_kms_of_a_cluster),
		cmocka_unit_test(a_refused_address_with_a_password_is_not_recorded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
