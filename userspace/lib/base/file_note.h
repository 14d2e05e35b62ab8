/* SPDX-License-Identifier: MIT */
/*
 * Which file a thread looks at, for another thread that waits for it. A file system that does not
 * answer, such as NFS or FUSE, says nothing: only this tells which file is on it.
 */
#ifndef ENVELOPE_FILE_NOTE_H
#define ENVELOPE_FILE_NOTE_H

#include <pthread.h>

/**
 * struct file_note - of one thread
 * @lock: guards @path
 * @path: of the file that the thread looked at last, or looks at; NULL for none; owned
 */
struct file_note {
	pthread_mutex_t lock;
	char *path;
};

void file_note_init(struct file_note *note);
void file_note_free(struct file_note *note);
void file_note_use(struct file_note *note);
void file_note(const char *path);
char *file_note_read(struct file_note *note);

#endif
