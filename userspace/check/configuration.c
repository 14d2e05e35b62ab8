// SPDX-License-Identifier: MIT
/* The configuration, as the agent itself checks it. */
#include <stdlib.h>
#include <unistd.h>

#include "check/check.h"
#include "lib/kms/config_check.h"

#define CORRECT                                                                     \
	"Correct what the message names, then check it: enveloped --check-config. " \
	"See envelope.conf(5)."

/* What config_load() reads. */
static const char *path_of(const struct settings *settings)
{
	const char *path = settings->config ? settings->config : getenv("ENVELOPE_CONFIG");

	return path ? path : CONFIG_PATH;
}

void check_configuration(const struct settings *settings, struct finding *finding)
{
	bool root = geteuid() == 0;
	const char *path = path_of(settings);
	_cleanup_config_ struct config cfg = { 0 };
	struct fault f = { 0 };

	if (access(path, F_OK) == 0 && access(path, R_OK))
		finding_set(finding, CHECK_SKIPPED, AS_ROOT, "Only root can read %s.", path);
	else if ((root ? config_check_load : config_load)(settings->config, &cfg, &f) < 0)
		finding_set(finding, CHECK_FAILED, CORRECT, "%s", f.message);
	else if (!root)
		finding_set(finding, CHECK_SKIPPED, AS_ROOT,
			    "%s has valid keys. Only root can check the files that it names.",
			    path);
	else
		finding_set(finding, CHECK_OK, NULL, "%s is valid: KmsEndpoint=%s, Region=%s.",
			    path, cfg.kms_endpoint, cfg.region);
}
