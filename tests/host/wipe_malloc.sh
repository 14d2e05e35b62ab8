#!/bin/bash
# SPDX-License-Identifier: MIT
#
# wipe_malloc.c: freed and moved heap blocks are wiped, in the program and in
# libraries. The same program without it is the negative control.

set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/lib/check.bash
. tests/lib/check.bash

cat >"$scratch/probe.c" <<'C'
#include <assert.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN 0xa7

/* Bytes of the freed block that still hold the pattern, past the allocator's own two pointers. */
static size_t left(volatile unsigned char *block, size_t size)
{
	size_t count = 0;

	for (size_t i = 2 * sizeof(void *); i < size; i++)
		count += block[i] == PATTERN;
	return count;
}

static size_t after_free(size_t size)
{
	unsigned char *block = malloc(size);
	uintptr_t where = (uintptr_t)block;

	memset(block, PATTERN, size);
	free(block);
	return left((volatile unsigned char *)where, size);
}

static size_t after_realloc(size_t from, size_t to)
{
	unsigned char *block = malloc(from), *fence = malloc(16), *moved;
	uintptr_t where = (uintptr_t)block;
	size_t kept = from < to ? from : to, count;

	memset(block, PATTERN, from);
	moved = realloc(block, to);
	for (size_t i = 0; i < kept; i++)
		assert(moved[i] == PATTERN);
	count = (uintptr_t)moved == where ? left((volatile unsigned char *)where + to, from - kept) :
					    left((volatile unsigned char *)where, from);
	free(moved);
	free(fence);
	return count;
}

/* Inside libc: a line buffer that getline() grows and fclose() frees. */
static size_t after_library(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	uintptr_t where;

	for (int i = 0; i < 500; i++)
		fputc(PATTERN, out);
	fclose(out);
	where = (uintptr_t)text;
	free(text);
	return left((volatile unsigned char *)where, 500);
}

int main(void)
{
	static const size_t sizes[] = { 24, 64, 200, 1000, 4000, 100000 };
	size_t count = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		count += after_free(sizes[i]);
		count += after_realloc(sizes[i], sizes[i] * 3);
		count += after_realloc(sizes[i], sizes[i] / 3);
		count += after_realloc(sizes[i], sizes[i] - 8);
	}
	count += after_library();
	assert(realloc(malloc(8), 0) == NULL);
	assert(reallocarray(NULL, SIZE_MAX / 2, 3) == NULL);
	free(NULL);
	free(aligned_alloc(64, 128));
	printf("%zu\n", count);
	return 0;
}
C
build() {
	local out=$1
	shift
	cc -std=gnu17 -D_GNU_SOURCE -O1 -fno-builtin -w -o "$scratch/$out" "$scratch/probe.c" "$@"
}
wiped() { same 0 "$("$scratch/wiped")"; }
control() { [ "$("$scratch/unwiped")" -gt 1000 ]; }

check "the probe builds with wipe_malloc.c" build wiped userspace/lib/base/wipe_malloc.c
check "the probe builds without it" build unwiped
check "nothing is left after free(), realloc() up and down, and in libc" wiped
check "negative control: without it much is left" control
for program in envelope-kms envelope-kms-worker enveloped; do
	check "$program has it, for its libraries too" bash -c \
		'[ "$(nm -D "$1" | grep -cE " T (free|realloc|reallocarray)$")" = 3 ]' - "build/userspace/$program"
done
finish
