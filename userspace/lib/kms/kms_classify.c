// SPDX-License-Identifier: MIT
/*
 * The meaning of a KMS's answer. See kms_client.h; docs/kms-outcomes.md gives the reasons.
 *
 * Must never call an answer definitive that a proxy, a broken clock or an outage could produce.
 */

#include <stdbool.h>
#include <string.h>

#include "lib/kms/kms_client.h"

/** enum speaker - who answers with an exception, and about what */
enum speaker {
	KMS,	       /* about the key or the call */
	KMS_TO_NOBODY, /* about the caller, whom it does not know */
	NO_KMS,	       /* a broken server: another one may answer */
};

/*
 * The exceptions of a KMS. All except the dry run's come with HTTP 400.
 *
 * Only exceptions about the key, or about the right to use it, are denials. An exception about
 * the caller's credentials means that the KMS does not know the caller. A rotated access key or a
 * wrong clock must not end a cluster for good, so the lease runs out instead.
 */
static const struct exception {
	const char *type;
	enum kms_outcome outcome;
	enum speaker speaker;
} exceptions[] = {
	{ "DryRunOperationException", KMS_OK, KMS },

	{ "AccessDeniedException", KMS_DENIED, KMS },
	{ "DisabledException", KMS_DENIED, KMS },
	{ "NotFoundException", KMS_DENIED, KMS },
	{ "InvalidCiphertextException", KMS_DENIED, KMS },
	{ "IncorrectKeyException", KMS_DENIED, KMS },

	{ "UnrecognizedClientException", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "InvalidClientTokenId", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "InvalidSignatureException", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "SignatureDoesNotMatch", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "IncompleteSignature", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "IncompleteSignatureException", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "MissingAuthenticationToken", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "MissingAuthenticationTokenException", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "ExpiredTokenException", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "RequestExpired", KMS_UNREACHABLE, KMS_TO_NOBODY },
	{ "OptInRequired", KMS_UNREACHABLE, KMS_TO_NOBODY },

	{ "ThrottlingException", KMS_UNREACHABLE, KMS },
	{ "Throttling", KMS_UNREACHABLE, KMS },
	{ "TooManyRequestsException", KMS_UNREACHABLE, KMS },
	{ "RequestLimitExceeded", KMS_UNREACHABLE, KMS },
	{ "LimitExceededException", KMS_UNREACHABLE, KMS },
	{ "KeyUnavailableException", KMS_UNREACHABLE, KMS },
	{ "CloudHsmClusterNotActiveException", KMS_UNREACHABLE, KMS },
	/* Unless its message says that the key goes: key_is_going_or_gone(). */
	{ "KMSInvalidStateException", KMS_UNREACHABLE, KMS },

	{ "DependencyTimeoutException", KMS_UNREACHABLE, NO_KMS },
	{ "KMSInternalException", KMS_UNREACHABLE, NO_KMS },
	{ "InternalFailure", KMS_UNREACHABLE, NO_KMS },
	{ "ServiceUnavailable", KMS_UNREACHABLE, NO_KMS },
	{ "ServiceUnavailableException", KMS_UNREACHABLE, NO_KMS },
};

static const struct exception *find_exception(const char *type)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
		if (!strcmp(exceptions[i].type, type))
			return &exceptions[i];
	return NULL;
}

/*
 * The KMS returns KMSInvalidStateException for a key that is pending deletion or import. It returns
 * the same exception while a key is created or updated, or while the custom key store of the key is
 * disconnected: these states pass. Only the message tells the cases apart. The searched text begins
 * with "is", because "... is not pending deletion." is no denial.
 */
static bool key_is_going_or_gone(const char *message)
{
	return message && (strstr(message, " is pending deletion") ||
			   strstr(message, " is pending replica deletion") ||
			   strstr(message, " is pending import"));
}

/**
 * kms_classify() - judge an answer; no other place decides this
 * @http_status: status code, 0 when there was none
 * @error_type: exception name without namespace ("DisabledException"), NULL or "" for none
 * @message: the exception's message, NULL for none
 * @curl_code: CURLcode of the transfer, 0 for a completed one
 *
 * Return: the outcome. The table is in kms_classify.c and, with its reasons, in
 * docs/kms-outcomes.md.
 */
enum kms_outcome kms_classify(long http_status, const char *error_type, const char *message,
			      int curl_code)
{
	const struct exception *exception;

	if (curl_code)
		return KMS_UNREACHABLE;
	if (http_status == 200)
		return KMS_OK;
	/*
	 * A KMS's verdicts are 4xx. 3xx comes from something in between, 5xx from a broken
	 * server.
	 */
	if (http_status < 400 || http_status > 499)
		return KMS_UNREACHABLE;
	/*
	 * An answer without an exception's name is not from a KMS, but from a proxy or a captive
	 * portal.
	 */
	if (!error_type || !*error_type)
		return KMS_UNREACHABLE;
	if (!strcmp(error_type, "KMSInvalidStateException") && key_is_going_or_gone(message))
		return KMS_DENIED;
	exception = find_exception(error_type);
	if (exception)
		return exception->outcome;
	/*
	 * A KMS refuses a wrong request with 400. An unknown exception with 403 is a gateway's.
	 */
	return http_status == 400 ? KMS_BAD_REQUEST : KMS_UNREACHABLE;
}

/**
 * kms_is_silent() - did a call get no answer of a KMS, so that another endpoint may be asked?
 * @code: of the fault of the call
 *
 * A KMS that asks for a later try, or does not accept the credentials, has answered. Without credentials
 * nothing was asked.
 */
bool kms_is_silent(enum kms_outcome outcome, const char *code)
{
	const struct exception *exception = find_exception(code);

	if (outcome != KMS_UNREACHABLE || !strcmp(code, "CredentialsUnavailable"))
		return false;
	/* An exception with another outcome than its own came from a broken server. */
	return !exception || exception->outcome != outcome || exception->speaker == NO_KMS;
}

/** kms_knows_caller() - false if @code, of a call's fault, says that the KMS does not know who asks */
bool kms_knows_caller(const char *code)
{
	const struct exception *exception = find_exception(code);

	return !exception || exception->speaker != KMS_TO_NOBODY;
}

/** kms_outcome_name() - "ok", "denied", "unreachable", "bad-request" */
const char *kms_outcome_name(enum kms_outcome outcome)
{
	static const char *const names[] = {
		[KMS_OK] = "ok",
		[KMS_DENIED] = "denied",
		[KMS_UNREACHABLE] = "unreachable",
		[KMS_BAD_REQUEST] = "bad-request",
	};

	return names[outcome];
}

/** kms_outcome_parse() - the outcome of such a name, which may be NULL; 0 or -1 */
int kms_outcome_parse(const char *name, enum kms_outcome *ret)
{
	for (enum kms_outcome o = KMS_OK; o <= KMS_BAD_REQUEST; o++) {
		if (name && !strcmp(name, kms_outcome_name(o))) {
			*ret = o;
			return 0;
		}
	}
	return -1;
}
