/* SPDX-License-Identifier: MIT */
/*
 * One LUKS2 header, held in memory by libcryptsetup.
 *
 * Must never judge a header: volume_profile.h does. Must never open the device's path twice: a link may
 * lead to another device between the check and the write.
 */
#ifndef ENVELOPE_LUKS_H
#define ENVELOPE_LUKS_H

#include <json-c/json.h>
#include <libcryptsetup.h>
#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/header/block_device.h"

#define LUKS_INVALID "InvalidVolumeHeader"

/**
 * struct luks - a crypt_device, with the messages that libcryptsetup logged about it
 * @cd: owned; released by luks_close()
 * @device: path as faults name it, borrowed
 * @fd: of the device; a path could lead to another device at the next look
 * @own: @fd is closed by luks_close()
 * @path: leads to the device of @fd alone
 * @error: the first error message
 * @flaw: what libcryptsetup found wrong with the metadata
 * @previous: the debug message before the current one
 */
struct luks {
	struct crypt_device *cd;
	const char *device;
	int fd;
	bool own;
	char path[BLOCK_DEVICE_PATH_MAX];
	char error[256];
	char flaw[256];
	char previous[256];
};

int luks_open(struct luks *luks, const char *device, int claim, struct fault *f);
int luks_load(struct luks *luks, const char *device, int claim, struct fault *f);
int luks_fault(const struct luks *luks, int r, const char *what, struct fault *f);
int luks_write_fault(const struct luks *luks, int r, const char *what, struct fault *f);
void luks_close(struct luks *luks);
#define _cleanup_luks_ __attribute__((cleanup(luks_close)))

int luks_find_token(struct luks *luks, const char *type);
struct json_object *luks_get_token(struct luks *luks, const char *type);
struct json_object *luks_new_token(const char *type);
int luks_put_token(struct luks *luks, int id, struct json_object *token, struct fault *f);
int luks_remove_token(struct luks *luks, int id, struct fault *f);

#endif
