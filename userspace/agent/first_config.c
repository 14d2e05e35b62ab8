// SPDX-License-Identifier: MIT
/* See first_config.h. */
#include "agent/first_config.h"

#include <string.h>
#include <unistd.h>

#include "agent/last_good.h"
#include "agent/own_reach.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/kms/config_check.h"

#define LOOK_AGAIN_US (2 * 1000000ULL)

/*
 * Loads the last good configuration.
 * @files: only if the files that it names are in order, too
 *
 * Return: 0 or -1.
 */
static int load_good(bool files, struct config *ret)
{
	_cleanup_text_ char *path = last_good_path();
	struct faults all = { .each = faults_quiet };

	if (!path || access(path, R_OK))
		return -1;
	if ((files ? config_check_load_all : config_load_all)(path, ret, &all) == 0)
		return 0;
	config_free(ret);
	return -1;
}

/* @good: taken over */
static void use_good(struct agent *agent, const struct config *good, const struct fault *why)
{
	log_error("The configuration is refused, and the last good one, %s, is used in its place: %s",
		  good->file, why->message);
	agent->config = *good;
	agent->faulty = false;
	fault_set(&agent->refused, "InvalidConfiguration",
		  "%.600s The last good configuration is in force until a reload succeeds: %.100s",
		  why->message, good->file);
}

/* @next: taken over */
static void use_faulty(struct agent *agent, const struct config *next, const struct fault *why)
{
	const char *how =
		next->no_calls
			? "No KMS is called until a reload succeeds: a line with a fault may say which one."
		: next->makeshift
			? "Defaults stand in for the lines with faults until a reload succeeds."
			: "It is in force all the same.";

	agent->config = *next;
	agent->faulty = true;
	fault_set(&agent->refused, "InvalidConfiguration",
		  "%.600s There is no last good configuration that can be used. %s", why->message,
		  how);
	log_error("The configuration has a fault: %s", agent->refused.message);
}

/**
 * first_config_check() - has the file lost the settings that the agent last served with?
 * @next: read from the file
 *
 * A host that never had a setting, and so has no last good configuration with one, keeps the defaults.
 *
 * Return: 0, or -1 with @f InvalidConfiguration.
 */
int first_config_check(const struct config *next, struct fault *f)
{
	_cleanup_text_ char *path = last_good_path();
	_cleanup_config_ struct config good = { 0 };

	if (!next->unset || !path || access(path, F_OK))
		return 0;
	if (load_good(false, &good) == 0)
		return last_good_check(&good, next, f);
	return fault_set(f, "InvalidConfiguration",
			 "%.300s sets nothing, and the last good configuration, %.300s, cannot be read, so it is not known whether the defaults are meant. Put the settings back into the file.",
			 next->file, path);
}

/**
 * first_config_load() - set the configuration in force; @agent->refused says what is wrong with the file
 * @f: only the lack of memory
 *
 * The last good configuration takes the place of a file with a fault. One whose own files are out of
 * order does so only for a file that cannot be used as it is.
 *
 * Return: 0 or -1.
 */
int first_config_load(struct agent *agent, struct fault *f)
{
	struct faults all = { 0 };
	struct config next, good;
	struct fault why;
	int r = config_check_load_all(agent->config_path, &next, &all);

	faults_sum_up(&all, &why);
	if (!next.file) {
		*f = why;
		return -1;
	}
	if (first_config_check(&next, &why) < 0) {
		next.makeshift = true;
		next.no_calls = true;
	} else if (r == 0) {
		agent->config = next;
		return 0;
	}
	if (load_good(true, &good) == 0 || (next.makeshift && load_good(false, &good) == 0)) {
		use_good(agent, &good, &why);
		config_free(&next);
	} else {
		use_faulty(agent, &next, &why);
	}
	return 0;
}

/*
 * Takes the socket's default, and that of the catalog's folder if the folder is missing: another folder
 * would have another catalog, which does not know at which KMS the clusters are asked for.
 *
 * Return: 0, or -1 if these are in force already.
 */
static int use_default_folders(struct agent *agent, const struct fault *why)
{
	struct faults all = { .each = faults_quiet };
	struct config next;
	int r;

	if (load_good(false, &next) < 0)
		config_load_all(agent->config_path, &next, &all);
	if (!next.file)
		return -1;
	r = config_take_default(&next, "AgentSocket");
	if (access(next.state_directory, F_OK)) {
		/* The other catalog does not know the clusters' own KMSs. */
		next.no_calls = true;
		r |= config_take_default(&next, "StateDirectory");
	}
	if (r <= 0) {
		config_free(&next);
		return -1;
	}
	next.makeshift = true;
	use_faulty(agent, &next, why);
	return 0;
}

/**
 * first_config_instead() - the agent cannot start with its configuration: set another one
 * @agent: without a configuration
 * @good: the last good one; else one with default folders
 * @why: InvalidConfiguration; for the log, and for @agent->refused
 *
 * Return: 0 or -1.
 */
int first_config_instead(struct agent *agent, bool good, const struct fault *why)
{
	struct config config;

	if (!good)
		return use_default_folders(agent, why);
	if (load_good(false, &config) < 0)
		return -1;
	use_good(agent, &config, why);
	return 0;
}

/* Would the last good configuration do for all clusters? */
static bool good_fits(const struct agent *agent)
{
	struct faults all = { .each = faults_quiet };
	struct config good;
	int r;

	if (load_good(true, &good) < 0)
		return false;
	r = own_reach_check_clusters(agent, &good, &all);
	config_free(&good);
	return r == 0;
}

/**
 * first_config_fits() - judge the configuration in force by the clusters, which have been loaded by now
 * @f: why the last good configuration is to be used in its place
 *
 * Return: 0 or -1.
 */
int first_config_fits(struct agent *agent, struct fault *f)
{
	struct faults all = { 0 };
	struct config present = agent->config;

	if (own_reach_check_clusters(agent, &present, &all) == 0 || agent->refused.code[0])
		return 0;
	faults_sum_up(&all, f);
	if (good_fits(agent))
		return -1;
	use_faulty(agent, &present, f);
	return 0;
}

/* The files of a configuration that is in force with a fault may be in order by now. */
static int on_look(sd_event_source *source, uint64_t now, void *userdata)
{
	struct faults all = { .each = faults_quiet };
	struct agent *agent = userdata;

	if (!agent->faulty)
		return 0;
	if (config_check_files(&agent->config, &all) < 0 ||
	    own_reach_check_clusters(agent, &agent->config, &all) < 0) {
		sd_event_source_set_time_relative(source, LOOK_AGAIN_US);
		return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	}
	log_info("The configuration has no fault any more.");
	agent->faulty = false;
	agent->refused = (struct fault){ 0 };
	last_good_keep(&agent->config);
	state_announce(agent);
	return 0;
}

/** first_config_watch() - notice when the files of the configuration in force come to be in order */
void first_config_watch(struct agent *agent)
{
	if (agent->faulty && !agent->config.makeshift &&
	    sd_event_add_time_relative(agent->event, NULL, CLOCK_BOOTTIME, LOOK_AGAIN_US, 0,
				       on_look, agent) < 0)
		log_error("Cannot wait for the files of the configuration.");
}
