/* SPDX-License-Identifier: MIT */
/*
 * A strict reader of HTTP/1.1, which stands before libmicrohttpd (receive.c). It reads each byte of a
 * connection and refuses what two readers could understand in two ways: a line feed without a carriage
 * return, NUL and other control characters, a folded line, white space around a name, two
 * Content-Lengths or one that is no number, a Transfer-Encoding, two Hosts.
 *
 * Must never change or keep a byte of a body.
 */
#ifndef ENVELOPE_HTTP_HEAD_H
#define ENVELOPE_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_NAME_MAX 32 /* of a header that counts here; others may be longer */

/** struct head - the place in the stream of one connection; all zero at its begin */
struct head {
	unsigned int place; /* enum place in head.c */
	uint64_t left;	    /* bytes of the body */
	unsigned int digits;
	bool has_length;
	bool has_host;
	char name[HEAD_NAME_MAX]; /* of this header, in small letters */
	size_t name_size;	  /* also beyond HEAD_NAME_MAX */
	size_t matched; /* bytes of "HTTP/1.1"; before it: 1 in a method or target that has begun */
	bool refused;
};

bool head_take(struct head *head, const uint8_t *bytes, size_t size);

#endif
