// SPDX-License-Identifier: MIT
/*
 * Faults: how they are filled, and the exit status of each.
 *
 * Must never print: the code that handles the fault decides where to report it.
 */

#include "lib/base/fault.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

enum {
	EXIT_GENERAL = 1,
	EXIT_VALIDATION = 2,
	EXIT_NOT_FOUND = 3,
	EXIT_DENIED = 4,
	EXIT_UNREACHABLE = 5,
	EXIT_WRONG_STATE = 6,
	EXIT_HOST = 7,
};

static const struct {
	const char *code;
	int status;
} exit_codes[] = {
	{ "DBClusterAlreadyExistsFault", EXIT_VALIDATION },
	{ "DBPoolAlreadyExistsFault", EXIT_VALIDATION },
	{ "DBClusterSnapshotAlreadyExistsFault", EXIT_VALIDATION },
	{ "IncompleteSignature", EXIT_VALIDATION },
	{ "InvalidAliasNameException", EXIT_VALIDATION },
	{ "InvalidArnException", EXIT_VALIDATION },
	{ "InvalidConfiguration", EXIT_VALIDATION },
	{ "InvalidMarkerException", EXIT_VALIDATION },
	{ "InvalidParameterCombination", EXIT_VALIDATION },
	{ "InvalidParameterValue", EXIT_VALIDATION },
	{ "MissingParameter", EXIT_VALIDATION },
	{ "SerializationException", EXIT_VALIDATION },
	{ "Usage", EXIT_VALIDATION },
	{ "ValidationError", EXIT_VALIDATION },
	{ "ValidationException", EXIT_VALIDATION },

	{ "DBClusterNotFoundFault", EXIT_NOT_FOUND },
	{ "DBPoolNotFoundFault", EXIT_NOT_FOUND },
	{ "DBClusterSnapshotNotFoundFault", EXIT_NOT_FOUND },
	{ "NotFoundException", EXIT_NOT_FOUND },

	{ "AccessDenied", EXIT_DENIED },
	{ "AccessDeniedException", EXIT_DENIED },
	{ "DisabledException", EXIT_DENIED },
	{ "IncorrectKeyException", EXIT_DENIED },
	{ "InvalidCiphertextException", EXIT_DENIED },
	{ "InvalidKeyUsageException", EXIT_DENIED },
	{ "KMSInvalidStateException", EXIT_DENIED },
	{ "KMSKeyNotAccessibleFault", EXIT_DENIED },
	{ "OptInRequired", EXIT_DENIED },
	{ "StoppedMeanwhile", EXIT_DENIED },

	{ "AgentUnreachable", EXIT_UNREACHABLE },
	{ "CloudHsmClusterNotActiveException", EXIT_UNREACHABLE },
	{ "CredentialsUnavailable", EXIT_UNREACHABLE },
	{ "DependencyTimeoutException", EXIT_UNREACHABLE },
	{ "ExpiredTokenException", EXIT_UNREACHABLE },
	{ "IncompleteSignatureException", EXIT_UNREACHABLE },
	{ "InvalidClientTokenId", EXIT_UNREACHABLE },
	{ "InvalidSignatureException", EXIT_UNREACHABLE },
	{ "KMSInternalException", EXIT_UNREACHABLE },
	{ "KMSUnreachable", EXIT_UNREACHABLE },
	{ "KeyUnavailableException", EXIT_UNREACHABLE },
	{ "LimitExceededException", EXIT_UNREACHABLE },
	{ "MissingAuthenticationToken", EXIT_UNREACHABLE },
	{ "MissingAuthenticationTokenException", EXIT_UNREACHABLE },
	{ "RequestExpired", EXIT_UNREACHABLE },
	{ "RequestLimitExceeded", EXIT_UNREACHABLE },
	{ "ServiceUnavailable", EXIT_UNREACHABLE },
	{ "ServiceUnavailableException", EXIT_UNREACHABLE },
	{ "SignatureDoesNotMatch", EXIT_UNREACHABLE },
	{ "Throttling", EXIT_UNREACHABLE },
	{ "ThrottlingException", EXIT_UNREACHABLE },
	{ "TooManyRequestsException", EXIT_UNREACHABLE },
	{ "UnrecognizedClientException", EXIT_UNREACHABLE },

	{ "AgentRunning", EXIT_WRONG_STATE },
	{ "InvalidDBClusterSnapshotStateFault", EXIT_WRONG_STATE },
	{ "InvalidDBClusterStateFault", EXIT_WRONG_STATE },
	{ "InvalidPoolStateFault", EXIT_WRONG_STATE },
	{ "InvalidVolume.NotFound", EXIT_WRONG_STATE },
	{ "InvalidVolumeHeader", EXIT_WRONG_STATE },
	{ "VolumeInUse", EXIT_WRONG_STATE },

	{ "AuditTrailUnavailable", EXIT_HOST },
	{ "CatalogDamaged", EXIT_HOST },
	{ "CatalogTooNew", EXIT_HOST },
	{ "CatalogUnavailable", EXIT_HOST },
	{ "DeviceError", EXIT_HOST },
	{ "DeviceTimeout", EXIT_HOST },
	{ "KernelModuleMissing", EXIT_HOST },
	{ "KeyQuotaExceeded", EXIT_HOST },
	{ "StorageQuotaExceededFault", EXIT_HOST },
	{ "SnapshotQuotaExceededFault", EXIT_HOST },
	{ "VolumeGroupError", EXIT_HOST },
};

/**
 * fault_set() - fill @f
 * @f: destination, may be NULL
 * @code: AWS fault name, or "InternalFailure"
 * @fmt: printf format of the message
 *
 * Return: always -1, so that a function can end with `return fault_set(...)`.
 */
int fault_set(struct fault *f, const char *code, const char *fmt, ...)
{
	va_list ap;

	if (!f)
		return -1;
	snprintf(f->code, sizeof(f->code), "%s", code);
	va_start(ap, fmt);
	vsnprintf(f->message, sizeof(f->message), fmt, ap);
	va_end(ap);
	/* The message may quote a client, and end in the middle of a character. */
	utf8_clean(f->message);
	return -1;
}

/**
 * fault_exit_code() - exit status for a fault name
 *
 * Return: 1 general, 2 usage or validation, 3 not found, 4 access or key denied, 5 agent or KMS
 * unreachable, 6 wrong state, 7 the host lacks something.
 */
int fault_exit_code(const char *code)
{
	size_t i;

	for (i = 0; i < sizeof(exit_codes) / sizeof(exit_codes[0]); i++)
		if (!strcmp(exit_codes[i].code, code))
			return exit_codes[i].status;
	return EXIT_GENERAL;
}
