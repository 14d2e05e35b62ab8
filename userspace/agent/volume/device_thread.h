/* SPDX-License-Identifier: MIT */
/*
 * The only thread that touches block devices, libcryptsetup and libdevmapper. A disk that hangs
 * stops this thread, never the event loop: the leases of the other volumes are still renewed.
 */
#ifndef ENVELOPE_DEVICE_THREAD_H
#define ENVELOPE_DEVICE_THREAD_H

#include <stdbool.h>
#include <systemd/sd-event.h>

struct device_thread;

/** typedef device_run_t - in the device thread; may touch only @job */
typedef void (*device_run_t)(void *job);
/** typedef device_done_t - in the event loop, after the run; owns @job */
typedef void (*device_done_t)(void *job);

int device_thread_new(sd_event *event, struct device_thread **ret);
void device_thread_submit(struct device_thread *thread, device_run_t run, device_done_t done,
			  void *job);
const void *device_thread_running(struct device_thread *thread);
bool device_thread_free(struct device_thread *thread);

#endif
