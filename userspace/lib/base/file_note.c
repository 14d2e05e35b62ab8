// SPDX-License-Identifier: MIT
/* See file_note.h. */
#include "lib/base/file_note.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

static _Thread_local struct file_note *mine;

/** file_note_init() - for file_note_free() */
void file_note_init(struct file_note *note)
{
	*note = (struct file_note){ 0 };
	pthread_mutex_init(&note->lock, NULL);
}

/** file_note_free() - no thread may use the note any more */
void file_note_free(struct file_note *note)
{
	free(note->path);
	pthread_mutex_destroy(&note->lock);
}

/** file_note_use() - from now on file_note() of this thread writes into @note; NULL for none */
void file_note_use(struct file_note *note)
{
	mine = note;
}

/** file_note() - this thread is about to look at @path */
void file_note(const char *path)
{
	if (!mine)
		return;
	pthread_mutex_lock(&mine->lock);
	text_set(&mine->path, path);
	pthread_mutex_unlock(&mine->lock);
}

/** file_note_read() - the file that the thread looks at, for free(); NULL for none */
char *file_note_read(struct file_note *note)
{
	char *path;

	pthread_mutex_lock(&note->lock);
	path = note->path ? strdup(note->path) : NULL;
	pthread_mutex_unlock(&note->lock);
	return path;
}
