// SPDX-License-Identifier: MIT
/* See last_good.h. */
#include "agent/last_good.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#define NO_SETTING "# The configuration had no setting: the defaults were in force.\n"

/**
 * last_good_path() - where the copy is: in the folder that the service manager made
 *
 * An agent that was started by hand has no such folder: it neither keeps a copy nor uses one.
 * StateDirectory= of the configuration cannot name the folder, since it may be the line with the fault.
 *
 * Return: for free(), or NULL without such a folder.
 */
char *last_good_path(void)
{
	const char *folders = getenv("STATE_DIRECTORY");

	if (!folders || *folders != '/')
		return NULL;
	return text_format("%.*s/" LAST_GOOD, (int)strcspn(folders, ":"), folders);
}

static int replace(const char *path, const char *text, struct fault *f)
{
	_cleanup_text_ char *next = text_format("%s.new", path);

	if (!next)
		return fault_set(f, "InternalFailure", "Out of memory.");
	unlink(next);
	if (file_create(next, 0600, text, strlen(text), f) < 0)
		return -1;
	if (rename(next, path) == 0 && file_sync_folder(path) == 0)
		return 0;
	return fault_set(f, "InternalFailure", "%s cannot be written: %s.", path, strerror(errno));
}

/** last_good_keep() - the agent serves with this configuration: keep it; a failure is logged */
void last_good_keep(const struct config *config)
{
	_cleanup_text_ char *path = last_good_path(), *text = NULL;
	struct fault f;

	if (!path)
		return;
	/* The defaults of a later version count, then. */
	text = config->unset ? strdup(NO_SETTING) : config_text(config);
	if (!text)
		log_error("Out of memory.");
	else if (replace(path, text, &f) < 0)
		log_warning("The configuration is not kept for a restart with a fault in it: %s",
			    f.message);
}

static bool is_same(const struct config *a, const struct config *b)
{
	_cleanup_text_ char *one = config_text(a), *other = config_text(b);

	return one && other && !strcmp(one, other);
}

/**
 * last_good_check() - has the file lost its settings?
 * @good: the last good configuration, or the one in force
 * @next: read from the file
 * @f: InvalidConfiguration, if @next has no setting and @good is not the defaults
 *
 * The defaults name a KMS, which would be asked for clusters that were made at another one.
 *
 * Return: 0 or -1.
 */
int last_good_check(const struct config *good, const struct config *next, struct fault *f)
{
	if (!next->unset || good->unset || (!good->makeshift && is_same(good, next)))
		return 0;
	return fault_set(f, "InvalidConfiguration",
			 "%.300s %s, but the agent has served with settings that are not the defaults. Put the file back. If the defaults are meant, write one of them into the file, such as Region=us-east-1.",
			 next->file, next->missing ? "is missing" : "has no setting");
}
