// SPDX-License-Identifier: MIT
/* The devices that lie on a block device. See device_stack.h. */
#include "lib/header/device_stack.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lib/base/text.h"

struct stack {
	struct stacked_device *items;
	size_t count;
};

/* A device that lies on two others of the stack is in it once. Return: false without memory. */
static bool push(struct stack *stack, dev_t number, const char *name, size_t below)
{
	struct stacked_device *grown;

	for (size_t i = 0; i < stack->count; i++)
		if (stack->items[i].number == number)
			return true;
	grown = realloc(stack->items, (stack->count + 1) * sizeof(*grown));
	if (!grown)
		return false;
	stack->items = grown;
	grown[stack->count] = (struct stacked_device){ .number = number, .below = below };
	snprintf(grown[stack->count].name, sizeof(grown->name), "%s", name);
	stack->count++;
	return true;
}

/* @folder: of a device in sysfs */
static bool push_folder(struct stack *stack, const char *folder, size_t below)
{
	_cleanup_text_ char *path = text_format("%s/dev", folder);
	FILE *file = path ? fopen(path, "re") : NULL;
	unsigned int maj, min;
	bool found;

	if (!file)
		return path != NULL;
	found = fscanf(file, "%u:%u", &maj, &min) == 2;
	fclose(file);
	return !found || push(stack, makedev(maj, min), strrchr(folder, '/') + 1, below);
}

/*
 * @pattern: of what is directly on a device, in its folder
 * @tail: of the pattern, after the folder of the device on top
 */
static bool push_all(struct stack *stack, size_t below, const char *pattern, const char *tail)
{
	dev_t number = stack->items[below].number;
	_cleanup_text_ char *path = text_format("/sys/dev/block/%u:%u/%s", major(number),
						minor(number), pattern);
	glob_t found = { 0 };
	bool r = path && glob(path, 0, NULL, &found) != GLOB_NOSPACE;

	for (size_t i = 0; r && i < found.gl_pathc; i++) {
		found.gl_pathv[i][strlen(found.gl_pathv[i]) - strlen(tail)] = 0;
		r = push_folder(stack, found.gl_pathv[i], below);
	}
	globfree(&found);
	return r;
}

/**
 * device_stack_list() - a block device, and all devices that lie on it
 * @ret: the device itself comes first; to be freed with free(). Without memory some are left out
 *
 * Return: their number, 0 without memory.
 */
size_t device_stack_list(dev_t device, struct stacked_device **ret)
{
	struct stack stack = { 0 };
	bool r = push(&stack, device, "", 0);

	for (size_t i = 0; r && i < stack.count; i++)
		r = push_all(&stack, i, "*/partition", "/partition") &&
		    push_all(&stack, i, "holders/*", "");
	*ret = stack.items;
	return stack.count;
}

static bool has_uuid(dev_t number, const char *start)
{
	_cleanup_text_ char *path = text_format("/sys/dev/block/%u:%u/dm/uuid", major(number),
						minor(number));
	FILE *file = path ? fopen(path, "re") : NULL;
	char uuid[160] = ""; /* the kernel takes no longer one (DM_UUID_LEN) */
	bool found;

	if (!file)
		return false;
	found = fgets(uuid, sizeof(uuid), file) && !strncmp(uuid, start, strlen(start));
	fclose(file);
	return found;
}

/**
 * device_stack_has() - does a device of device mapper with such a uuid lie on a block device?
 * @uuid: how it begins
 * @between: the kernel's name of the device that it lies on, "" if that is @device itself
 */
bool device_stack_has(dev_t device, const char *uuid, char between[32])
{
	struct stacked_device *list;
	size_t count = device_stack_list(device, &list), i = 1;

	while (i < count && !has_uuid(list[i].number, uuid))
		i++;
	if (i < count)
		memcpy(between, list[list[i].below].name, sizeof(list->name));
	free(list);
	return i < count;
}
