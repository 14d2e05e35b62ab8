/* SPDX-License-Identifier: MIT */
/* A device of device mapper: suspended with its file system frozen, and resumed. */
#ifndef ENVELOPE_SUSPEND_DEVICE_H
#define ENVELOPE_SUSPEND_DEVICE_H

int device_prepare(const char *name);
int device_is_suspended(void);
int device_suspend(void);
int device_resume(void);

#endif
