// SPDX-License-Identifier: MIT
/*
 * --check-config: the words of the configuration, the files that it names, the clusters' own profiles
 * and endpoints, and a call to each KMS. The call is about a key that does not exist, so it needs no
 * permission of the principal.
 */
#include "agent/check_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/reach_list.h"
#include "agent/config_look.h"
#include "agent/first_config.h"
#include "lib/base/endpoint.h"
#include "lib/base/log.h"
#include "lib/kms/kms_describe.h"

#define SECONDS_MAX 30 /* of all endpoints together */

/**
 * struct way - to a KMS
 * @cluster: whose own profile or endpoint it has; NULL for the configuration's
 */
struct way {
	const char *cluster;
	struct config config;
};

/* "The KMS at ADDRESS", and whose it is. */
static void name_kms(const struct way *way, const char *address, char name[1400])
{
	snprintf(name, 1400, "The KMS at %s%s%s", address, way->cluster ? " of cluster " : "",
		 way->cluster ? way->cluster : "");
}

/*
 * Asks at one endpoint, and says what was found.
 * @f: the fault, if the KMS did not answer the call of a caller that it knows
 *
 * Return: was the KMS silent?
 */
static bool ask(const struct way *way, const struct config *one, struct fault *f)
{
	struct kms_description answer;
	char name[1400];

	name_kms(way, one->kms_endpoint, name);
	kms_describe(one, KMS_NO_KEY, &answer);
	if (answer.outcome == KMS_OK || answer.outcome == KMS_DENIED) {
		printf("%s answers and knows the credentials.\n", name);
		return false;
	}
	*f = answer.f;
	log_error("%s: %s: %s", name, f->code, f->message);
	return kms_is_silent(answer.outcome, f->code);
}

/* One endpoint must answer, and none may refuse the caller. Return: the exit status. */
static int ask_all(const struct way *way, unsigned int seconds)
{
	const struct config *cfg = &way->config;
	size_t silent = 0, count = endpoint_count(cfg->kms_endpoint);
	unsigned int share = seconds / (unsigned int)count;
	struct config one = *cfg;

	if (one.kms_timeout_seconds > share)
		one.kms_timeout_seconds = share ? share : 1;
	for (size_t i = 0; (one.kms_endpoint = endpoint_at(cfg->kms_endpoint, i)); i++) {
		struct fault f = { 0 };
		bool quiet = ask(way, &one, &f);

		free(one.kms_endpoint);
		if (f.code[0] && !quiet)
			return 1;
		silent += quiet;
	}
	if (silent < count)
		return 0;
	if (way->cluster)
		log_error("No KMS of cluster %s answers the agent.", way->cluster);
	return 1;
}

/* Was the KMS asked already, for the same principal? */
static bool seen_before(const struct reach_list *list, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!strcmp(list->entries[i].reach.endpoint, list->entries[at].reach.endpoint) &&
		    !strcmp(list->entries[i].reach.profile, list->entries[at].reach.profile))
			return true;
	return false;
}

/* Return: the exit status. */
static int call_each(const struct config *config, const struct reach_list *list)
{
	unsigned int ways = 1, seconds;
	struct way way = { .config = *config };
	int status;

	for (size_t i = 0; i < list->count; i++)
		ways += !seen_before(list, i);
	seconds = SECONDS_MAX / ways;
	status = ask_all(&way, seconds);
	if (status)
		log_error(
			"The configuration leads to no KMS that answers the agent. --no-call checks it without a call.");
	for (size_t i = 0; i < list->count; i++) {
		if (seen_before(list, i))
			continue;
		way.cluster = list->entries[i].cluster;
		way.config = reach_config(config, &list->entries[i].reach);
		status |= ask_all(&way, seconds);
	}
	return status;
}

/* A catalog that cannot be read is no fault of the configuration. */
static void read_reaches(const struct config *config, struct reach_list *list)
{
	struct fault f;

	if (reach_list_read(config->state_directory, list, &f) < 0)
		log_warning("The clusters' own profiles and endpoints are not checked: %s",
			    f.message);
}

/* @all: gets the fault of a file that does not answer. Return: false if there is one. */
static bool look_now(struct config_look *look, struct faults *all)
{
	struct fault f;

	if (look && config_look_now(look, &f)) {
		config_look_report(look, all);
		return true;
	}
	if (!look)
		fault_set(&f, "InternalFailure", "Out of memory.");
	faults_add(all, &f);
	return false;
}

/* The file, and those that it names. @config: empty if one does not answer */
static void look_at_files(const char *path, struct config *config, struct faults *all)
{
	struct config_look *one = config_look_new(path, NULL);

	if (!look_now(one, all))
		return;
	*config = one->config;
	one->config = (struct config){ 0 };
	config_look_free(one);
}

/* @list: taken over for the look, and given back */
static void look_at_clusters(const struct config *config, struct reach_list *list,
			     struct faults *all)
{
	struct config copy;
	struct config_look *one = config_copy(config, &copy) == 0 ? config_look_new(NULL, &copy)
								  : NULL;

	if (one) {
		one->files = false;
		one->clusters = *list;
		*list = (struct reach_list){ 0 };
	}
	if (!look_now(one, all))
		return;
	*list = one->clusters;
	one->clusters = (struct reach_list){ 0 };
	config_look_free(one);
}

static void look(const char *path, struct config *config, struct reach_list *list,
		 struct faults *all)
{
	struct fault f;

	look_at_files(path, config, all);
	if (!config->file)
		return;
	if (first_config_check(config, &f) < 0)
		faults_add(all, &f);
	read_reaches(config, list);
	if (list->count)
		look_at_clusters(config, list, all);
}

/**
 * check_config() - check the configuration, and say all that is wrong
 * @path: as for config_load()
 * @call: call the KMS, too
 *
 * Return: the exit status.
 */
int check_config(const char *path, bool call)
{
	_cleanup_config_ struct config config = { 0 };
	_cleanup_reach_list_ struct reach_list list = { 0 };
	struct faults all = { 0 };
	int status;

	/* A shell does not have the folder of the unit. */
	setenv("STATE_DIRECTORY", CONFIG_STATE_DIRECTORY, false);
	look(path, &config, &list, &all);
	if (all.count)
		return fault_exit_code(all.first.code);
	puts("The configuration is valid.");
	status = call ? call_each(&config, &list) : 0;
	return fflush(stdout) ? 1 : status;
}
