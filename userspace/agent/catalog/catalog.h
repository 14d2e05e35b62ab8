/* SPDX-License-Identifier: MIT */
/*
 * The catalog of clusters, of the jobs on them (jobs.h) and of the grants of their keys (grants.h):
 * one sqlite file. Clusters can be made
 * again from the volume headers.
 */
#ifndef ENVELOPE_CATALOG_H
#define ENVELOPE_CATALOG_H

#include <stdbool.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

struct catalog;

/** typedef catalog_each_t - gets every cluster, freshly allocated, to own it */
typedef void (*catalog_each_t)(struct cluster *cluster, void *userdata);

void catalog_follow(struct catalog *catalog);
struct sqlite3 *catalog_db(struct catalog *catalog);
int catalog_open(const char *path, struct catalog **ret, struct fault *f);
int catalog_load(struct catalog *catalog, catalog_each_t each, void *userdata, struct fault *f);
int catalog_store(struct catalog *catalog, const struct cluster *cluster, struct fault *f);
int catalog_begin(struct catalog *catalog, struct fault *f);
int catalog_end(struct catalog *catalog, bool keep, struct fault *f);
void catalog_erase_log(struct catalog *catalog);
int catalog_delete(struct catalog *catalog, const char *volume_id, struct fault *f);
int catalog_failed(struct catalog *catalog, const char *what, const char *object, struct fault *f);
const struct fault *catalog_trouble(const struct catalog *catalog);
const struct fault *catalog_repaired(const struct catalog *catalog);
void catalog_on_trouble(struct catalog *catalog, void (*on_trouble)(void *userdata),
			void *userdata);
bool catalog_reopen(struct catalog *catalog);
bool catalog_settled(struct catalog *catalog);
void catalog_close(struct catalog *catalog);

#endif
