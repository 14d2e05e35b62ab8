// SPDX-License-Identifier: MIT
/*
 * The new header of a restored volume, made in memory from the header of its snapshot. The digest
 * of the data key and the segment stay, so that no key is needed. Uuid, label and identity are new,
 * and nothing is taken over of state, owner and KMS.
 *
 * Must never write a header whose source is not the one that was checked: it is read once.
 */
#include "lib/header/header_restore.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libcryptsetup.h>

#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/header/block_device.h"
#include "lib/header/draft.h"
#include "lib/header/inspect.h"
#include "lib/header/luks.h"
#include "lib/header/volume_profile.h"

static int copy_to_draft(const char *device, int claim, const struct draft *draft, struct fault *f)
{
	char *bytes = malloc(VOLUME_METADATA_BYTES);
	int r = -1;

	if (bytes &&
	    pread(claim, bytes, VOLUME_METADATA_BYTES, 0) == (ssize_t)VOLUME_METADATA_BYTES &&
	    pwrite(draft->fd, bytes, VOLUME_METADATA_BYTES, 0) == (ssize_t)VOLUME_METADATA_BYTES)
		r = 0;
	free(bytes);
	return r == 0 ? 0
		      : fault_set(f, BLOCK_DEVICE_ERROR, "The volume header of %s cannot be read.",
				  device);
}

static int drop_tokens(struct luks *luks, struct fault *f)
{
	static const char *const types[] = { VOLUME_STATE_TOKEN, VOLUME_OWNER_TOKEN,
					     VOLUME_KMS_TOKEN };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (luks_remove_token(luks, luks_find_token(luks, types[i]), f))
			return -1;
	return 0;
}

static int rename_luks(struct luks *luks, const struct volume_identity *id, struct fault *f)
{
	char label[48];
	int r;

	snprintf(label, sizeof(label), "%.47s", id->cluster_id);
	r = crypt_set_uuid(luks->cd, NULL);
	if (!r)
		r = crypt_set_label(luks->cd, label, VOLUME_SUBSYSTEM);
	return r ? luks_write_fault(luks, r, "Cannot rename", f) : 0;
}

/**
 * header_restore_identity() - replace the header of a snapshot by that of a new volume
 * @device: with the header @from, which header_read() has checked
 * @claim: from block_device_take() of @device
 * @id: of the new volume; its key is that of @from
 * @out: filled on success; it has no wrapped key yet
 * @f: InvalidVolumeHeader when @device no longer holds @from
 *
 * header_read() refuses the new header until header_set_wrapped_key(). It is written by one write,
 * and then the old one is nowhere on the device.
 *
 * Return: 0 or -1.
 */
int header_restore_identity(const char *device, int claim, const struct volume_header *from,
			    const struct volume_identity *id, struct volume_header *out,
			    struct fault *f)
{
	struct json_object _cleanup_json_ *token = NULL;
	struct volume_header header = { .generation = 1 }, now;
	struct draft _cleanup_draft_ draft = { .fd = -1 };
	struct luks _cleanup_luks_ luks = { 0 };

	if (volume_identity_check(id, f) || block_device_check_writable(device, claim, f) ||
	    draft_open(&draft, f) || copy_to_draft(device, claim, &draft, f) ||
	    luks_load(&luks, draft.path, draft.fd, f) || header_inspect(&luks, &now, f))
		return -1;
	luks.device = device;
	if (strcmp(now.header_sha256, from->header_sha256))
		return fault_set(f, LUKS_INVALID,
				 "The volume header of %s is refused: it has changed since it was read.",
				 device);
	strcpy(header.volume_id, id->volume_id);
	strcpy(header.cluster_id, id->cluster_id);
	strcpy(header.db_cluster_resource_id, id->db_cluster_resource_id);
	strcpy(header.key_arn, id->key_arn);
	strcpy(header.region, id->region);
	strcpy(header.account, id->account);
	token = header_token(&header);
	if (luks_put_token(&luks, luks_find_token(&luks, VOLUME_TOKEN), token, f) ||
	    drop_tokens(&luks, f) || rename_luks(&luks, id, f) ||
	    header_inspect(&luks, &header, f) ||
	    draft_write(&draft, device, claim, VOLUME_METADATA_BYTES, f) ||
	    header_measure(device, claim, &header, f))
		return -1;
	*out = header;
	return 0;
}
