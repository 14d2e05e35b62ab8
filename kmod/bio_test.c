// SPDX-License-Identifier: GPL-2.0
/*
 * dm-envelope: bios that tests send to a device, and what their data must look like on the
 * disk.
 */
#include <crypto/skcipher.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>

#include "fixture_test.h"

static size_t place(size_t at, const struct io_segment *segment)
{
	return round_up(at, PAGE_SIZE) + segment->offset;
}

/**
 * test_io_new() - memory for one bio
 * @fixture: the device
 * @segments: must outlive the io
 * @nr: number of segments
 *
 * Return: the io.
 */
struct test_io *test_io_new(struct fixture *fixture, const struct io_segment *segments,
			    unsigned int nr)
{
	struct test_io *io = kunit_kzalloc(fixture->test, sizeof(*io), GFP_KERNEL);
	unsigned int i;
	size_t at = 0;

	KUNIT_ASSERT_NOT_NULL(fixture->test, io);
	io->fixture = fixture;
	io->segments = segments;
	io->nr = nr;
	for (i = 0; i < nr; i++) {
		at = place(at, &segments[i]) + segments[i].len;
		io->size += segments[i].len;
	}
	io->arena_size = round_up(at, PAGE_SIZE);
	io->arena = alloc_pages_exact(io->arena_size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(fixture->test, io->arena);
	init_completion(&io->entered);
	init_completion(&io->done);
	return io;
}

/**
 * test_io_free() - free the memory of an io that is done
 * @io: the io
 */
void test_io_free(struct test_io *io)
{
	free_pages_exact(io->arena, io->arena_size);
}

static void copy(struct test_io *io, u8 *data, bool to_arena)
{
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < io->nr; i++) {
		at = place(at, &io->segments[i]);
		if (to_arena)
			memcpy(io->arena + at, data, io->segments[i].len);
		else
			memcpy(data, io->arena + at, io->segments[i].len);
		data += io->segments[i].len;
		at += io->segments[i].len;
	}
}

/** test_io_fill() - @io->size bytes into the segments */
void test_io_fill(struct test_io *io, const u8 *data)
{
	copy(io, (u8 *)data, true);
}

/** test_io_collect() - @io->size bytes out of the segments */
void test_io_collect(struct test_io *io, u8 *data)
{
	copy(io, data, false);
}

static void end_io(struct bio *bio)
{
	struct test_io *io = bio->bi_private;

	io->status = bio->bi_status;
	io->in_task = in_task();
	io->nice = task_nice(current);
	complete_all(&io->entered);
	while (io->blocker && !bio->bi_status && !completion_done(io->blocker))
		cpu_relax();
	bio_put(bio);
	complete_all(&io->done);
}

/** test_io_submit() - submit the bio; test_io_wait() must follow */
void test_io_submit(struct test_io *io, blk_opf_t opf, sector_t sector)
{
	struct bio *bio = bio_alloc(io->fixture->bdev, max(io->nr, 1u), opf, GFP_KERNEL);
	unsigned int i;
	size_t at = 0;

	reinit_completion(&io->entered);
	reinit_completion(&io->done);
	bio->bi_iter.bi_sector = sector;
	bio->bi_private = io;
	bio->bi_end_io = end_io;
	for (i = 0; i < io->nr; i++) {
		at = place(at, &io->segments[i]);
		__bio_add_page(bio, virt_to_page(io->arena + at), io->segments[i].len,
			       offset_in_page(io->arena + at));
		at += io->segments[i].len;
	}
	if (opf & REQ_POLLED) {
		bio_get(bio);
		io->bio = bio;
	}
	submit_bio(bio);
}

/**
 * test_ios_hold_reads() - submit reads that the disk holds, to complete them in interrupts
 * @ios: the reads, of one device
 * @nr: number of reads
 * @sector: of the first one
 * @step: sectors from one to the next one
 */
void test_ios_hold_reads(struct test_io **ios, unsigned int nr, sector_t sector, unsigned int step)
{
	struct fixture *fixture = ios[0]->fixture;
	unsigned int i;

	fixture->disk->context = DISK_HARDIRQ;
	test_disk_hold(fixture->disk);
	for (i = 0; i < nr; i++)
		test_io_submit(ios[i], REQ_OP_READ, sector + i * step);
	KUNIT_EXPECT_TRUE(fixture->test, test_disk_wait_held(fixture->disk, nr));
}

/** test_io_wait() - Return: status of the bio; the test fails if it hangs */
blk_status_t test_io_wait(struct test_io *io)
{
	if (!wait_for_completion_timeout(&io->done, LONG_ENOUGH)) {
		KUNIT_FAIL(io->fixture->test, "a bio hangs");
		/* The bio may still come back: its memory must stay until then. */
		test_disk_release(io->fixture->disk);
		wait_for_completion(&io->done);
	}
	return io->status;
}

/** test_io_poll() - poll as io_uring does until the bio is done. Return: as test_io_wait() */
blk_status_t test_io_poll(struct test_io *io)
{
	unsigned long deadline = jiffies + LONG_ENOUGH;

	while (!completion_done(&io->done) && time_before(jiffies, deadline)) {
		rcu_read_lock();
		bio_poll(io->bio, NULL, 0);
		rcu_read_unlock();
		cond_resched();
	}
	test_io_wait(io);
	bio_put(io->bio);
	return io->status;
}

/** test_io_run() - submit and wait */
blk_status_t test_io_run(struct test_io *io, blk_opf_t opf, sector_t sector)
{
	test_io_submit(io, opf, sector);
	return test_io_wait(io);
}

/** test_simple() - one bio of one segment; @size 0: an empty flush. Return: its status */
blk_status_t test_simple(struct fixture *fixture, blk_opf_t opf, sector_t sector, unsigned int size)
{
	struct io_segment *segment = kunit_kzalloc(fixture->test, sizeof(*segment), GFP_KERNEL);
	struct test_io *io;
	blk_status_t status;

	KUNIT_ASSERT_NOT_NULL(fixture->test, segment);
	segment->len = size ?: PAGE_SIZE;
	io = test_io_new(fixture, segment, 1);
	if (!size)
		io->nr = 0;
	status = test_io_run(io, opf, sector);
	test_io_free(io);
	return status;
}

/**
 * test_oracle() - plain data as it must be on the disk
 * @fixture: for key, unit and iv_offset
 * @sector: of the device
 * @data: linear kernel memory; encrypted in place
 * @size: bytes
 *
 * The oracle shares no code with the module: it has a transform of its own and makes one
 * request for each data unit.
 */
void test_oracle(struct fixture *fixture, sector_t sector, u8 *data, unsigned int size)
{
	struct crypto_skcipher *tfm = crypto_alloc_skcipher("xts(aes)", 0, 0);
	unsigned int at, unit = fixture->options.sector_size;
	struct skcipher_request *request;
	DECLARE_CRYPTO_WAIT(wait);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(fixture->test, tfm);
	KUNIT_EXPECT_EQ(fixture->test, crypto_skcipher_setkey(tfm, fixture->key_bytes, 64), 0);
	request = skcipher_request_alloc(tfm, GFP_KERNEL | __GFP_NOFAIL);
	skcipher_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP, crypto_req_done, &wait);
	for (at = 0; at < size; at += unit) {
		u64 number = sector + fixture->options.iv_offset + (at >> SECTOR_SHIFT);
		__le64 iv[2] = { cpu_to_le64(number) };
		struct scatterlist sg;

		sg_init_one(&sg, data + at, unit);
		skcipher_request_set_crypt(request, &sg, &sg, unit, iv);
		KUNIT_EXPECT_EQ(fixture->test,
				crypto_wait_req(crypto_skcipher_encrypt(request), &wait), 0);
	}
	skcipher_request_free(request);
	crypto_free_skcipher(tfm);
}
