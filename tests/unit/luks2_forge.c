// SPDX-License-Identifier: MIT
/*
 * The forger of LUKS2 headers. Layout from the LUKS2 On-Disk Format Specification: a 4096-byte
 * binary header, then the JSON area; a second copy follows the first.
 */

#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <openssl/evp.h>

#include "luks2_forge.h"

#define BINARY_SIZE    4096
#define SIZE_AT	       8 /* be64: binary header and JSON area */
#define UUID_AT	       168
#define UUID_SIZE      40
#define SUBSYSTEM_AT   208
#define SUBSYSTEM_SIZE 48
#define CHECKSUM_AT    448
#define CHECKSUM_SIZE  64

static void need(int condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "luks2_forge: %s\n", what);
		exit(99);
	}
}

/* Deletes the member that @pointer names. */
static void delete_member(struct json_object *root, const char *pointer)
{
	char *parent = strdup(pointer);
	char *slash = strrchr(parent, '/');
	struct json_object *object = root;

	*slash = '\0';
	need(!*parent || !json_pointer_get(root, parent, &object), "no parent of what to delete");
	need(json_object_object_get_ex(object, slash + 1, NULL), "nothing to delete");
	json_object_object_del(object, slash + 1);
	free(parent);
}

static void edit_json(uint8_t *area, size_t size, const char *pointer, const char *value)
{
	struct json_object *root = json_tokener_parse((char *)area);
	const char *text;

	need(root != NULL, "the JSON area does not parse");
	if (value) {
		struct json_object *replacement = json_tokener_parse(value);

		need(replacement != NULL, "the value does not parse");
		need(!json_pointer_set(&root, pointer, replacement), "no such JSON pointer");
	} else {
		delete_member(root, pointer);
	}
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
	need(strlen(text) < size, "the JSON area is full");
	memset(area, 0, size);
	strcpy((char *)area, text);
	json_object_put(root);
}

static void edit_copy(uint8_t *header, size_t size, const char *pointer, const char *value)
{
	unsigned int length = CHECKSUM_SIZE;

	if (!strcmp(pointer, "uuid"))
		strncpy((char *)header + UUID_AT, value, UUID_SIZE - 1);
	else if (!strcmp(pointer, "subsystem"))
		strncpy((char *)header + SUBSYSTEM_AT, value, SUBSYSTEM_SIZE - 1);
	else
		edit_json(header + BINARY_SIZE, size - BINARY_SIZE, pointer, value);

	memset(header + CHECKSUM_AT, 0, CHECKSUM_SIZE);
	need(EVP_Digest(header, size, header + CHECKSUM_AT, &length, EVP_sha256(), NULL),
	     "no SHA-256");
}

void luks2_forge(const char *image, const char *pointer, const char *value)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);
	uint64_t size;
	uint8_t *header;

	need(fd >= 0, "cannot open the image");
	need(pread(fd, &size, 8, SIZE_AT) == 8, "cannot read the header's size");
	size = be64toh(size);
	need(size > BINARY_SIZE && size <= 4 << 20, "not a LUKS2 header");
	header = malloc(size);
	for (int copy = 0; copy < 2; copy++) {
		off_t at = copy * (off_t)size;

		need(pread(fd, header, size, at) == (ssize_t)size, "cannot read a header");
		need(!memcmp(header, copy ? "SKUL\xba\xbe" : "LUKS\xba\xbe", 6), "no LUKS magic");
		edit_copy(header, size, pointer, value);
		need(pwrite(fd, header, size, at) == (ssize_t)size, "cannot write a header");
	}
	free(header);
	close(fd);
}
