// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: the search for a struct key, by a thread that may wait for userspace.
 *
 * A request of the keys core sleeps until /sbin/request-key has ended, or until another thread
 * has constructed the key, and no signal ends that sleep. So a work item makes the request, with
 * the credentials of the caller, and so with the keyrings of the caller. The caller waits for the
 * work item until it is killed, or for a limited time. A request that nobody waits for any more
 * ends when its program ends, and keeps the module until then.
 *
 * Must never make the caller sleep where a signal cannot end the sleep.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/key.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "envelope.h"

/* Callout text for /sbin/request-key, which may log it. */
#define CALLOUT_INFO "dm-envelope"

/* envelope-request-key waits for the agent for half of this. */
#define LIMIT (60 * HZ)

static struct workqueue_struct *upcall_wq;
static unsigned long limit = LIMIT;

/**
 * struct upcall - one request
 * @kref: one of the caller, one of @work
 * @work: makes the request
 * @cred: of the caller; counted
 * @done: completed when @key is set
 * @key: a reference, or an ERR_PTR; NULL before the answer, and when the caller has taken it
 * @description: of the key
 */
struct upcall {
	struct kref kref;
	struct work_struct work;
	const struct cred *cred;
	struct completion done;
	struct key *key;
	char description[];
};

static void upcall_release(struct kref *kref)
{
	struct upcall *upcall = container_of(kref, struct upcall, kref);

	if (!IS_ERR_OR_NULL(upcall->key))
		key_put(upcall->key);
	put_cred(upcall->cred);
	kfree(upcall);
}

/*
 * First search the keyrings of the process. Then ask userspace through /sbin/request-key. Then
 * search again: the agent puts the key into its own keyring and abandons the key under
 * construction.
 */
static struct key *find_or_request(const char *description)
{
	struct key *asked, *found;

	found = request_key(&envelope_key_type, description, NULL);
	if (PTR_ERR_OR_ZERO(found) != -ENOKEY)
		return found;

	asked = request_key(&envelope_key_type, description, CALLOUT_INFO);
	if (!IS_ERR(asked))
		return asked;

	found = request_key(&envelope_key_type, description, NULL);
	return IS_ERR(found) ? asked : found;
}

static void upcall_work(struct work_struct *work)
{
	struct upcall *upcall = container_of(work, struct upcall, work);
	const struct cred *own = override_creds(upcall->cred);

	upcall->key = find_or_request(upcall->description);
	revert_creds(own);
	complete(&upcall->done);
	kref_put(&upcall->kref, upcall_release);
	/* envelope_upcall_exit() waits until this function has returned. */
	module_put(THIS_MODULE);
}

static struct upcall *upcall_begin(const char *description)
{
	size_t size = strlen(description) + 1;
	struct upcall *upcall = kzalloc(struct_size(upcall, description, size), GFP_KERNEL);

	if (!upcall)
		return NULL;
	memcpy(upcall->description, description, size);
	kref_init(&upcall->kref);
	kref_get(&upcall->kref);
	init_completion(&upcall->done);
	upcall->cred = get_current_cred();
	INIT_WORK(&upcall->work, upcall_work);
	__module_get(THIS_MODULE);
	queue_work(upcall_wq, &upcall->work);
	return upcall;
}

/**
 * envelope_upcall() - find a key in the caller's keyrings, or have userspace bring it
 * @description: of the key
 *
 * Context: sleeps until the answer comes, the caller is killed, or the limit has passed; no locks.
 * The caller has a reference on the module.
 * Return: a reference to the key, or an ERR_PTR: -EINTR, -ETIMEDOUT, -ENOMEM, or as request_key().
 */
struct key *envelope_upcall(const char *description)
{
	struct upcall *upcall = upcall_begin(description);
	struct key *key;
	long left;

	if (!upcall)
		return ERR_PTR(-ENOMEM);
	left = wait_for_completion_killable_timeout(&upcall->done, READ_ONCE(limit));
	if (left > 0) {
		key = upcall->key;
		upcall->key = NULL;
	} else {
		key = ERR_PTR(left ? -EINTR : -ETIMEDOUT);
	}
	kref_put(&upcall->kref, upcall_release);
	return key;
}

/**
 * envelope_upcall_set_limit() - bound the time that a caller waits
 * @jiffies: the bound
 *
 * Return: the previous bound.
 */
unsigned long envelope_upcall_set_limit(unsigned long jiffies)
{
	return xchg(&limit, jiffies);
}

/**
 * envelope_upcall_init() - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int envelope_upcall_init(void)
{
	upcall_wq = alloc_workqueue("envelope_upcall", WQ_UNBOUND, 0);
	return upcall_wq ? 0 : -ENOMEM;
}

/**
 * envelope_upcall_exit() - when the module is unloaded, and no request is under way
 *
 * Context: sleeps until the last work item has returned.
 */
void envelope_upcall_exit(void)
{
	destroy_workqueue(upcall_wq);
}
