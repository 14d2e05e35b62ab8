/* SPDX-License-Identifier: MIT */
/*
 * What a program prints on its standard error output: its first line, without anything that may be a
 * key or a token.
 */
#ifndef ENVELOPE_WORKER_COMPLAINT_H
#define ENVELOPE_WORKER_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

#define COMPLAINT_MAX 256

/**
 * struct complaint - a line that is being read
 * @fd: what the program prints into; -1: all is read
 * @size: of the line so far
 * @ended: the line is complete, or longer than is kept
 */
struct complaint {
	int fd;
	size_t size;
	bool ended;
	char line[COMPLAINT_MAX];
};

int complaint_open(struct complaint *complaint);
void complaint_read(struct complaint *complaint);
void complaint_close(struct complaint *complaint);
void complaint_cover(char *line);

#endif
