// SPDX-License-Identifier: MIT
/*
 * The cluster of a disk that names no cluster itself. See disk_cluster.h.
 *
 * Must never take a lock on the catalog nor make its log: the file is the agent's.
 */
#include "check/disk_cluster.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "check/ask_agent.h"
#include "lib/base/config.h"
#include "lib/base/json.h"
#include "lib/base/text.h"

static bool is_it(const char *path, dev_t number)
{
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == number;
}

static int find_in_list(struct json_object *clusters, dev_t number, char *id, size_t size)
{
	for (size_t i = 0; i < (clusters ? json_object_array_length(clusters) : 0); i++) {
		struct json_object *cluster = json_object_array_get_idx(clusters, i);

		const char *found = json_get_string(cluster, "FoundDevice");

		if (!is_it(found ? found : json_get_string(cluster, "Device"), number))
			continue;
		json_copy_string(cluster, "DBClusterIdentifier", id, size);
		return 1;
	}
	return 0;
}

static int find_in_rows(sqlite3 *db, dev_t number, char *id, size_t size)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(db, "SELECT id, device FROM cluster", -1, &statement, NULL);
	bool found = false;

	while (r == SQLITE_OK || r == SQLITE_ROW) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW ||
		    !is_it((const char *)sqlite3_column_text(statement, 1), number))
			continue;
		snprintf(id, size, "%s", (const char *)sqlite3_column_text(statement, 0));
		found = true;
		break;
	}
	sqlite3_finalize(statement);
	return found ? 1 : r == SQLITE_DONE ? 0 : -1;
}

/* A log that is not empty has changes that a reader without a lock does not see. */
static bool has_log(const char *path)
{
	_cleanup_text_ char *log = text_format("%s-wal", path);
	struct stat st;

	return !log || (stat(log, &st) == 0 && st.st_size);
}

static int find_in_catalog(const struct settings *settings, dev_t number, char *id, size_t size)
{
	_cleanup_config_ struct config cfg = { 0 };
	_cleanup_text_ char *path = NULL, *uri = NULL;
	struct fault f = { 0 };
	sqlite3 *db = NULL;
	struct stat st;
	int r = -1;

	if (config_load(settings->config, &cfg, &f) < 0)
		return -1;
	path = text_format("%s/catalog.sqlite", cfg.state_directory);
	uri = text_format("file:%s/catalog.sqlite?immutable=1", cfg.state_directory);
	if (!path || !uri)
		return -1;
	if (stat(path, &st) < 0)
		return errno == ENOENT ? 0 : -1;
	/* In a URI these bytes would be no part of the name. */
	if (!strpbrk(path, "%?#") &&
	    sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK)
		r = find_in_rows(db, number, id, size);
	sqlite3_close(db);
	return r == 0 && has_log(path) ? -1 : r;
}

/**
 * disk_cluster() - the cluster whose device has this number
 * @id: of the cluster, when it is found
 *
 * Return: 1, 0 if no cluster has the disk, or -1 if that is not known.
 */
int disk_cluster(const struct settings *settings, dev_t number, char *id, size_t size)
{
	_cleanup_json_ struct json_object *reply = NULL;
	struct settings half = *settings;
	struct fault f = { 0 };

	/* An agent that hangs leaves time for the catalog. */
	half.timeout_s = (settings->timeout_s + 1) / 2;
	if (ask_agent(&half, AGENT_INTERFACE "DescribeClusters", &reply, &f) == 0)
		return find_in_list(json_get_array(reply, "clusters"), number, id, size);
	return find_in_catalog(settings, number, id, size);
}
