// SPDX-License-Identifier: MIT
/*
 * Varlink framing: bytes of a stream socket to JSON objects and back. Must never return anything
 * but a complete, valid object. Methods are varlink_connection.c's.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/json.h"
#include "lib/varlink/varlink.h"

#define READ_CHUNK 4096

/** varlink_buffer_free() - release a buffer's memory; it is empty afterwards */
void varlink_buffer_free(struct varlink_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct varlink_buffer){ 0 };
}

/** varlink_buffer_used() - bytes not yet taken */
size_t varlink_buffer_used(const struct varlink_buffer *buffer)
{
	return buffer->end - buffer->start;
}

/* Makes room for @more bytes behind the end, moving what is there to the front. */
static int reserve(struct varlink_buffer *buffer, size_t more)
{
	size_t used = varlink_buffer_used(buffer), size = buffer->size ? buffer->size : READ_CHUNK;
	char *data;

	if (buffer->start) {
		memmove(buffer->data, buffer->data + buffer->start, used);
		buffer->start = 0;
		buffer->end = used;
	}
	if (more > SIZE_MAX / 2 - used)
		return -ENOMEM;
	while (size < used + more)
		size *= 2;
	if (size == buffer->size)
		return 0;
	data = realloc(buffer->data, size);
	if (!data)
		return -ENOMEM;
	buffer->data = data;
	buffer->size = size;
	return 0;
}

/** varlink_buffer_append() - put bytes behind the others; 0 or -ENOMEM */
int varlink_buffer_append(struct varlink_buffer *buffer, const void *bytes, size_t size)
{
	int r = reserve(buffer, size);

	if (r < 0)
		return r;
	if (size)
		memcpy(buffer->data + buffer->end, bytes, size);
	buffer->end += size;
	return 0;
}

/**
 * varlink_buffer_append_message() - put a JSON object and its NUL behind the others
 *
 * Return: 0, -EMSGSIZE when it is larger than VARLINK_MESSAGE_MAX, -ENOMEM.
 */
int varlink_buffer_append_message(struct varlink_buffer *buffer, json_object *message)
{
	size_t size;
	const char *text = json_object_to_json_string_length(message,
							     JSON_C_TO_STRING_PLAIN |
								     JSON_C_TO_STRING_NOSLASHESCAPE,
							     &size);

	if (!text)
		return -ENOMEM;
	if (size > VARLINK_MESSAGE_MAX)
		return -EMSGSIZE;
	return varlink_buffer_append(buffer, text, size + 1);
}

/**
 * varlink_buffer_read() - read once from a socket, behind what is there
 *
 * Return: bytes read, 0 at the end of the stream, -EAGAIN, -EMSGSIZE when the
 * buffer already holds more than one message may, or another negative errno.
 */
int varlink_buffer_read(struct varlink_buffer *buffer, int fd)
{
	ssize_t n;
	int r;

	if (varlink_buffer_used(buffer) > VARLINK_MESSAGE_MAX)
		return -EMSGSIZE;
	r = reserve(buffer, READ_CHUNK);
	if (r < 0)
		return r;
	n = recv(fd, buffer->data + buffer->end, buffer->size - buffer->end, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	buffer->end += (size_t)n;
	return (int)n;
}

/**
 * varlink_buffer_write() - send as much as the socket takes
 *
 * Return: 0 when all is sent, -EAGAIN when some is left, or another negative errno.
 */
int varlink_buffer_write(struct varlink_buffer *buffer, int fd)
{
	while (varlink_buffer_used(buffer)) {
		ssize_t n = send(fd, buffer->data + buffer->start, varlink_buffer_used(buffer),
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		buffer->start += (size_t)n;
	}
	return 0;
}

/**
 * varlink_buffer_take() - take the first complete message
 * @buffer: where bytes have arrived
 * @ret: the object, owned by the caller
 *
 * Return: 1 with a message, 0 when its NUL has not come yet, -EMSGSIZE when it is
 * too large to ever be taken, -EBADMSG when it is not one JSON object.
 */
int varlink_buffer_take(struct varlink_buffer *buffer, json_object **ret)
{
	size_t used = varlink_buffer_used(buffer), size;
	const char *first, *nul;
	json_object *object;

	if (!used)
		return 0;
	first = buffer->data + buffer->start;
	nul = memchr(first, 0, used);
	size = nul ? (size_t)(nul - first) : used;
	if (size > VARLINK_MESSAGE_MAX)
		return -EMSGSIZE;
	if (!nul)
		return 0;
	object = json_parse(first, size);
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return -EBADMSG;
	}
	buffer->start += size + 1;
	*ret = object;
	return 1;
}
