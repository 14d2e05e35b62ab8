// SPDX-License-Identifier: MIT
/*
 * One LUKS2 header in libcryptsetup's memory: opening, loading, tokens and faults. See luks.h.
 */

#include "lib/header/luks.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/header/block_device.h"
#include "lib/header/volume_header.h"

static void drop_message(int level, const char *message, void *userdata)
{
}

/*
 * Several threads read headers. libcryptsetup sets itself up at the first use and tears itself down
 * with the last crypt_device, without a lock. This function is the first use, and its crypt_device
 * stays. crypt_format() fails for the unknown type, but sets up the cryptography before.
 */
static void set_up_library(void)
{
	static struct crypt_device *kept;

	crypt_set_log_callback(NULL, drop_message, NULL);
	if (crypt_init(&kept, NULL) == 0)
		crypt_format(kept, "none", NULL, NULL, NULL, NULL, 0, NULL);
}

/* The library has one debug level for all threads. The level is on while a thread loads a header. */
static void count_loads(int change)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int loads;

	pthread_mutex_lock(&lock);
	loads += change;
	crypt_set_debug_level(loads ? CRYPT_DEBUG_ALL : CRYPT_DEBUG_NONE);
	pthread_mutex_unlock(&lock);
}

/** luks_close() - release the crypt_device, and the descriptor if it is its own */
void luks_close(struct luks *luks)
{
	crypt_free(luks->cd);
	if (luks->own)
		close(luks->fd);
}

/*
 * libcryptsetup writes only to its debug log what is wrong with metadata, in the message before
 * the one about a repair. If libcryptsetup's wording changes, the fault is a general sentence.
 */
static void keep_message(int level, const char *message, void *userdata)
{
	struct luks *luks = userdata;
	int length = strcspn(message, "\n");

	/* A fault ends the sentence itself. */
	if (length && message[length - 1] == '.')
		length--;
	if (level == CRYPT_LOG_ERROR && !luks->error[0])
		snprintf(luks->error, sizeof(luks->error), "%.*s", length, message);
	if (!strncmp(message, "Repairing JSON metadata", 23))
		strcpy(luks->flaw, luks->previous);
	snprintf(luks->previous, sizeof(luks->previous), "%.*s", length, message);
	log_debug("libcryptsetup: %.*s", length, message);
}

/**
 * luks_fault() - fill @f from libcryptsetup's error message
 * @luks: whose call failed
 * @r: its negative errno, which counts when there was no message
 * @what: what could not be done
 *
 * Return: -1.
 */
int luks_fault(const struct luks *luks, int r, const char *what, struct fault *f)
{
	const char *code = r == -EINVAL	 ? LUKS_INVALID
			   : r == -EBUSY ? "VolumeInUse"
					 : block_device_fault_code(-r);

	return fault_set(f, code, "%s %s: %s.", what, luks->device,
			 luks->error[0] ? luks->error : strerror(-r));
}

/**
 * luks_write_fault() - luks_fault() of a failed write: a write-protected device is named as such
 *
 * Return: -1.
 */
int luks_write_fault(const struct luks *luks, int r, const char *what, struct fault *f)
{
	if (block_device_write_failed(luks->device, luks->fd, -r, f))
		return -1;
	return luks_fault(luks, r, what, f);
}

/**
 * luks_open() - begin work on the header of @device, without reading it
 * @claim: descriptor of the device, borrowed; -1: the function opens @device
 *
 * Return: 0 or -1.
 */
int luks_open(struct luks *luks, const char *device, int claim, struct fault *f)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t size;
	int r;

	pthread_once(&once, set_up_library);
	*luks = (struct luks){ .device = device, .fd = claim };
	if (claim < 0)
		luks->fd = block_device_open(device, f);
	luks->own = claim < 0 && luks->fd >= 0;
	if (luks->fd < 0 || block_device_size(device, luks->fd, &size, f))
		return -1;
	block_device_path(luks->fd, luks->path);
	r = crypt_init(&luks->cd, luks->path);
	if (r)
		return fault_set(f, "InvalidParameterValue",
				 "%s cannot be opened: %s. Check the path and its permissions.",
				 device, strerror(-r));
	crypt_set_log_callback(luks->cd, keep_message, luks);
	return 0;
}

/**
 * luks_load() - read the LUKS2 header of @device into memory
 * @claim: as for luks_open()
 *
 * Return: 0, or -1 with InvalidVolumeHeader in @f when the header is missing or damaged, and with
 * BLOCK_DEVICE_ERROR when it cannot be read.
 */
int luks_load(struct luks *luks, const char *device, int claim, struct fault *f)
{
	int r;

	if (luks_open(luks, device, claim, f))
		return -1;
	count_loads(1);
	r = crypt_load(luks->cd, CRYPT_LUKS2, NULL);
	count_loads(-1);
	/* libcryptsetup calls a header that cannot be read an invalid one. */
	if (r && block_device_check_readable(device, luks->fd, VOLUME_METADATA_BYTES, f))
		return -1;
	if (r && luks->flaw[0])
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: not valid LUKS2: %s.", device,
				 luks->flaw);
	if (r == -EINVAL)
		return fault_set(f, LUKS_INVALID, "%s holds no LUKS2 header, or a damaged one.",
				 device);
	return r ? luks_fault(luks, r, "Cannot load the volume header of", f) : 0;
}

/** luks_find_token() - id of the first token of @type, or CRYPT_ANY_TOKEN: a new one */
int luks_find_token(struct luks *luks, const char *type)
{
	for (int id = 0; id < crypt_token_max(CRYPT_LUKS2); id++) {
		struct json_object _cleanup_json_ *token = NULL;
		const char *text, *found;

		if (crypt_token_json_get(luks->cd, id, &text) < 0)
			continue;
		token = json_parse(text, strlen(text));
		found = json_get_string(token, "type");
		if (found && !strcmp(found, type))
			return id;
	}
	return CRYPT_ANY_TOKEN;
}

/** luks_get_token() - the first token of @type, a new reference, or NULL */
struct json_object *luks_get_token(struct luks *luks, const char *type)
{
	int id = luks_find_token(luks, type);
	const char *text;

	if (id == CRYPT_ANY_TOKEN || crypt_token_json_get(luks->cd, id, &text) < 0)
		return NULL;
	return json_parse(text, strlen(text));
}

/** luks_new_token() - an empty token of @type, a new reference */
struct json_object *luks_new_token(const char *type)
{
	struct json_object *token = json_object_new_object();

	json_add_string(token, "type", type);
	json_add_object(token, "keyslots", json_object_new_array());
	return token;
}

static int set_token(struct luks *luks, int id, const char *json, struct fault *f)
{
	int r;

	if (block_device_check_writable(luks->device, luks->fd, f))
		return -1;
	r = crypt_token_json_set(luks->cd, id, json);
	return r < 0 ? luks_write_fault(luks, r, "Cannot write the volume header of", f) : 0;
}

/**
 * luks_put_token() - write @token
 * @id: where to, or CRYPT_ANY_TOKEN
 *
 * Return: 0 or -1.
 */
int luks_put_token(struct luks *luks, int id, struct json_object *token, struct fault *f)
{
	int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;

	return set_token(luks, id, json_object_to_json_string_ext(token, flags), f);
}

/**
 * luks_remove_token() - remove the token @id, or none when it is CRYPT_ANY_TOKEN
 *
 * Return: 0 or -1.
 */
int luks_remove_token(struct luks *luks, int id, struct fault *f)
{
	return id == CRYPT_ANY_TOKEN ? 0 : set_token(luks, id, NULL, f);
}
