// SPDX-License-Identifier: MIT
/*
 * Who gave a cluster's key last: the KMS's identity, and the principal that it was given to. The
 * embedded KMS proves the id of its key store in each answer (lib/kms/kms_proof.h). An id that is not
 * proved is another identity. Must never take the configuration's word for the identity of a KMS that
 * has an id of its own.
 */
#include "agent/lease/grant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/grants.h"
#include "agent/lease/kms_call.h"
#include "agent/lease/newest_change.h"
#include "agent/rules/rules.h"
#include "lib/base/arn.h"
#include "lib/base/endpoint.h"
#include "lib/base/log.h"

/* AWS's KMS has no id. Its identity is the endpoint's host and the account of the key. */
static void identify(const struct cluster *cluster, const char *endpoint, const char *id, char *kms,
		     size_t size)
{
	struct key_ref ref = { 0 };
	char *host;

	if (id[0]) {
		snprintf(kms, size, RULES_PROVED_KMS "%s", id);
		return;
	}
	key_ref_parse(cluster->key_arn, &ref, NULL);
	host = endpoint_host(endpoint);
	snprintf(kms, size, "%s account %s", host ? host : endpoint, ref.account);
	free(host);
}

/**
 * grant_answer() - who answers a call, and to which principal
 * @worker: of the call, in its callback
 */
struct grant grant_answer(const struct cluster *cluster, const struct kms_worker *worker)
{
	struct grant grant = { 0 };

	identify(cluster, kms_worker_endpoint(worker), kms_worker_kms_id(worker), grant.kms,
		 sizeof(grant.kms));
	snprintf(grant.principal, sizeof(grant.principal), "%s", kms_worker_principal(worker));
	return grant;
}

/**
 * grant_is_older() - does the known KMS answer from an older copy of its key store? Any KMS is known
 *	that has given this host a key, if the cluster has none yet: it is being made, or was adopted
 * @worker: of the call, in its callback
 * @why: set if so
 *
 * What was seen while the call was under way does not count: answers may come out of order.
 */
bool grant_is_older(const struct cluster *cluster, const struct kms_worker *worker,
		    struct fault *why)
{
	struct grant now = grant_answer(cluster, worker);
	int64_t newest, change = kms_worker_change(worker, &newest);

	if (cluster->grant.kms[0] && strcmp(cluster->grant.kms, now.kms))
		return false;
	newest_change_note(cluster->agent, now.kms, change);
	return rules_change(now.kms, newest, change, why) < 0;
}

/**
 * grant_given() - the KMS gives an operation what it asked for
 * @worker: of the call, in its callback
 * @grant: filled with who gives it
 * @f: KMSUnreachable
 *
 * An older copy of the key store may give a key that the present store refuses.
 *
 * Return: 0, or -1 if an older copy gives it; the next call asks from the first endpoint.
 */
int grant_given(const struct cluster *cluster, const struct kms_worker *worker, struct grant *grant,
		struct fault *f)
{
	struct fault why;
	int64_t newest;

	*grant = grant_answer(cluster, worker);
	newest_change_note(cluster->agent, grant->kms, kms_worker_change(worker, &newest));
	if (!grant_is_older(cluster, worker, &why))
		return 0;
	kms_call_from_first(cluster);
	return fault_set(f, "KMSUnreachable", "%s: %s", why.code, why.message);
}

/** grant_load() - read the last grant of a cluster of the catalog */
void grant_load(struct cluster *cluster)
{
	struct fault f;

	if (grants_find(cluster->agent->catalog, cluster->volume_id, &cluster->grant, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
}

/**
 * grant_from_header() - take over which KMS gave the key last, if the header knows better
 * @header: of the cluster's own disk
 *
 * The header has no principal: what this host was granted as is known to this host alone.
 *
 * Return: whether it does: the caller must have the cluster saved.
 */
bool grant_from_header(struct cluster *cluster, const struct volume_header *header)
{
	struct grant grant = { 0 };

	memcpy(cluster->kms_on_disk.kms, header->kms, sizeof(cluster->kms_on_disk.kms));
	if (!rules_header_kms(&cluster->grant, header, cluster->agent->host.host))
		return false;
	memcpy(grant.kms, header->kms, sizeof(grant.kms));
	log_info("Cluster %s: by the header of its volume, its key was last given by %s.",
		 cluster->id, grant.kms);
	cluster->grant = grant;
	return true;
}

/**
 * grant_record() - the KMS has given the cluster's key, and the key fits the header
 * @grant: of that answer
 *
 * Writes the catalog only after a change. If the catalog does not take it, the next grant is
 * written.
 */
void grant_record(struct cluster *cluster, const struct grant *grant)
{
	struct fault f;

	if (!strcmp(grant->kms, cluster->grant.kms) &&
	    !strcmp(grant->principal, cluster->grant.principal))
		return;
	if (grants_record(cluster->agent->catalog, cluster->volume_id, grant, &f) < 0)
		log_error("Cluster %s: %s", cluster->id, f.message);
	else
		cluster->grant = *grant;
}

/**
 * grant_note() - the KMS says that it would give the cluster's key
 * @worker: of the call, in its callback
 * @why: set when that does not count
 *
 * A KMS can say so without the key. So the answer of another KMS than the known one is not noted: it
 * must give the key first. If the known one proves its identity, the answer does not count at all, and
 * the endpoints before that of the answer are asked again. So it is with an older copy of the known one.
 *
 * Return: does it count?
 */
bool grant_note(struct cluster *cluster, const struct kms_worker *worker, struct fault *why)
{
	struct grant grant = grant_answer(cluster, worker);

	if (rules_grant(&cluster->grant, &grant, why) || grant_is_older(cluster, worker, why)) {
		kms_call_from_first(cluster);
		return false;
	}
	if (!cluster->grant.kms[0] || rules_same_kms(cluster->grant.kms, grant.kms))
		grant_record(cluster, &grant);
	return true;
}

/**
 * grant_judge() - is a refusal a verdict about the cluster's key?
 * @worker: of the call, in its callback
 * @f: the KMS's fault
 * @why: the reason of the cluster's status when it is no verdict
 */
bool grant_judge(const struct cluster *cluster, const struct kms_worker *worker,
		 const struct fault *f, struct fault *why)
{
	struct grant now = grant_answer(cluster, worker);

	return rules_denial(&cluster->grant, &now, f, why) == 0 &&
	       !grant_is_older(cluster, worker, why);
}
