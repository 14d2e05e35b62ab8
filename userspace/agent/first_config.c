// SPDX-License-Identifier: MIT
/* See first_config.h. */
#include "agent/first_config.h"

#include <string.h>
#include <unistd.h>

#include "agent/config_look.h"
#include "agent/last_good.h"
#include "agent/work/state.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define LOOK_AGAIN_US (2 * 1000000ULL)

/*
 * Reads a configuration, without its files or with them.
 * @late: the fault of a file that does not answer
 *
 * Return: false if one does not; @ret is empty then, as it is without memory.
 */
static bool read_within(const char *path, bool files, struct config *ret, struct faults *all,
			struct fault *late)
{
	struct config_look *look = config_look_new(path, NULL);
	bool answered;

	*ret = (struct config){ 0 };
	if (!look) {
		fault_set(late, "InternalFailure", "Out of memory.");
		return false;
	}
	look->files = files;
	answered = config_look_now(look, late);
	if (!answered)
		return false;
	config_look_report(look, all);
	*ret = look->config;
	look->config = (struct config){ 0 };
	config_look_free(look);
	return true;
}

/* Would the configuration do for the clusters with a way to their KMS of their own? */
static bool fits(const struct agent *agent, const struct config *config, struct faults *all)
{
	struct config copy;
	struct config_look *look = NULL;
	struct fault late;
	bool answered;

	if (config_copy(config, &copy) == 0)
		look = config_look_new(NULL, &copy);
	if (!look || config_look_at_clusters(look, agent) < 0) {
		fault_set(&late, "InternalFailure", "Out of memory.");
		faults_add(all, &late);
		config_look_free(look);
		return false;
	}
	look->files = false;
	answered = config_look_now(look, &late);
	if (answered)
		config_look_report(look, all);
	else
		faults_add(all, &late);
	if (answered)
		config_look_free(look);
	return !all->count;
}

static int give_back(struct config *config)
{
	config_free(config);
	return -1;
}

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
	struct fault late;

	if (!path || access(path, R_OK))
		return -1;
	return read_within(path, files, ret, &all, &late) && !all.count ? 0 : give_back(ret);
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

/* The defaults, and no calls: the file may say which KMS is meant. */
static void use_no_file(const char *path, struct config *ret)
{
	struct faults quiet = { .each = faults_quiet };

	config_load_all("/dev/null", ret, &quiet);
	if (ret->file && path)
		text_set(&ret->file, path);
}

/*
 * Reads the file, and looks at those that it names. One that does not answer is a fault, as a
 * missing one is; if it is the file itself, nothing is known of what it says.
 *
 * Return: 0 or -1.
 */
static int read_file(const char *path, struct config *ret, struct faults *all)
{
	struct fault late, ignored;

	if (read_within(path, true, ret, all, &late))
		return all->count ? -1 : 0;
	faults_add(all, &late);
	if (!read_within(path, false, ret, all, &ignored))
		use_no_file(path, ret);
	return -1;
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
	int r = read_file(agent->config_path, &next, &all);

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
	bool fit;

	if (load_good(true, &good) < 0)
		return false;
	fit = fits(agent, &good, &all);
	config_free(&good);
	return fit;
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

	if (fits(agent, &present, &all) || agent->refused.code[0])
		return 0;
	faults_sum_up(&all, f);
	if (good_fits(agent))
		return -1;
	use_faulty(agent, &present, f);
	return 0;
}

static void watch(struct agent *agent);

static void on_looked(struct config_look *look)
{
	struct agent *agent = look->agent;
	bool found = look->count;

	config_look_free(look);
	if (!agent->faulty)
		return;
	if (found) {
		watch(agent);
		return;
	}
	log_info("The configuration has no fault any more.");
	agent->faulty = false;
	agent->refused = (struct fault){ 0 };
	last_good_keep(&agent->config);
	state_announce(agent);
}

static void on_late(struct config_look *look, const struct fault *f, bool begun)
{
	log_warning("%s", f->message);
	if (begun)
		return;
	watch(look->agent);
	config_look_free(look);
}

/* The files of a configuration that is in force with a fault may be in order by now. */
static int on_look(sd_event_source *source, uint64_t now, void *userdata)
{
	static const struct config_look_end end = { .done = on_looked, .late = on_late };
	struct agent *agent = userdata;
	struct config_look *look = NULL;
	struct config copy;

	if (!agent->faulty)
		return 0;
	if (config_copy(&agent->config, &copy) == 0)
		look = config_look_new(NULL, &copy);
	if (look && config_look_at_clusters(look, agent) == 0) {
		config_look_begin(look, agent, &end);
		return 0;
	}
	config_look_free(look);
	watch(agent);
	return 0;
}

static void watch(struct agent *agent)
{
	agent->config_timer = sd_event_source_disable_unref(agent->config_timer);
	if (sd_event_add_time_relative(agent->event, &agent->config_timer, CLOCK_BOOTTIME,
				       LOOK_AGAIN_US, 0, on_look, agent) < 0)
		log_error("Cannot wait for the files of the configuration.");
}

/** first_config_watch() - notice when the files of the configuration in force come to be in order */
void first_config_watch(struct agent *agent)
{
	if (agent->faulty && !agent->config.makeshift)
		watch(agent);
}
