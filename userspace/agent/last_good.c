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
	text = config_text(config);
	if (!text)
		log_error("Out of memory.");
	else if (replace(path, text, &f) < 0)
		log_warning("The configuration is not kept for a restart with a fault in it: %s",
			    f.message);
}
