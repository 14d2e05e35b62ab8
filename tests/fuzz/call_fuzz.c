// SPDX-License-Identifier: MIT
/* sources: ../tests/fuzz/reference_signature.c ../tests/fuzz/strict_json.c kms/call.c kms/audit/kms_record.c kms/auth/access.c kms/auth/authorize.c kms/auth/caller.c kms/auth/key_grants.c kms/auth/key_lookup.c kms/auth/key_policy.c kms/auth/question.c kms/auth/user_binding.c kms/auth/user_policy.c kms/grants/grant.c kms/grants/grant_groups.c kms/grants/grant_rules.c kms/keys/blob.c kms/keys/cmk.c kms/keys/cms_envelope.c kms/keys/context.c kms/keys/crypto.c kms/keys/deletion.c kms/keys/key_state.c kms/keys/materials.c kms/keys/new_key.c kms/keys/rotation.c kms/keys/tags.c kms/keys/usage.c kms/ops/ciphertext.c kms/ops/dispatch.c kms/ops/grant_params.c kms/ops/iam.c kms/ops/ops.c kms/ops/ops_alias.c kms/ops/ops_data.c kms/ops/ops_data_key.c kms/ops/ops_grant.c kms/ops/ops_key.c kms/ops/ops_list_grants.c kms/ops/ops_policy.c kms/ops/ops_random.c kms/ops/ops_rotation.c kms/ops/ops_state.c kms/ops/ops_tag.c kms/ops/page.c kms/ops/params.c kms/ops/plaintext.c kms/ops/policy_param.c kms/ops/user_keys.c kms/ops/user_policies.c kms/ops/users.c kms/policy/comparison.c kms/policy/condition.c kms/policy/decision.c kms/policy/document.c kms/policy/evaluate.c kms/policy/pattern.c kms/policy/principal.c kms/policy/statement.c kms/policy/value.c kms/root/root_key.c kms/store/store.c kms/store/store_alias.c kms/store/store_backup.c kms/store/store_check.c kms/store/store_clock.c kms/store/store_count.c kms/store/store_counter.c kms/store/store_deletion.c kms/store/store_disk.c kms/store/store_due.c kms/store/store_grant.c kms/store/store_head.c kms/store/store_key.c kms/store/store_lock.c kms/store/store_material.c kms/store/store_restore.c kms/store/store_rotation.c kms/store/store_set.c kms/store/store_signatures.c kms/store/store_token.c kms/store/store_upgrade.c kms/store/store_user.c kms/users/user.c */
/*
 * A call that only reads, from its target to its answer. The input is three parts with line feeds
 * between them: X-Amz-Target, User-Agent, and a body, in which TOKEN stands for a grant token that this
 * KMS made. The target signs the call. A call that is carried out is one that is served, whose
 * GrantTokens were all made by this KMS; another one is refused by its name. Answer and record are JSON
 * in UTF-8.
 */
#include "fuzz.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/audit/kms_audit.h"
#include "kms/audit/kms_record.h"
#include "kms/auth/key_lookup.h"
#include "kms/keys/crypto.h"
#include "kms/ops/dispatch.h"
#include "kms/ops/ops.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "reference_signature.h"
#include "strict_json.h"

#define SECRET	"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define ACCOUNT "123456789012"
#define NOW	1440938160 /* 20150830T123600Z */
#define REGION	"us-east-1"
#define PREFIX	"TrentService."
#define TOKENS	10 /* in a request, as AWS */

static const char names[] = "host;user-agent;x-amz-date;x-amz-target";

/* Made by the first input. */
static struct {
	char folder[64];
	struct kms kms;
	struct secret *root; /* of the store */
	struct principal admin;
	char *token;
} fixed;

static bool recorded; /* this input's call */

static void *there(void *pointer)
{
	if (!pointer)
		abort();
	return pointer;
}

/* In place of the trail. */
int audit_call(struct audit *audit, const struct call *call, const struct fault *refusal,
	       struct fault *f)
{
	struct json_object *record = there(kms_record_call(call, refusal));
	const char *text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
	struct strict_json seen = strict_json_read(text, strlen(text));

	fuzz_holds(seen.is_object && seen.is_utf8 && !seen.has_half, "a record is JSON in UTF-8");
	json_object_put(record);
	recorded = true;
	return 0;
}

const char *audit_last_event(const struct audit *audit)
{
	return "00000000-0000-4000-8000-000000000000";
}

int64_t audit_last_sequence(const struct audit *audit)
{
	return 0;
}

int audit_default_key(struct audit *audit, const struct call *call, const struct cmk *cmk,
		      const char *alias, struct fault *f)
{
	return 0;
}

int audit_store_event(struct audit *audit, const char *name, struct json_object *details,
		      struct fault *f)
{
	json_object_put(details);
	return 0;
}

int audit_key_deleted(struct audit *audit, const struct cmk *cmk, struct fault *f)
{
	return 0;
}

int audit_key_rotated(struct audit *audit, const struct cmk *cmk, struct fault *f)
{
	return 0;
}

static void remove_folder(void)
{
	_cleanup_text_ char *command = text_format("rm -rf %s", fixed.folder);

	store_close(fixed.kms.store);
	if (command && system(command))
		perror(fixed.folder);
}

static void set_up(void)
{
	static char *regions[] = { (char *)REGION, NULL };
	const char *tmp = getenv("TMPDIR");
	struct store_setup setup = { .directory = fixed.folder, .region = REGION, .create = true };
	char id[GRANT_ID_CHARS + 1];
	struct fault f = { 0 };

	fixed.root = there(secret_new(CRYPTO_KEY_BYTES));
	memset(fixed.root->bytes, 7, fixed.root->size);
	memset(id, 'a', GRANT_ID_CHARS);
	id[GRANT_ID_CHARS] = '\0';
	snprintf(fixed.folder, sizeof(fixed.folder), "%.40s/call-XXXXXX", tmp ? tmp : "/tmp");
	there(mkdtemp(fixed.folder));
	setup.root = fixed.root;
	if (store_open(&setup, &fixed.kms.store, &f))
		abort();
	atexit(remove_folder);
	fixed.token = there(store_make_token(fixed.kms.store, id));
	fixed.admin = (struct principal){ .name = "admin",
					  .account = ACCOUNT,
					  .access_key = "AKIDEXAMPLE" };
	fixed.admin.secret_key = there(secret_new(strlen(SECRET)));
	memcpy(fixed.admin.secret_key->bytes, SECRET, strlen(SECRET));
	fixed.kms.regions = regions;
	fixed.kms.account = ACCOUNT;
	fixed.kms.principals = (struct principals){ .list = &fixed.admin, .count = 1 };
}

struct input { /* malloc'd */
	char *target, *agent, *body;
};

/* Cuts the next line off, which has no byte that head.c refuses. NULL: there is no whole line */
static char *cut(const char **at, const char *end)
{
	const char *line = *at, *feed = memchr(line, '\n', (size_t)(end - line));

	if (!feed)
		return NULL;
	for (; *at < feed; (*at)++)
		if (((unsigned char)**at < ' ' && **at != '\t') || **at == 0x7f)
			return NULL;
	*at = feed + 1;
	return there(strndup(line, (size_t)(feed - line)));
}

/* The body, with the token in place of each word TOKEN */
static char *fill(const char *at, const char *end, size_t *size)
{
	char *text = NULL;
	FILE *out = there(open_memstream(&text, size));

	while (at < end) {
		if (end - at >= 5 && !memcmp(at, "TOKEN", 5)) {
			fputs(fixed.token, out);
			at += 5;
		} else {
			fputc(*at++, out);
		}
	}
	if (fclose(out))
		abort();
	return text;
}

/* The operation that a target names, by a second reader; "" for none. It is letters, as all of AWS. */
static void name_of(const char *target, char name[65])
{
	const char *at = target + strlen(PREFIX);
	size_t size = 0;

	name[0] = '\0';
	if (strncmp(target, PREFIX, strlen(PREFIX)))
		return;
	while (isalpha((unsigned char)at[size]))
		size++;
	if (size > 0 && size < 65 && at[size] == '\0')
		memcpy(name, at, size + 1);
}

static bool tokens_are_ours(const char *body, size_t size)
{
	_cleanup_json_ struct json_object *o = json_parse(body, size);
	struct json_object *list = json_get(o, "GrantTokens");

	if (!list)
		return true;
	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) > TOKENS)
		return false;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *token = json_object_array_get_idx(list, i);

		if (!json_object_is_type(token, json_type_string) ||
		    strcmp(json_object_get_string(token), fixed.token) != 0)
			return false;
	}
	return true;
}

static void look(unsigned int status, const char *answer, const char *name, const char *body,
		 size_t size)
{
	struct strict_json seen = strict_json_read(answer, strlen(answer));
	struct json_object *o;
	const char *code;

	fuzz_holds(status == HTTP_OK || status == HTTP_BAD_REQUEST,
		   "no input is a fault of the KMS");
	fuzz_holds(recorded, "each call has a record");
	fuzz_holds((status == HTTP_OK && !*answer) || (seen.is_object && seen.is_utf8),
		   "an answer is JSON in UTF-8");
	if (status == HTTP_OK) {
		fuzz_holds(op_find(name) != NULL, "what is carried out is served");
		fuzz_holds(tokens_are_ours(body, size), "GrantTokens are tokens of this KMS");
		return;
	}
	o = json_parse(answer, strlen(answer));
	code = json_get_string(o, "__type");
	if (code && !op_find(name))
		fuzz_holds(!strcmp(code, op_is_of_aws(name) ? "UnsupportedOperationException"
							    : "UnknownOperationException"),
			   "a call that is not served is refused by its name");
	json_object_put(o);
}

static bool run(const struct input *input, size_t size, const char *name)
{
	char authorization[512];
	struct http_header headers[] = {
		{ "Host", "example.amazonaws.com" },  { "User-Agent", input->agent },
		{ "X-Amz-Date", "20150830T123600Z" }, { "X-Amz-Target", input->target },
		{ "Authorization", authorization },
	};
	struct http_request request = { .method = "POST",
					.path = "/",
					.headers = headers,
					.header_count = 5,
					.body = (const uint8_t *)input->body,
					.body_size = size,
					.transport = TRANSPORT_TLS };
	struct call *call = there(calloc(1, sizeof(*call)));
	struct reference right;
	char *answer = NULL;
	unsigned int status;

	snprintf(authorization, sizeof(authorization),
		 "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/" REGION
		 "/kms/aws4_request, SignedHeaders=%s, Signature=%064d",
		 names, 0);
	right = reference_sign(&request, SECRET, REGION, "kms", NOW);
	memcpy(strstr(authorization, "Signature=") + strlen("Signature="), right.signature, 64);
	call->kms = &fixed.kms;
	call->region = REGION;
	call->account = ACCOUNT;
	call->transport = TRANSPORT_TLS;
	call->now = NOW;
	call->service = "kms";
	strcpy(call->source, "127.0.0.1");
	recorded = false;
	status = dispatch(call, &request, &answer);
	look(status, there(answer), name, input->body, size);
	fuzz_holds(!strcmp(call->operation, *name ? name : "Unknown"), "a call has its name");
	free(answer);
	call_free(call);
	return status == HTTP_OK;
}

bool fuzz_one(const uint8_t *bytes, size_t size)
{
	const char *at = (const char *)bytes, *end = at + size;
	struct input input = { 0 };
	const struct op *op;
	bool good = false;
	size_t body_size;
	char name[65];

	if (!fixed.kms.store)
		set_up();
	input.target = cut(&at, end);
	input.agent = input.target ? cut(&at, end) : NULL;
	if (input.agent) {
		input.body = fill(at, end, &body_size);
		name_of(input.target, name);
		op = op_find(name);
		/* A change stays, and so do the default keys. */
		if ((!op || op->kind == OP_READS) && !memmem(at, (size_t)(end - at), "alias", 5))
			good = run(&input, body_size, name);
	}
	free(input.target);
	free(input.agent);
	free(input.body);
	return good;
}
