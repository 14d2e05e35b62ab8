// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: a range of a bio's data through the cipher of its device.
 *
 * cipher.c knows data units and transforms; this file knows the device: its key, its
 * IV shift, its gather buffer. The short way, one data unit, is inline in path.h.
 */
#include "envelope.h"

/**
 * envelope_crypt_long_range() - what envelope_crypt_range() does of more than one data unit
 * @dev: device
 * @segments: see there
 * @iter: see there
 * @offset: see there
 * @size: see there
 * @pages: see there
 *
 * Context: inside a section of a live device. Return: as envelope_cipher_run().
 */
int envelope_crypt_long_range(struct envelope_device *dev, struct bio_vec *segments,
			      struct bvec_iter iter, unsigned int offset, unsigned int size,
			      const struct bio_vec *pages)
{
	struct envelope_cipher_pass pass __uninitialized;

	pass.tfm = dev->vk->tfm;
	pass.gather = &dev->gather;
	pass.src = segments;
	pass.src_iter = iter;
	pass.dst = pages ? pages + (offset >> PAGE_SHIFT) : NULL;
	pass.iv_sector = iter.bi_sector + dev->iv_shift + (offset >> SECTOR_SHIFT);
	pass.sector_size = dev->sector_size;
	pass.encrypt = pages;
	if (offset)
		bvec_iter_advance(segments, &pass.src_iter, offset);
	pass.src_iter.bi_size = size;
	return envelope_cipher_run(&pass);
}

/**
 * envelope_crypt_warn() - tell it
 * @dev: device
 * @encrypt: else decrypt
 * @error: negative
 *
 * Context: any.
 */
void envelope_crypt_warn(struct envelope_device *dev, bool encrypt, int error)
{
	DMERR_LIMIT("%s: %s failed: error %d", dm_device_name(dm_table_get_md(dev->ti->table)),
		    encrypt ? "encryption" : "decryption", error);
}
