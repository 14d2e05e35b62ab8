// SPDX-License-Identifier: MIT
/* The configuration, as the agent itself checks it. */
#include <stdlib.h>
#include <unistd.h>

#include "check/ask_agent.h"
#include "check/check.h"
#include "lib/base/json.h"
#include "lib/kms/config_check.h"
#include "lib/kms/reach.h"

#define CORRECT                                                                     \
	"Correct what the message names, then check it: enveloped --check-config. " \
	"See envelope.conf(5)."

/* What config_load() reads. */
static const char *path_of(const struct settings *settings)
{
	const char *path = settings->config ? settings->config : getenv("ENVELOPE_CONFIG");

	return path ? path : CONFIG_PATH;
}

static void add_fault(const struct fault *f, void *userdata)
{
	finding_add(userdata, "%s", f->message);
}

/* All faults, also those of the profiles and endpoints of clusters, if the agent answers. */
static int check_all(const struct settings *settings, struct config *cfg, struct finding *finding)
{
	struct faults all = { .each = add_fault, .userdata = finding };
	_cleanup_json_ struct json_object *reply = NULL;
	struct json_object *clusters;
	struct settings half = *settings;
	struct reach reach;

	config_check_load_all(settings->config, cfg, &all);
	half.timeout_s = (settings->timeout_s + 1) / 2;
	if (!cfg->file || ask_agent(&half, AGENT_INTERFACE "DescribeClusters", &reply, NULL) < 0)
		return all.count ? -1 : 0;
	clusters = json_get_array(reply, "clusters");
	for (size_t i = 0; i < (clusters ? json_object_array_length(clusters) : 0); i++) {
		struct json_object *cluster = json_object_array_get_idx(clusters, i);
		unsigned int before = all.count;

		reach = (struct reach){ 0 };
		json_copy_string(cluster, "Profile", reach.profile, sizeof(reach.profile));
		json_copy_string(cluster, "KmsEndpoint", reach.endpoint, sizeof(reach.endpoint));
		reach_check_all(cfg, &reach, &all);
		if (all.count > before)
			finding_add(finding, "That is of cluster %s.",
				    json_get_string(cluster, "DBClusterIdentifier"));
	}
	return all.count ? -1 : 0;
}

void check_configuration(const struct settings *settings, struct finding *finding)
{
	bool root = geteuid() == 0;
	const char *path = path_of(settings);
	_cleanup_config_ struct config cfg = { 0 };
	struct fault f = { 0 };

	if (access(path, F_OK) == 0 && access(path, R_OK))
		finding_set(finding, CHECK_SKIPPED, AS_ROOT, "Only root can read %s.", path);
	else if (root && check_all(settings, &cfg, finding) < 0)
		finding_worse(finding, CHECK_FAILED, CORRECT);
	else if (!root && config_load(settings->config, &cfg, &f) < 0)
		finding_set(finding, CHECK_FAILED, CORRECT, "%s", f.message);
	else if (!root)
		finding_set(finding, CHECK_SKIPPED, AS_ROOT,
			    "%s has valid keys. Only root can check the files that it names.",
			    path);
	else
		finding_set(finding, CHECK_OK, NULL, "%s is valid: KmsEndpoint=%s, Region=%s.",
			    path, cfg.kms_endpoint, cfg.region);
}
