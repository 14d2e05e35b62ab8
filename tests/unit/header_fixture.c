// SPDX-License-Identifier: MIT
/* A volume on an image file. See header_fixture.h. */

#include "header_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct volume_identity identity = {
	.volume_id = VOLUME_ID,
	.cluster_id = "orders-db1",
	.db_cluster_resource_id = "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
	.key_arn = KEY_ARN,
	.region = "us-east-1",
	.account = "123456789012",
};

char image[64];
struct secret *key;
uint8_t blob[BLOB_SIZE];

int new_image(void **state)
{
	int fd;

	strcpy(image, "/tmp/envelope-header-XXXXXX");
	fd = mkstemp(image);
	if (fd < 0 || ftruncate(fd, IMAGE_SIZE))
		return -1;
	close(fd);
	key = secret_new(VOLUME_KEY_SIZE);
	for (size_t i = 0; i < key->size; i++)
		key->bytes[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < sizeof(blob); i++)
		blob[i] = (uint8_t)(i * 11 + 3);
	return 0;
}

int drop_image(void **state)
{
	unlink(image);
	secret_free(key);
	return 0;
}

void succeeds(int r, const struct fault *f)
{
	if (r)
		fail_msg("unexpected fault %s: %s", f->code, f->message);
}

void refused(int r, const struct fault *f, const char *code, const char *reason)
{
	if (!r)
		fail_msg("accepted, expected %s: ...%s...", code, reason);
	if (strcmp(f->code, code) || !strstr(f->message, reason))
		fail_msg("expected %s: ...%s...\n     seen %s: %s", code, reason, f->code,
			 f->message);
}

/* A complete volume on the image. */
struct volume_header make_volume(void)
{
	struct volume_header header;
	struct fault f = { 0 };

	succeeds(header_format(image, -1, &identity, key, &header, &f), &f);
	succeeds(header_set_wrapped_key(image, -1, &header, blob, sizeof(blob), &f), &f);
	return header;
}

void write_at(off_t at, const void *bytes, size_t size)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, size, at), size);
	close(fd);
}

bool image_holds(const void *bytes, size_t size)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC);
	char *all = malloc(IMAGE_SIZE);
	bool found;

	assert_int_equal(read(fd, all, IMAGE_SIZE), IMAGE_SIZE);
	found = memmem(all, IMAGE_SIZE, bytes, size) != NULL;
	free(all);
	close(fd);
	return found;
}
