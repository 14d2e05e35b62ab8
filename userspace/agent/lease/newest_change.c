// SPDX-License-Identifier: MIT
/*
 * A copy of a key store proves the same identity as the store, so only the number of its last change
 * tells an older copy from the present store. See newest_change.h.
 *
 * Must never forget a number while the agent runs: the catalog may be away.
 */
#include "agent/lease/newest_change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/catalog/kms_changes.h"
#include "agent/rules/rules.h"
#include "lib/base/log.h"

struct kms_change {
	struct kms_change *next;
	char kms[VOLUME_KMS_MAX];
	int64_t newest;
	int64_t written; /* in the catalog */
};

/* The KMS's entry, read from the catalog at the first time; NULL without memory. */
static struct kms_change *entry(struct agent *agent, const char *kms)
{
	struct kms_change *c = agent->kms_changes;
	struct fault f;

	while (c && strcmp(c->kms, kms))
		c = c->next;
	if (c)
		return c;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	strncpy(c->kms, kms, sizeof(c->kms) - 1);
	if (kms_changes_find(agent->catalog, kms, &c->newest, &f) < 0)
		log_error("%s", f.message);
	c->written = c->newest;
	c->next = agent->kms_changes;
	agent->kms_changes = c;
	return c;
}

/** newest_change() - the newest change of @kms that this host has seen; 0 for none */
int64_t newest_change(struct agent *agent, const char *kms)
{
	const struct kms_change *c = NULL;

	if (!strncmp(kms, RULES_PROVED_KMS, strlen(RULES_PROVED_KMS)))
		c = entry(agent, kms);
	return c ? c->newest : 0;
}

/**
 * newest_change_note() - an answer of @kms has proved the number of its last change
 * @kms: one that gave a key: the entries of all others would have no end
 * @change: 0 for a KMS that proves none
 *
 * Writes the catalog only after a rise. If the catalog does not take it, the next answer is written.
 */
void newest_change_note(struct agent *agent, const char *kms, int64_t change)
{
	struct kms_change *c = change ? entry(agent, kms) : NULL;
	bool rises = c && change > c->newest;
	struct fault f;

	if (rises)
		c->newest = change;
	if (!c || c->written == c->newest)
		return;
	if (kms_changes_record(agent->catalog, kms, c->newest, &f) == 0)
		c->written = c->newest;
	else if (rises)
		log_error("%s", f.message);
}

static void know(const char *kms, int64_t change, void *agent)
{
	entry(agent, kms);
}

/**
 * newest_change_copy() - what this host has seen of all KMSs by now
 * @ret: for newest_change_free(); NULL for nothing
 *
 * For a question whose KMS is not known before the answer: that of a creation.
 *
 * Return: 0 or -ENOMEM.
 */
int newest_change_copy(struct agent *agent, struct kms_change **ret)
{
	struct fault f;

	*ret = NULL;
	if (kms_changes_each(agent->catalog, know, agent, &f) < 0)
		log_error("%s", f.message);
	for (const struct kms_change *c = agent->kms_changes; c; c = c->next) {
		struct kms_change *copy = malloc(sizeof(*copy));

		if (!copy) {
			newest_change_free(*ret);
			*ret = NULL;
			return -ENOMEM;
		}
		*copy = *c;
		copy->next = *ret;
		*ret = copy;
	}
	return 0;
}

/** newest_change_in() - the newest change of @kms that @copy knows; 0 for none */
int64_t newest_change_in(const struct kms_change *copy, const char *kms)
{
	while (copy && strcmp(copy->kms, kms))
		copy = copy->next;
	return copy ? copy->newest : 0;
}

/** newest_change_free() - of newest_change_copy() */
void newest_change_free(struct kms_change *copy)
{
	while (copy) {
		struct kms_change *next = copy->next;

		free(copy);
		copy = next;
	}
}

/** newest_change_forget() - the agent ends */
void newest_change_forget(struct agent *agent)
{
	newest_change_free(agent->kms_changes);
	agent->kms_changes = NULL;
}
