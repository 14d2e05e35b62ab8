// SPDX-License-Identifier: MIT
/*
 * GenerateRandom.
 *
 * Must never keep the bytes: they exist until the reply is made, in locked memory.
 */
#include "kms/auth/authorize.h"
#include "kms/keys/crypto.h"
#include "kms/ops/ops.h"
#include "kms/ops/params.h"
#include "kms/ops/plaintext.h"

#define RANDOM_MAX 1024

int op_generate_random(struct call *call, struct fault *f)
{
	_cleanup_recipient_ struct recipient recipient = { 0 };
	_cleanup_secret_ struct secret *random = NULL;
	struct access access = access_of(call);
	int64_t bytes;

	if (param_refuse(call->params, "CustomKeyStoreId", f) ||
	    param_number(call->params, "NumberOfBytes", 1, RANDOM_MAX, 0, &bytes, f) ||
	    plaintext_route(call, false, &recipient, f) || authorize(&access, f))
		return -1;
	if (bytes == 0)
		return fault_set(f, "ValidationException", "NumberOfBytes is required.");
	random = secret_new((size_t)bytes);
	if (!random || crypto_random(random->bytes, random->size))
		return fault_set(f, "KMSInternalException",
				 "Random bytes cannot be made. Raise LimitMEMLOCK, and try again.");
	return plaintext_reply(call, &recipient, random, f);
}
