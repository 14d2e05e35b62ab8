// SPDX-License-Identifier: MIT
/*
 * --check-config: the words of the configuration, the files that it names, and a call to its KMS. The
 * call is about a key that does not exist, so it needs no cluster, and no permission of the principal.
 */
#include "agent/check_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/endpoint.h"
#include "lib/base/log.h"
#include "lib/kms/config_check.h"
#include "lib/kms/kms_describe.h"

#define SECONDS_MAX 30 /* of all endpoints together */

/*
 * Asks at one endpoint, and says what was found.
 * @f: the fault, if the KMS did not answer the call of a caller that it knows
 *
 * Return: was the KMS silent?
 */
static bool ask(const struct config *cfg, struct fault *f)
{
	struct kms_description answer;

	kms_describe(cfg, KMS_NO_KEY, &answer);
	if (answer.outcome == KMS_OK || answer.outcome == KMS_DENIED) {
		printf("The KMS at %s answers and knows the credentials.\n", cfg->kms_endpoint);
		return false;
	}
	*f = answer.f;
	log_error("The KMS at %s: %s: %s", cfg->kms_endpoint, f->code, f->message);
	return kms_is_silent(answer.outcome, f->code);
}

/* One endpoint must answer, and none may refuse the caller. Return: the exit status. */
static int ask_all(const struct config *cfg)
{
	size_t silent = 0, count = endpoint_count(cfg->kms_endpoint);
	unsigned int share = SECONDS_MAX / (unsigned int)count;
	struct config one = *cfg;

	if (one.kms_timeout_seconds > share)
		one.kms_timeout_seconds = share;
	for (size_t i = 0; (one.kms_endpoint = endpoint_at(cfg->kms_endpoint, i)); i++) {
		struct fault f = { 0 };
		bool quiet = ask(&one, &f);

		free(one.kms_endpoint);
		if (f.code[0] && !quiet)
			return 1;
		silent += quiet;
	}
	return silent == count;
}

/**
 * check_config() - check the configuration, and say what is wrong
 * @path: as for config_load()
 * @call: call the KMS, too
 *
 * Return: the exit status.
 */
int check_config(const char *path, bool call)
{
	_cleanup_config_ struct config config = { 0 };
	struct fault f = { 0 };
	int status;

	if (config_check_load(path, &config, &f) < 0) {
		log_error("%s", f.message);
		return fault_exit_code(f.code);
	}
	puts("The configuration is valid.");
	status = call ? ask_all(&config) : 0;
	if (status)
		log_error(
			"The configuration leads to no KMS that answers the agent. --no-call checks it without a call.");
	return fflush(stdout) ? 1 : status;
}
