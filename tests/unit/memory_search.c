// SPDX-License-Identifier: MIT
/* Search of another process's memory. See memory_search.h. */

#include "memory_search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAPPING_MAX (1UL << 30) /* leaves out AddressSanitizer's shadow */

static void search(const char *mapping, const uint8_t *memory, size_t size,
		   const struct needle *needle, struct findings *found)
{
	const uint8_t *at = memory, *end = memory + size;

	while ((at = memmem(at, end - at, needle->bytes, needle->size))) {
		if (strstr(mapping, "memfd:envelope-kms-worker")) {
			found->in_block++;
		} else {
			found->elsewhere++;
			snprintf(found->where, sizeof(found->where), "%.250s", mapping);
		}
		at++;
	}
}

struct findings memory_search(pid_t pid, const struct needle *needles)
{
	struct findings found = { 0 };
	char path[64], line[512];
	FILE *maps;
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	assert_non_null(maps);
	assert_true(memory >= 0);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		uint8_t *copy;
		ssize_t n;

		if (sscanf(line, "%lx-%lx", &start, &end) != 2 || end - start > MAPPING_MAX)
			continue;
		copy = malloc(end - start);
		n = pread(memory, copy, end - start, (off_t)start);
		for (const struct needle *needle = needles; n > 0 && needle->size; needle++)
			search(line, copy, n, needle, &found);
		free(copy);
	}
	fclose(maps);
	close(memory);
	return found;
}

void memory_hold_at_exit(pid_t pid)
{
	assert_int_equal(ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACEEXIT), 0);
}

void memory_run_to_exit(pid_t pid)
{
	int status;

	for (;;) {
		assert_int_equal(waitpid(pid, &status, __WALL), pid);
		assert_true(WIFSTOPPED(status));
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
			return;
		ptrace(PTRACE_CONT, pid, NULL, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
	}
}
