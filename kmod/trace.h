/* SPDX-License-Identifier: GPL-2.0 */
/*
 * dm-envelope: tracepoints, in /sys/kernel/tracing/events/envelope. events.c calls them.
 *
 * Words are arrays, since the macros of dynamic strings differ between kernels.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM envelope

#if !defined(_DM_ENVELOPE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DM_ENVELOPE_TRACE_H

#include <linux/types.h>
#include <linux/kdev_t.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

/* clang-format off */

TRACE_EVENT(envelope_io,
	    TP_PROTO(dev_t dev, const char *word, char op, sector_t sector, unsigned int bytes),
	    TP_ARGS(dev, word, op, sector, bytes),
	    TP_STRUCT__entry(__field(dev_t, dev)
			     __field(sector_t, sector)
			     __field(unsigned int, bytes)
			     __field(char, op)
			     __array(char, word, 20)),
	    TP_fast_assign(__entry->dev = dev;
			   __entry->sector = sector;
			   __entry->bytes = bytes;
			   __entry->op = op;
			   strscpy(__entry->word, word, sizeof(__entry->word))),
	    TP_printk("%d,%d %s %c %llu + %u", MAJOR(__entry->dev), MINOR(__entry->dev),
		      __entry->word, __entry->op, (unsigned long long)__entry->sector,
		      __entry->bytes)
);

TRACE_EVENT(envelope_key,
	    TP_PROTO(int serial, const char *event, const char *reason, u64 left_ms),
	    TP_ARGS(serial, event, reason, left_ms),
	    TP_STRUCT__entry(__field(u64, left_ms)
			     __field(int, serial)
			     __array(char, event, 12)
			     __array(char, reason, 20)),
	    TP_fast_assign(__entry->left_ms = left_ms;
			   __entry->serial = serial;
			   strscpy(__entry->event, event, sizeof(__entry->event));
			   strscpy(__entry->reason, reason, sizeof(__entry->reason))),
	    TP_printk("%08x %s %s %llums", __entry->serial, __entry->event, __entry->reason,
		      __entry->left_ms)
);

TRACE_EVENT(envelope_device,
	    TP_PROTO(dev_t dev, const char *event, const char *reason),
	    TP_ARGS(dev, event, reason),
	    TP_STRUCT__entry(__field(dev_t, dev)
			     __array(char, event, 12)
			     __array(char, reason, 20)),
	    TP_fast_assign(__entry->dev = dev;
			   strscpy(__entry->event, event, sizeof(__entry->event));
			   strscpy(__entry->reason, reason, sizeof(__entry->reason))),
	    TP_printk("%d,%d %s %s", MAJOR(__entry->dev), MINOR(__entry->dev), __entry->event,
		      __entry->reason)
);

/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
