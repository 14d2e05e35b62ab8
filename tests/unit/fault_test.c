// SPDX-License-Identifier: MIT
/*
 * Faults, JSON reads and base64: the small parts that all other code uses.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/base64.h"
#include "lib/base/fault.h"
#include "lib/base/json.h"
#include "lib/base/utf8.h"

static void fault_holds_code_and_message(void **state)
{
	struct fault f;

	assert_int_equal(fault_set(&f, "NotFoundException", "Key '%s' does not exist", "k"), -1);
	assert_string_equal(f.code, "NotFoundException");
	assert_string_equal(f.message, "Key 'k' does not exist");
	assert_int_equal(fault_set(NULL, "X", "y"), -1);
}

static void long_messages_are_cut_not_overrun(void **state)
{
	char text[4096];
	struct fault f;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	fault_set(&f, text, "%s", text);
	assert_int_equal(strlen(f.code), sizeof(f.code) - 1);
	assert_int_equal(strlen(f.message), sizeof(f.message) - 1);
}

static void exit_codes(void **state)
{
	static const struct {
		const char *code;
		int status;
	} rows[] = {
		{ "InternalFailure", 1 },
		{ "NoSuchName", 1 },
		{ "", 1 },
		{ "InvalidParameterCombination", 2 },
		{ "InvalidParameterValue", 2 },
		{ "ValidationException", 2 },
		{ "InvalidConfiguration", 2 },
		{ "DBClusterNotFoundFault", 3 },
		{ "InvalidVolume.NotFound", 6 },
		{ "DeviceError", 7 },
		{ "NotFoundException", 3 },
		{ "KMSKeyNotAccessibleFault", 4 },
		{ "AccessDeniedException", 4 },
		{ "ExpiredTokenException", 5 },
		{ "RequestExpired", 5 },
		{ "InvalidClientTokenId", 5 },
		{ "InvalidSignatureException", 5 },
		{ "UnrecognizedClientException", 5 },
		{ "TooManyRequestsException", 5 },
		{ "LimitExceededException", 5 },
		{ "DisabledException", 4 },
		{ "KMSInvalidStateException", 4 },
		{ "KMSUnreachable", 5 },
		{ "CredentialsUnavailable", 5 },
		{ "AgentUnreachable", 5 },
		{ "ThrottlingException", 5 },
		{ "InvalidDBClusterStateFault", 6 },
		{ "InvalidVolumeHeader", 6 },
		{ "VolumeInUse", 6 },
		{ "KernelModuleMissing", 7 },
		{ "KeyQuotaExceeded", 7 },
		{ "AuditTrailUnavailable", 7 },
		{ "DeviceTimeout", 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fault_exit_code(rows[i].code) != rows[i].status)
			fail_msg("%s: expected %d, seen %d", rows[i].code, rows[i].status,
				 fault_exit_code(rows[i].code));
}

static struct json_object *parse(const char *text)
{
	return json_parse(text, strlen(text));
}

static void json_reads_are_typed(void **state)
{
	_cleanup_json_ struct json_object *o =
		parse("{\"s\":\"x\",\"i\":5,\"b\":true,\"n\":null,\"o\":{},\"d\":1.5}");

	assert_non_null(o);
	assert_string_equal(json_get_string(o, "s"), "x");
	assert_null(json_get_string(o, "i"));
	assert_null(json_get_string(o, "absent"));
	assert_null(json_get_string(NULL, "s"));
	assert_int_equal(json_get_int(o, "i", 7), 5);
	assert_int_equal(json_get_int(o, "s", 7), 7);
	assert_int_equal(json_get_int(o, "d", 7), 7);
	assert_true(json_get_bool(o, "b", false));
	assert_true(json_get_bool(o, "i", true));
	assert_non_null(json_get_object(o, "o"));
	assert_null(json_get_object(o, "s"));
	assert_true(json_has(o, "s"));
	assert_false(json_has(o, "n"));
}

static void json_accepts_one_text_only(void **state)
{
	static const char *const good[] = {
		"12",
		"{\"a\":[1]} \n",
		"\"\\ud83d\\udd12\"",
		"\"\\\\u0000\"",
		"\"\\\\\\\\ud800\"",
		"\"\\u0001\\uffff\"",
		"[0,-0,10,-1.25e+3,0E0,99999999999999999999,1e999,true,false,null]",
	};
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"{}{}",
		"{} x",
		"[1,]",
		"{\"a\":1,}",
		"nul",
		/* what json-c takes, and no other reader */
		"{'a':1}",
		"{'\"':1}",
		"NaN",
		"[NaN]",
		"{\"a\":Infinity}",
		"[-Infinity]",
		"[1.]",
		"[00]",
		"[-01]",
		"\"a\tb\"",
		"\"a\nb\"",
		"{\"a\x01\":1}",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"\xed\xa0\x80\"",
		"\"a\\u0000b\"",
		"{\"a\\u0000b\":1}",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800x\"",
		"\"\\ud800\\n\"",
		"\"\\ud800\\ud800\"",
		"\"\\uDFFF\\uD800\"",
		"\"\\\\\\u0000\"",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_json_ struct json_object *o = parse(bad[i]);

		if (o)
			fail_msg("accepted: %s", bad[i]);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		_cleanup_json_ struct json_object *o = parse(good[i]);

		if (!o)
			fail_msg("refused: %s", good[i]);
	}
	assert_null(json_parse("{}\0{}", 5));
	assert_null(json_parse("{}\0", 3));
}

static void json_adds(void **state)
{
	_cleanup_json_ struct json_object *o = json_object_new_object();

	json_add_string(o, "s", "v");
	json_add_string(o, "none", NULL);
	json_add_int(o, "i", 1LL << 40);
	json_add_bool(o, "b", false);
	assert_string_equal(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN),
			    "{\"s\":\"v\",\"i\":1099511627776,\"b\":false}");
}

static void base64_vectors(void **state)
{
	static const struct {
		const char *plain, *text;
	} rows[] = {
		/* RFC 4648 section 10 */
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = base64_encode((const uint8_t *)rows[i].plain, strlen(rows[i].plain));
		uint8_t *bytes;
		size_t size;

		assert_string_equal(text, rows[i].text);
		assert_int_equal(base64_decode(text, &bytes, &size), 0);
		assert_int_equal(size, strlen(rows[i].plain));
		assert_memory_equal(bytes, rows[i].plain, size);
		free(bytes);
		free(text);
	}
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = {
		"Z",	"Zg",	"Zg=",	"Zg= =",    " Zg==", "Zg==\n", "Zm9v\n",   "Zh==",
		"Zm9=", "Z===", "====", "Zg==Zg==", "Zm_v",  "Zm-v",   "Zm9v====", "Zm9vZ=g=",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *bytes;
		size_t size;

		if (base64_decode(bad[i], &bytes, &size) != -EINVAL)
			fail_msg("accepted: '%s'", bad[i]);
	}
}

static void utf8_is_rfc_3629s(void **state)
{
	static const char *const good[] = { "",
					    "a",
					    "\u00e9",
					    "\u20ac",
					    "\U0001f512",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = {
		"\x80",
		"\xc3",
		"\xc0\x80",
		"\xc1\xbf",
		"\xe0\x9f\xbf",
		"\xed\xa0\x80",
		"\xe2\x82",
		"\xe2\x82z",
		"\xf0\x8f\xbf\xbf",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xff",
		"a\xfe"
		"b",
	};
	struct fault f;
	char text[] = "a\xff\xc3\xa9\xc3";

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (utf8_valid(bad[i], strlen(bad[i])))
			fail_msg("accepted: bad[%zu]", i);
	utf8_clean(text);
	assert_string_equal(text, "a?\u00e9?");
	fault_set(&f, "Any", "%.2s\xff", "a\u00e9");
	assert_string_equal(f.message, "a??");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fault_holds_code_and_message),
		cmocka_unit_test(long_messages_are_cut_not_overrun),
		cmocka_unit_test(utf8_is_rfc_3629s),
		cmocka_unit_test(exit_codes),
		cmocka_unit_test(json_reads_are_typed),
		cmocka_unit_test(json_accepts_one_text_only),
		cmocka_unit_test(json_adds),
		cmocka_unit_test(base64_vectors),
		cmocka_unit_test(base64_is_strict),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
