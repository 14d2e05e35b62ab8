/* SPDX-License-Identifier: MIT */
/*
 * A volume on an image file, made anew for each test, and what tests of headers ask about it.
 */
#ifndef HEADER_FIXTURE_H
#define HEADER_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/header/header.h"

#define IMAGE_SIZE (8 << 20)
#define VOLUME_ID  "vol-0123456789abcdef0"
#define OTHER_ID   "vol-ffffffffffffffff0"
#define KEY_ARN	   "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
#define BLOB_SIZE  180 /* bytes of the wrapped key */
#define OTHER_ARN  "arn:aws:kms:us-east-1:123456789012:key/9999abcd-12ab-34cd-56ef-1234567890ab"

extern const struct volume_identity identity;
extern char image[64];
extern struct secret *key;
extern uint8_t blob[BLOB_SIZE];

/** new_image() - set up an empty image file, @key and @blob */
int new_image(void **state);

/** drop_image() - remove them */
int drop_image(void **state);

#define with_image(function) cmocka_unit_test_setup_teardown(function, new_image, drop_image)

/** succeeds() - fail the test unless @r is 0 */
void succeeds(int r, const struct fault *f);

/** refused() - fail the test unless @r is not 0, with @code and with @reason in the message */
void refused(int r, const struct fault *f, const char *code, const char *reason);

/** make_volume() - write a complete volume to the image */
struct volume_header make_volume(void);

/** write_at() - write bytes to the image at the offset @at */
void write_at(off_t at, const void *bytes, size_t size);

/** image_holds() - true when the bytes are anywhere in the image */
bool image_holds(const void *bytes, size_t size);

#endif
