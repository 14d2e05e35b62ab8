// SPDX-License-Identifier: MIT
/* A catalog in a folder of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalog_fixture.h"

int catalog_set_up(void **state)
{
	struct catalog_fixture *x = calloc(1, sizeof(*x));
	struct fault f;

	strcpy(x->directory, "/tmp/catalog-test-XXXXXX");
	assert_non_null(mkdtemp(x->directory));
	snprintf(x->path, sizeof(x->path), "%s/catalog.sqlite", x->directory);
	if (catalog_open(x->path, &x->catalog, &f) < 0)
		fail_msg("%s", f.message);
	*state = x;
	return 0;
}

void catalog_fixture_forget(struct catalog_fixture *x)
{
	for (size_t i = 0; i < x->count; i++)
		cluster_free(x->loaded[i]);
	x->count = 0;
}

int catalog_tear_down(void **state)
{
	struct catalog_fixture *x = *state;
	char pattern[160];
	glob_t files;

	catalog_fixture_forget(x);
	catalog_close(x->catalog);
	snprintf(pattern, sizeof(pattern), "%s/*", x->directory);
	if (glob(pattern, 0, NULL, &files) == 0) {
		for (size_t i = 0; i < files.gl_pathc; i++)
			unlink(files.gl_pathv[i]);
		globfree(&files);
	}
	assert_int_equal(rmdir(x->directory), 0);
	free(x);
	return 0;
}

static void collect(struct cluster *cluster, void *userdata)
{
	struct catalog_fixture *x = userdata;

	assert_true(x->count < 8);
	x->loaded[x->count++] = cluster;
}

void catalog_fixture_reopen(struct catalog_fixture *x)
{
	struct fault f;

	catalog_close(x->catalog);
	x->catalog = NULL;
	if (catalog_open(x->path, &x->catalog, &f) < 0)
		fail_msg("%s", f.message);
}

void catalog_fixture_load(struct catalog_fixture *x)
{
	struct fault f;

	catalog_fixture_forget(x);
	if (catalog_load(x->catalog, collect, x, &f) < 0)
		fail_msg("%s", f.message);
}

struct cluster *catalog_fixture_make(const char *id)
{
	struct cluster *c = calloc(1, sizeof(*c));

	cluster_make_ids(c);
	snprintf(c->id, sizeof(c->id), "%s", id);
	c->device = strdup("/dev/vdb");
	strcpy(c->key_arn, "arn:aws:kms:us-east-1:123456789012:key/x");
	strcpy(c->region, "us-east-1");
	strcpy(c->account, "123456789012");
	c->status = CLUSTER_AVAILABLE;
	c->created = 1700000000;
	return c;
}

void catalog_fixture_store(struct catalog_fixture *x, const struct cluster *c)
{
	struct fault f;

	if (catalog_store(x->catalog, c, &f) < 0)
		fail_msg("%s", f.message);
}

/*
 * Changes one byte of a text in a page of an index, which is its second copy in the file. The catalog is
 * closed then.
 */
void catalog_fixture_damage_index(struct catalog_fixture *x, const char *text)
{
	static char bytes[1 << 18];
	char *first, *second;
	size_t size;
	FILE *file;

	catalog_close(x->catalog);
	x->catalog = NULL;
	file = fopen(x->path, "r+");
	assert_non_null(file);
	size = fread(bytes, 1, sizeof(bytes), file);
	first = memmem(bytes, size, text, strlen(text));
	assert_non_null(first);
	second = memmem(first + 1, size - (size_t)(first + 1 - bytes), text, strlen(text));
	assert_non_null(second);
	fseek(file, second - bytes, SEEK_SET);
	fputc('x', file);
	fclose(file);
}
