/* SPDX-License-Identifier: MIT */
/*
 * A catalog in a folder of its own, for tests. catalog_fixture_load() fills the list of loaded
 * clusters; catalog_fixture_make() makes a cluster that is not in the catalog yet.
 */
#ifndef ENVELOPE_CATALOG_FIXTURE_H
#define ENVELOPE_CATALOG_FIXTURE_H

#include "agent/catalog/catalog.h"

struct catalog_fixture {
	char directory[64];
	char path[128];
	struct catalog *catalog;
	struct cluster *loaded[8];
	size_t count;
};

int catalog_set_up(void **state);
int catalog_tear_down(void **state);
#define WITH_CATALOG(test) cmocka_unit_test_setup_teardown(test, catalog_set_up, catalog_tear_down)

void catalog_fixture_forget(struct catalog_fixture *x);
void catalog_fixture_reopen(struct catalog_fixture *x);
void catalog_fixture_load(struct catalog_fixture *x);
struct cluster *catalog_fixture_make(const char *id);
void catalog_fixture_store(struct catalog_fixture *x, const struct cluster *c);
void catalog_fixture_damage_index(struct catalog_fixture *x, const char *text);

#endif
