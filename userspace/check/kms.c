// SPDX-License-Identifier: MIT
/*
 * The KMS and the credentials: DescribeKey, which changes nothing and gives no key. The question is
 * about the keys of the clusters, or about a key that does not exist, when there is no cluster yet. The
 * account's default key is not asked about: DescribeKey of it would make it.
 *
 * Must never go through the agent: a refusal must not become a verdict about a cluster.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/ask_agent.h"
#include "check/check.h"
#include "lib/base/endpoint.h"
#include "lib/base/json.h"
#include "lib/kms/config_check.h"
#include "lib/kms/kms_describe.h"
#include "lib/kms/reach.h"

#define KEYS_MAX 16 /* a question for each */
#define LOST	 "inaccessible-encryption-credentials"

/* The caller is known to the KMS, and only the call is refused. */
static bool is_denied(const struct fault *f)
{
	return !strcmp(f->code, "AccessDeniedException") || !strcmp(f->code, "AccessDenied");
}

static bool is_skew(const struct fault *f)
{
	return !strcmp(f->code, "RequestExpired") || strstr(f->message, "Signature expired") ||
	       strstr(f->message, "Signature not yet current");
}

/* Only the embedded KMS is a service of this host. */
static bool is_embedded(const char *address)
{
	return endpoint_socket(address) || !strncmp(address, "https://127.0.0.1", 17) ||
	       !strncmp(address, "https://localhost", 17);
}

/*
 * What to do about an address that does not answer.
 * @own: the cluster that has this address for itself, or NULL
 */
static void advise_address(const struct config *cfg, const char *own, char *advice, size_t size)
{
	const char *look =
		is_embedded(cfg->kms_endpoint)
			? "See whether the KMS runs (systemctl status envelope-kms)."
			: "See whether this host reaches the address, or needs a proxy (Proxy= and NoProxy= in envelope.conf(5)).";

	if (own)
		snprintf(advice, size,
			 "%s The cluster %s has this address for itself. If it is wrong: envelope cluster modify --db-cluster-identifier %s --kms-endpoint URL",
			 look, own, own);
	else
		snprintf(advice, size, "Check KmsEndpoint= and CaFile=. %s", look);
}

static void advise_credentials(const struct config *cfg, const char *own, char *advice, size_t size)
{
	if (own && cfg->profile_alone)
		snprintf(advice, size,
			 "The KMS answers and refuses the credentials. The cluster %s has the profile %.64s of CredentialsFile=%.200s for itself: correct the profile, or envelope cluster modify --db-cluster-identifier %s --profile PROFILE",
			 own, cfg->profile, cfg->credentials_file, own);
	else
		snprintf(advice, size,
			 "The KMS answers and refuses the credentials. Check Profile=%.64s and CredentialsFile=%.200s.",
			 cfg->profile, cfg->credentials_file);
}

/* Credentials, network or certificate: the same for each key. */
static void judge_failure(const struct config *cfg, const char *own, const struct fault *f,
			  struct finding *finding)
{
	char advice[sizeof(finding->advice)];

	if (is_skew(f))
		snprintf(advice, sizeof(advice),
			 "The clocks of this host and of the KMS differ. Synchronise them: timedatectl");
	else if (!kms_knows_caller(f->code))
		advise_credentials(cfg, own, advice, sizeof(advice));
	else if (!strcmp(f->code, "KMSUnreachable"))
		advise_address(cfg, own, advice, sizeof(advice));
	else if (!strcmp(f->code, "CredentialsUnavailable"))
		snprintf(advice, sizeof(advice),
			 "No call could be made. See CREDENTIALS in envelope.conf(5). Variables that only the unit of the agent has are not seen here.");
	else
		snprintf(advice, sizeof(advice),
			 "The KMS gave no verdict about the key: leases go on until they end. Run the check again, and if it stays, look at the KMS.");
	finding_set(finding, CHECK_FAILED, advice, "%s: %s", f->code, f->message);
}

/*
 * @own: @cluster, if it has a KMS or a profile of its own, else NULL
 *
 * Return: false when no other key needs to be asked about.
 */
static bool judge(const struct config *cfg, const char *key, const char *cluster, const char *own,
		  struct finding *finding)
{
	struct kms_description answer;

	kms_describe(cfg, key, &answer);
	if (answer.outcome == KMS_OK && !strcmp(answer.state, "Enabled")) {
		finding_add(finding, "The key of cluster %s is enabled.", cluster);
	} else if (answer.outcome == KMS_OK) {
		finding_add(finding, "The key %s of cluster %s is %s.", key, cluster, answer.state);
		finding_worse(finding, CHECK_FAILED,
			      "Before the KMS refuses it, enable the key, or cancel its deletion first (envelope kms help says how to call aws): aws kms enable-key --key-id %s",
			      key);
	} else if (!strcmp(answer.f.code, "NotFoundException")) {
		if (cluster)
			finding_add(finding, "The KMS has no key %s, which cluster %s needs.", key,
				    cluster);
		if (cluster)
			finding_worse(finding, CHECK_FAILED,
				      "This may be another KMS than the one that made the key: check %s, AccountId= and Region=.",
				      own ? "the cluster's --kms-endpoint" : "KmsEndpoint=");
	} else if (is_denied(&answer.f)) {
		finding_add(finding, "It refuses DescribeKey%s%s.",
			    cluster ? " of the key of cluster " : "", cluster ? cluster : "");
		finding_worse(finding, CHECK_WARNING,
			      "The credentials are good, a permission is missing. Allow kms:DescribeKey, GenerateDataKey*, Decrypt and ReEncrypt* to the host's principal.");
	} else {
		judge_failure(cfg, own, &answer.f, finding);
		return false;
	}
	return true;
}

/* The profile and the endpoint that a cluster has for itself. Return: whether it has one. */
static bool own_reach(struct json_object *cluster, struct reach *reach)
{
	*reach = (struct reach){ 0 };
	json_copy_string(cluster, "Profile", reach->profile, sizeof(reach->profile));
	json_copy_string(cluster, "KmsEndpoint", reach->endpoint, sizeof(reach->endpoint));
	return reach->profile[0] || reach->endpoint[0];
}

static bool is_same(struct json_object *a, struct json_object *b, const char *member)
{
	const char *of_a = json_get_string(a, member), *of_b = json_get_string(b, member);

	return of_a && of_b ? !strcmp(of_a, of_b) : of_a == of_b;
}

/* Was the key of the cluster at @at asked about already, in the same way? */
static bool seen_before(struct json_object *clusters, size_t at)
{
	struct json_object *cluster = json_object_array_get_idx(clusters, at);

	for (size_t i = 0; i < at; i++) {
		struct json_object *other = json_object_array_get_idx(clusters, i);

		if (is_same(other, cluster, "KmsKeyId") && is_same(other, cluster, "Profile") &&
		    is_same(other, cluster, "KmsEndpoint"))
			return true;
	}
	return false;
}

/* Asks each endpoint of a cluster's own. The finding names the endpoint: it is not KmsEndpoint=. */
static void judge_own(const struct config *its, const char *key, const char *cluster,
		      struct finding *finding)
{
	struct config one = *its;

	for (size_t i = 0; (one.kms_endpoint = endpoint_at(its->kms_endpoint, i)); i++) {
		struct finding part = { 0 };

		judge(&one, key, cluster, cluster, &part);
		finding_add(finding, "The cluster %s asks %s with the profile %s: %s", cluster,
			    one.kms_endpoint, one.profile, part.found);
		finding_worse(finding, part.status, "%s", part.advice);
		free(one.kms_endpoint);
	}
}

/*
 * @cfg: with one endpoint, unless @own
 * @own: asks about the keys of the clusters with a KMS or a profile of their own, else about the others
 *
 * Return: whether the KMS of @cfg was asked.
 */
static bool judge_clusters(const struct config *cfg, struct json_object *clusters, bool own,
			   struct finding *finding)
{
	size_t asked = 0, left = 0, count = clusters ? json_object_array_length(clusters) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *cluster = json_object_array_get_idx(clusters, i);
		struct reach reach;
		bool has_own = own_reach(cluster, &reach);
		struct config its = reach_config(cfg, &reach);
		const char *key = json_get_string(cluster, "KmsKeyId");
		const char *name = json_get_string(cluster, "DBClusterIdentifier");
		const char *status = json_get_string(cluster, "Status");

		if (!key || !*key || !name || !status || !strcmp(status, LOST) || has_own != own ||
		    seen_before(clusters, i))
			continue;
		if (asked++ >= KEYS_MAX) {
			left++;
			continue;
		}
		if (own)
			judge_own(&its, key, name, finding);
		else if (!judge(cfg, key, name, NULL, finding))
			return true;
	}
	if (left)
		finding_add(finding, "%zu other keys were not asked about.", left);
	return asked && !own;
}

/* The way to an address of the configuration, as far as a proxy may be on it. */
static void add_proxy(const struct config *cfg, struct finding *finding)
{
	if (!*cfg->proxy || endpoint_socket(cfg->kms_endpoint))
		return;
	finding_add(finding, "Proxy=%s%s%s.", cfg->proxy, *cfg->no_proxy ? ", NoProxy=" : "",
		    cfg->no_proxy);
}

/* One of the configuration's endpoints. */
static void judge_endpoint(const struct config *cfg, size_t number, struct json_object *clusters,
			   struct finding *finding)
{
	bool several = endpoint_count(cfg->kms_endpoint) > 1;
	char *address = endpoint_at(cfg->kms_endpoint, number);
	struct config one = *cfg;
	struct finding part = { 0 };

	if (!address)
		return;
	one.kms_endpoint = address;
	finding_set(&part, CHECK_OK, NULL, "The KMS at %s answers and knows the credentials.",
		    address);
	add_proxy(&one, &part);
	if (!judge_clusters(&one, clusters, false, &part))
		judge(&one, KMS_NO_KEY, NULL, NULL, &part);
	if (several && part.status != CHECK_OK)
		finding_add(finding, "At %s: %s", address, part.found);
	else
		finding_add(finding, "%s", part.found);
	finding_worse(finding, part.status, "%s", part.advice);
	free(address);
}

void check_kms(const struct settings *settings, struct finding *finding)
{
	_cleanup_json_ struct json_object *reply = NULL;
	_cleanup_config_ struct config cfg = { 0 };
	struct fault f = { 0 };
	unsigned int share;

	if (geteuid() != 0) {
		finding_set(finding, CHECK_SKIPPED, AS_ROOT,
			    "Only root can read the credentials and call the KMS as the agent does.");
		return;
	}
	if (config_check_load(settings->config, &cfg, &f) < 0) {
		finding_set(finding, CHECK_FAILED, "Correct the configuration first.",
			    "The KMS cannot be asked: the configuration is not valid.");
		return;
	}
	share = settings->timeout_s / (unsigned int)endpoint_count(cfg.kms_endpoint);
	if (cfg.kms_timeout_seconds >= share)
		cfg.kms_timeout_seconds = share > 1 ? share - 1 : 1;
	ask_agent(settings, AGENT_INTERFACE "DescribeClusters", &reply, &f);
	finding_set(finding, CHECK_OK, NULL, "%s", "");
	for (size_t i = 0; i < endpoint_count(cfg.kms_endpoint); i++)
		judge_endpoint(&cfg, i, json_get_array(reply, "clusters"), finding);
	judge_clusters(&cfg, json_get_array(reply, "clusters"), true, finding);
}
