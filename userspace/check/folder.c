// SPDX-License-Identifier: MIT
/* The folders of the catalog and of the audit trail: room, and whether the agent can write there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "check/ask_agent.h"
#include "check/check.h"
#include "lib/base/config.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

#define MIB	  1048576
#define LEAST	  MIB	     /* the catalog and its journal */
#define ENOUGH	  (64 * MIB) /* some weeks of the audit trail */
#define MAKE_ROOM "Free space for it: df -h, df -i"

/* Cuts the last part of a path; "/" stays. */
static void parent_of(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash)
		slash[slash == path] = 0;
}

static void judge_room(const struct statvfs *fs, struct finding *finding)
{
	uint64_t room = (uint64_t)fs->f_bavail * fs->f_frsize;

	finding_add(finding, "There is room for %" PRIu64 " MiB.", room / MIB);
	if (fs->f_files && !fs->f_favail) {
		finding_add(finding, "There is no inode for another file.");
		finding_worse(finding, CHECK_FAILED, MAKE_ROOM);
	}
	if (room < LEAST)
		finding_worse(finding, CHECK_FAILED, MAKE_ROOM);
	else if (room < ENOUGH)
		finding_worse(finding, CHECK_WARNING, MAKE_ROOM);
}

/* access(2) also sees a file system that is mounted read-only, and an immutable folder or file. */
static void judge_right(const char *path, struct finding *finding)
{
	if (access(path, W_OK) == 0)
		return;
	finding_add(finding, "%s cannot be written to: %s.", path, strerror(errno));
	finding_worse(finding, CHECK_FAILED,
		      "Make it writable for root: see findmnt -T %.200s and lsattr -d %.200s.",
		      path, path);
}

/* The agent makes its folders when it starts, and not later. */
static void judge_missing(const struct settings *settings, const char *folder,
			  struct finding *finding)
{
	_cleanup_json_ struct json_object *status = NULL;
	struct settings half = *settings;
	struct fault f = { 0 };

	half.timeout_s = (settings->timeout_s + 1) / 2;
	if (ask_agent(&half, AGENT_INTERFACE "Status", &status, &f) < 0) {
		finding_set(finding, CHECK_OK, NULL,
			    "%s does not exist: the agent makes it when it starts.", folder);
		return;
	}
	finding_set(finding, CHECK_FAILED,
		    "Restart the agent, which keeps running volumes: systemctl restart enveloped",
		    "%s does not exist, and the agent runs: it makes no folder before its next start. Until then no cluster can be created or started.",
		    folder);
}

static void no_memory(struct finding *finding)
{
	finding_set(finding, CHECK_FAILED, "Free memory, then check again.", "Out of memory.");
}

static void judge_folder(const struct settings *settings, const char *folder, const char *file,
			 struct finding *finding)
{
	_cleanup_text_ char *path = strdup(folder);
	struct statvfs fs;

	if (!path)
		return no_memory(finding);
	finding_set(finding, CHECK_OK, NULL, "%s.", folder);
	if (statvfs(path, &fs) && errno == ENOENT) {
		judge_missing(settings, folder, finding);
		while (strlen(path) > 1 && statvfs(path, &fs) && errno == ENOENT)
			parent_of(path);
	}
	if (statvfs(path, &fs)) {
		int error = errno;

		finding_set(finding, error == EACCES ? CHECK_SKIPPED : CHECK_FAILED,
			    error == EACCES ? AS_ROOT : "Check the path and its file system.",
			    "%s cannot be looked at: %s.", path, strerror(error));
		return;
	}
	judge_room(&fs, finding);
	if (geteuid() != 0) {
		finding_only_root(finding, "Only root sees whether the agent can write there.");
		return;
	}
	judge_right(path, finding);
	if (file && access(file, F_OK) == 0)
		judge_right(file, finding);
}

static int load(const struct settings *settings, struct config *cfg, struct finding *finding)
{
	struct fault f = { 0 };

	if (config_load(settings->config, cfg, &f) == 0)
		return 0;
	finding_set(finding, CHECK_FAILED, "Correct the configuration first.",
		    "The folder is not known: the configuration is not valid.");
	return -1;
}

void check_state(const struct settings *settings, struct finding *finding)
{
	_cleanup_config_ struct config cfg = { 0 };
	_cleanup_text_ char *catalog = NULL;

	if (load(settings, &cfg, finding) < 0)
		return;
	catalog = text_format("%s/catalog.sqlite", cfg.state_directory);
	if (!catalog)
		return no_memory(finding);
	judge_folder(settings, cfg.state_directory, catalog, finding);
}

void check_log(const struct settings *settings, struct finding *finding)
{
	_cleanup_config_ struct config cfg = { 0 };
	_cleanup_text_ char *folder = NULL;

	if (load(settings, &cfg, finding) < 0)
		return;
	folder = strdup(cfg.audit_file);
	if (!folder)
		return no_memory(finding);
	parent_of(folder);
	judge_folder(settings, folder, cfg.audit_file, finding);
}
