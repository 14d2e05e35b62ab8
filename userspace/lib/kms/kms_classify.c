// SPDX-License-Identifier: MIT
/*
 * The meaning of a KMS's answer. See kms_client.h; docs/kms-outcomes.md gives the reasons.
 *
 * Must never call an answer definitive that a proxy, a broken clock or an outage could produce.
 */

#include <stdbool.h>
#include <string.h>

#include "lib/kms/kms_client.h"

/*
 * Exceptions that carry a KMS's verdict. All except the dry run's come with HTTP 400.
 *
 * Only exceptions about the key, or about the right to use it, are denials. An exception about
 * the caller's credentials means that the KMS does not know the caller. A rotated access key or a
 * wrong clock must not end a cluster for good, so the lease runs out instead.
 */
static const struct {
	const char *type;
	enum kms_outcome outcome;
} verdicts[] = {
	{ "DryRunOperationException", KMS_OK },

	{ "AccessDeniedException", KMS_DENIED },
	{ "DisabledException", KMS_DENIED },
	{ "NotFoundException", KMS_DENIED },
	{ "InvalidCiphertextException", KMS_DENIED },
	{ "IncorrectKeyException", KMS_DENIED },

	{ "UnrecognizedClientException", KMS_UNREACHABLE },
	{ "InvalidClientTokenId", KMS_UNREACHABLE },
	{ "InvalidSignatureException", KMS_UNREACHABLE },
	{ "SignatureDoesNotMatch", KMS_UNREACHABLE },
	{ "IncompleteSignature", KMS_UNREACHABLE },
	{ "IncompleteSignatureException", KMS_UNREACHABLE },
	{ "MissingAuthenticationToken", KMS_UNREACHABLE },
	{ "MissingAuthenticationTokenException", KMS_UNREACHABLE },
	{ "ExpiredTokenException", KMS_UNREACHABLE },
	{ "RequestExpired", KMS_UNREACHABLE },
	{ "OptInRequired", KMS_UNREACHABLE },

	{ "ThrottlingException", KMS_UNREACHABLE },
	{ "Throttling", KMS_UNREACHABLE },
	{ "TooManyRequestsException", KMS_UNREACHABLE },
	{ "RequestLimitExceeded", KMS_UNREACHABLE },
	{ "LimitExceededException", KMS_UNREACHABLE },
	{ "KeyUnavailableException", KMS_UNREACHABLE },
	{ "DependencyTimeoutException", KMS_UNREACHABLE },
	{ "KMSInternalException", KMS_UNREACHABLE },
	{ "InternalFailure", KMS_UNREACHABLE },
	{ "ServiceUnavailable", KMS_UNREACHABLE },
	{ "ServiceUnavailableException", KMS_UNREACHABLE },
	{ "CloudHsmClusterNotActiveException", KMS_UNREACHABLE },
};

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
	if (!strcmp(error_type, "KMSInvalidStateException"))
		return key_is_going_or_gone(message) ? KMS_DENIED : KMS_UNREACHABLE;
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		if (!strcmp(verdicts[i].type, error_type))
			return verdicts[i].outcome;
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
	static const char *const answers[] = {
		"CredentialsUnavailable",
		"UnrecognizedClientException",
		"InvalidClientTokenId",
		"InvalidSignatureException",
		"SignatureDoesNotMatch",
		"IncompleteSignature",
		"IncompleteSignatureException",
		"MissingAuthenticationToken",
		"MissingAuthenticationTokenException",
		"ExpiredTokenException",
		"RequestExpired",
		"OptInRequired",
		"ThrottlingException",
		"Throttling",
		"TooManyRequestsException",
		"RequestLimitExceeded",
		"LimitExceededException",
		"KeyUnavailableException",
		"KMSInvalidStateException",
		"CloudHsmClusterNotActiveException",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (!strcmp(answers[i], code))
			return false;
	return outcome == KMS_UNREACHABLE;
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
