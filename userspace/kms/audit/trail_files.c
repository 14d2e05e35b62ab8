// SPDX-License-Identifier: MIT
/* See trail_files.h. */
#include "kms/audit/trail_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kms/audit/line_reader.h"
#include "lib/base/text.h"

#define LOOKS		8	       /* at a folder that changes meanwhile */
#define BEGINNING_BYTES CHAIN_LINE_MAX /* searched for the first record of a file */
#define COMPRESSED	".gz"

static int no_memory(struct fault *f)
{
	return fault_set(f, "InternalFailure", "Out of memory.");
}

/** trail_file_is_compressed() - by its name */
bool trail_file_is_compressed(const struct trail_file *file)
{
	size_t size = strlen(file->path), end = strlen(COMPRESSED);

	return size > end && !strcmp(file->path + size - end, COMPRESSED);
}

/** trail_files_close() - once more is fine */
void trail_files_close(struct trail_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->files[i].path);
		if (files->files[i].fd >= 0)
			close(files->files[i].fd);
	}
	free(files->files);
	*files = (struct trail_files){ 0 };
}

static int add(struct trail_files *files, char *path, bool present)
{
	struct trail_file *more;

	more = path ? realloc(files->files, (files->count + 1) * sizeof(*more)) : NULL;
	if (!more) {
		free(path);
		return -1;
	}
	files->files = more;
	more[files->count++] = (struct trail_file){ .path = path, .fd = -1, .present = present };
	return 0;
}

/* Of "audit.jsonl": itself, "audit.jsonl-20261130", "audit.jsonl.1", and these with ".gz". */
static bool is_of(const char *name, const char *base)
{
	size_t size = strlen(base);

	return !strncmp(name, base, size) && (!name[size] || strchr("-.", name[size]));
}

/* Return: 0 or -1 with @f */
static int list(const char *path, struct trail_files *files, struct fault *f)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	_cleanup_text_ char *folder = slash ? strndup(path, (size_t)(slash - path + 1))
					    : strdup("./");
	DIR *dir = folder ? opendir(folder) : NULL;
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return no_memory(f);
	if (!dir)
		return fault_set(f, "InvalidConfiguration",
				 "The folder of the audit trail %.400s cannot be read: %s. Check the path and its permissions.",
				 path, strerror(errno));
	while (!r && (entry = readdir(dir)))
		if (is_of(entry->d_name, base))
			r = add(files, text_format("%s%s", slash ? folder : "", entry->d_name),
				!strcmp(entry->d_name, base));
	closedir(dir);
	return r ? no_memory(f) : 0;
}

static int by_path(const void *one, const void *other)
{
	return strcmp(((const struct trail_file *)one)->path,
		      ((const struct trail_file *)other)->path);
}

static void drop(struct trail_files *files, size_t i)
{
	free(files->files[i].path);
	if (files->files[i].fd >= 0)
		close(files->files[i].fd);
	files->count--;
	memmove(&files->files[i], &files->files[i + 1], (files->count - i) * sizeof(*files->files));
}

/* A file that gzip has not replaced yet stands beside its copy, which may be a part. */
static void drop_unfinished_copies(struct trail_files *files)
{
	for (size_t i = 0; i + 1 < files->count; i++) {
		size_t size = strlen(files->files[i].path);

		for (size_t j = files->count - 1; j > i; j--)
			if (!strncmp(files->files[j].path, files->files[i].path, size) &&
			    !strcmp(files->files[j].path + size, COMPRESSED))
				drop(files, j);
	}
}

static bool same_names(const struct trail_files *one, const struct trail_files *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (strcmp(one->files[i].path, other->files[i].path))
			return false;
	return true;
}

/* Opens each file. What is no file is left out. Return: 0; 1: one has gone; or -1 with @f */
static int open_all(struct trail_files *files, struct fault *f)
{
	for (size_t i = 0; i < files->count;) {
		struct trail_file *file = &files->files[i];
		struct stat st;

		file->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (file->fd < 0 && errno == ENOENT)
			return 1;
		if ((file->fd < 0 && errno == ELOOP) ||
		    (file->fd >= 0 && !fstat(file->fd, &st) && !S_ISREG(st.st_mode))) {
			drop(files, i);
			continue;
		}
		if (file->fd < 0)
			return fault_set(f, "InvalidConfiguration",
					 "The audit trail %.400s cannot be opened: %s. Check the path and its permissions.",
					 file->path, strerror(errno));
		file->changed = st.st_mtime;
		i++;
	}
	return 0;
}

static int look(const char *path, struct trail_files *files, struct fault *f)
{
	if (list(path, files, f))
		return -1;
	if (files->count)
		qsort(files->files, files->count, sizeof(*files->files), by_path);
	return 0;
}

/* Opens all files of one moment: a file that is moved meanwhile is neither lost nor seen twice. */
static int open_at_once(const char *path, struct trail_files *files, struct fault *f)
{
	for (int i = 0; i < LOOKS; i++) {
		struct trail_files names = { 0 }, again = { 0 };
		bool stable;
		int r;

		if (look(path, &names, f))
			return -1;
		if (look(path, files, f)) {
			trail_files_close(&names);
			return -1;
		}
		drop_unfinished_copies(files);
		r = open_all(files, f);
		if (!r && look(path, &again, f))
			r = -1;
		stable = !r && same_names(&names, &again);
		trail_files_close(&names);
		trail_files_close(&again);
		if (stable)
			return 0;
		trail_files_close(files);
		if (r < 0)
			return -1;
	}
	return fault_set(f, "InternalFailure",
			 "The files of the audit trail %.400s change all the time. Try again.",
			 path);
}

static int64_t first_of(const struct trail_file *file, struct chain_key *key)
{
	struct line_reader *reader = line_reader_new(file->fd);
	struct chain_link link;
	int64_t first = 0;
	struct line line;
	size_t seen = 0;

	while (reader && !first && seen < BEGINNING_BYTES && line_reader_next(reader, &line) > 0) {
		seen += line.size + 1;
		if (line.whole && chain_read(key, line.text, line.size, &link))
			first = link.sequence;
	}
	line_reader_free(reader);
	return first;
}

/* Files without a chain are older than those with one, unless the KMS writes into them. */
static int64_t rank(const struct trail_file *file)
{
	if (file->first)
		return file->first;
	return file->present ? INT64_MAX : 0;
}

static int by_age(const void *one, const void *other)
{
	const struct trail_file *a = one, *b = other;

	if (rank(a) != rank(b))
		return rank(a) < rank(b) ? -1 : 1;
	if (a->changed != b->changed)
		return a->changed < b->changed ? -1 : 1;
	return by_path(one, other);
}

/**
 * trail_files_open() - open all files of the trail at @path
 * @key: of the chain, by which the files are ordered
 * @files: set; for trail_files_close()
 *
 * Return: 0 or -1; then there is nothing to close.
 */
int trail_files_open(const char *path, struct chain_key *key, struct trail_files *files,
		     struct fault *f)
{
	*files = (struct trail_files){ 0 };
	if (open_at_once(path, files, f)) {
		trail_files_close(files);
		return -1;
	}
	for (size_t i = 0; i < files->count; i++)
		files->files[i].first = first_of(&files->files[i], key);
	if (files->count)
		qsort(files->files, files->count, sizeof(*files->files), by_age);
	return 0;
}
