// SPDX-License-Identifier: MIT
/* See host_file.h. */
#include "check/host_file.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/spawn.h"

/** host_line() - the first line of a file; false, and "", if it cannot be read or is empty */
bool host_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");

	line[0] = 0;
	if (!file)
		return false;
	if (fgets(line, (int)size, file))
		line[strcspn(line, "\n")] = 0;
	fclose(file);
	return line[0];
}

/** host_has() - does a line of the file contain the text? */
bool host_has(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0;
	bool found = false;
	char *line = NULL;

	while (file && !found && getline(&line, &capacity, file) > 0)
		found = strstr(line, text);
	free(line);
	if (file)
		fclose(file);
	return found;
}

/**
 * host_program() - the first line that a program prints
 * @argv: the path of the program first
 * @line: "" without output
 *
 * Return: its exit status, or -1 if it cannot be run.
 */
int host_program(const char *const argv[], char *line, size_t size)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int ends[2], status = -1;
	FILE *output;
	pid_t pid;

	line[0] = 0;
	if (pipe2(ends, O_CLOEXEC))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	spawn_attributes(&attributes, 0);
	if (posix_spawn(&pid, argv[0], &actions, &attributes, (char **)argv, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	output = fdopen(ends[0], "r");
	if (output && fgets(line, (int)size, output))
		line[strcspn(line, "\n")] = 0;
	while (output && fgetc(output) != EOF)
		;
	if (output)
		fclose(output);
	if (pid > 0 && waitpid(pid, &status, 0) == pid)
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return -1;
}
