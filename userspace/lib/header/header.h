/* SPDX-License-Identifier: MIT */
/*
 * The volume header: LUKS2, written and read through libcryptsetup. docs/format.md describes it
 * field by field.
 *
 * Nothing here may hand out a value that is not part of the copy in memory that was checked
 * against the profile and hashed: a second read of the device may return something else.
 */
#ifndef ENVELOPE_HEADER_H
#define ENVELOPE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/fault.h"
#include "lib/base/secret.h"
#include "lib/header/volume_header.h"

/**
 * header_format() - make a new volume: header without wrapped key
 * @device: block device, or regular file in tests
 * @id: who the volume belongs to
 * @key: VOLUME_KEY_SIZE bytes; only its digest is written
 * @out: filled, its hash included, on success
 * @f: VolumeInUse when something holds the device, InvalidParameterCombination when the device
 *	already holds data and @id->overwrite is false, InvalidParameterValue for a wrong identity
 *
 * Until header_set_wrapped_key() the header cannot be read back by header_read(). It tells from
 * its first byte on which volume it is to become: see header_erase_unfinished().
 *
 * Return: 0 or -1.
 */
int header_format(const char *device, const struct volume_identity *id, const struct secret *key,
		  struct volume_header *out, struct fault *f);

/**
 * header_set_wrapped_key() - store the data key as the KMS wrapped it
 * @header: from header_format() or header_read(); its wrapped key is replaced on success
 * @blob: CiphertextBlob, @size bytes, at most VOLUME_WRAPPED_KEY_MAX
 * @f: InvalidVolumeHeader when the device no longer holds @header
 *
 * Return: 0 or -1.
 */
int header_set_wrapped_key(const char *device, struct volume_header *header, const uint8_t *blob,
			   size_t size, struct fault *f);

/**
 * header_read() - read, check and hash a header
 * @out: filled on success, else untouched
 * @f: InvalidVolumeHeader, names the field that is outside the profile
 *
 * The content is only checksummed on the disk. It is to be trusted after the KMS has unwrapped
 * the key with @out->header_sha256 in the encryption context, and not before.
 *
 * Return: 0 or -1.
 */
int header_read(const char *device, struct volume_header *out, struct fault *f);

/**
 * header_verify_key() - is @key the volume key of this header?
 * @header: as header_read() gave it; refused when the device holds another by now
 * @f: InvalidVolumeHeader when it is not
 *
 * Return: 0 or -1.
 */
int header_verify_key(const char *device, const struct volume_header *header,
		      const struct secret *key, struct fault *f);

/**
 * header_set_state() - record a state on the disk itself, where no lost catalog can undo it
 * @volume_id: of the volume that must be on @device
 * @state: one of AWS's words, such as "inaccessible-encryption-credentials"; NULL removes the
 *	record
 * @reason: a sentence
 * @f: InvalidVolumeHeader when @device holds another volume, or none
 *
 * May be called while the device is in use. Not covered by the header's hash.
 *
 * Return: 0 or -1.
 */
int header_set_state(const char *device, const char *volume_id, const char *state,
		     const char *reason, struct fault *f);

/**
 * header_erase() - overwrite the header area, and with it the only copy of the wrapped key
 * @volume_id: of the volume that must be on @device
 * @f: VolumeInUse when something holds the device, InvalidParameterValue when it holds data that
 *	is not ours, InvalidVolumeHeader when it holds another volume, or none
 *
 * Return: 0 or -1.
 */
int header_erase(const char *device, const char *volume_id, struct fault *f);

/**
 * header_erase_unfinished() - overwrite what a header_format() that was interrupted has left
 * @volume_id: of the volume that it was to become
 * @f: VolumeInUse, or the device cannot be read or written
 *
 * Nothing is written unless the header is of that very volume and has no wrapped key: then
 * nobody has ever had a key to data below it.
 *
 * Return: 1 when it was there and is erased, 0 when there was none, or -1.
 */
int header_erase_unfinished(const char *device, const char *volume_id, struct fault *f);

#endif
