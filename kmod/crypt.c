// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a range of a bio's data through the cipher of its device.
 *
 * cipher.c knows data units and transforms; this file knows the device: its key, its
 * IV shift, its gather buffer. The short way, one data unit, is inline in path.h.
 */
#include "envelope.h"

/**
 * envelope_crypt_long_range() - envelope_crypt_range() for several data units
 * @dev: device
 * @segments: the data
 * @iter: where the data of the bio begins
 * @offset: of the range, in bytes
 * @size: of the range, in bytes
 * @bounce: pages for the ciphertext of the whole bio; NULL: decrypt in place
 *
 * Context: inside a section of a live device. Return: as envelope_cipher_run().
 */
int envelope_crypt_long_range(struct envelope_device *dev, struct bio_vec *segments,
			      struct bvec_iter iter, unsigned int offset, unsigned int size,
			      const struct envelope_bounce *bounce)
{
	struct envelope_cipher_pass pass __uninitialized;

	pass.tfm = dev->vk->tfm;
	pass.gather = &dev->gather;
	pass.src = segments;
	pass.src_iter = iter;
	pass.dst = bounce ? bounce->bvecs : NULL;
	pass.dst_order = bounce ? bounce->order : 0;
	pass.dst_offset = offset;
	pass.iv_sector = iter.bi_sector + dev->iv_shift + (offset >> SECTOR_SHIFT);
	pass.sector_size = dev->sector_size;
	pass.encrypt = bounce;
	if (offset)
		bvec_iter_advance(segments, &pass.src_iter, offset);
	pass.src_iter.bi_size = size;
	return envelope_cipher_run(&pass);
}

/**
 * envelope_crypt_warn() - log an error of the cipher
 * @dev: device
 * @encrypt: false for a decryption
 * @error: negative errno
 *
 * Context: any.
 */
void envelope_crypt_warn(struct envelope_device *dev, bool encrypt, int error)
{
	DMERR_LIMIT("%s: %s failed: error %d", dm_device_name(dm_table_get_md(dev->ti->table)),
		    encrypt ? "encryption" : "decryption", error);
}
