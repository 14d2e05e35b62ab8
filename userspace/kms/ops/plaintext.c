// SPDX-License-Identifier: MIT
/*
 * Plaintext on its way out of the KMS.
 *
 * Must never keep a copy: base64 and JSON strings are heap, which wipe_malloc.c wipes when freed.
 */

#include "kms/ops/plaintext.h"

#include <stdlib.h>
#include <string.h>

#include "kms/keys/cms_envelope.h"
#include "kms/ops/params.h"
#include "lib/base/base64.h"
#include "lib/base/json.h"

#define ATTESTATION_MAX	    2048
#define RECIPIENT_ALGORITHM "RSAES_OAEP_SHA_256"

void recipient_free(struct recipient *recipient)
{
	free(recipient->spki);
	recipient->spki = NULL;
}

/** plaintext_over_unix() - ValidationException that says what to do; Return: -1 */
int plaintext_over_unix(const struct call *call, struct fault *f)
{
	return fault_set(f, "ValidationException",
			 "Plaintext does not travel over the unix socket. Give %s a Recipient, or use the TLS endpoint.",
			 call->operation);
}

static int read_recipient(struct json_object *o, struct recipient *recipient, struct fault *f)
{
	const char *algorithm;

	if (param_need_text(o, "KeyEncryptionAlgorithm", 64, &algorithm, f))
		return -1;
	if (strcmp(algorithm, RECIPIENT_ALGORITHM))
		return fault_set(f, "ValidationException",
				 "KeyEncryptionAlgorithm must be " RECIPIENT_ALGORITHM ".");
	return param_blob(o, "AttestationDocument", ATTESTATION_MAX, &recipient->spki,
			  &recipient->spki_size, f);
}

/**
 * plaintext_route() - read Recipient and check that there is a safe way out
 * @dry_run: nothing will be sent
 * @f: ValidationException when plaintext is asked for over a unix socket
 *
 * Call before any key is used.
 *
 * Return: 0 or -1.
 */
int plaintext_route(struct call *call, bool dry_run, struct recipient *recipient, struct fault *f)
{
	struct json_object *o = json_get_object(call->params, "Recipient");

	if (o)
		return read_recipient(o, recipient, f);
	if (json_has(call->params, "Recipient"))
		return fault_set(f, "SerializationException", "Recipient must be an object.");
	if (call->transport == TRANSPORT_UNIX && !dry_run)
		return plaintext_over_unix(call, f);
	return 0;
}

static int add_base64(struct json_object *o, const char *name, const uint8_t *bytes, size_t size,
		      struct fault *f)
{
	char *text = base64_encode(bytes, size);

	if (!text)
		return fault_set(f, "KMSInternalException", "Out of memory. Try again.");
	json_add_string(o, name, text);
	explicit_bzero(text, strlen(text));
	free(text);
	return 0;
}

/** plaintext_reply() - add Plaintext or CiphertextForRecipient to the reply; Return: 0 or -1 */
int plaintext_reply(struct call *call, const struct recipient *recipient,
		    const struct secret *plain, struct fault *f)
{
	uint8_t *der;
	size_t size;
	int r;

	if (!recipient->spki) {
		call->has_plaintext = true;
		return add_base64(call->reply, "Plaintext", plain->bytes, plain->size, f);
	}
	if (cms_envelope(recipient->spki, recipient->spki_size, plain, &der, &size, f))
		return -1;
	r = add_base64(call->reply, "CiphertextForRecipient", der, size, f);
	free(der);
	return r;
}
