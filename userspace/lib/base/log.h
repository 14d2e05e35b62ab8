/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics on stderr, one line each, with the <N> priority prefix that journald understands.
 *
 * Must never be given secrets or ciphertext. Audit records go elsewhere.
 */
#ifndef ENVELOPE_LOG_H
#define ENVELOPE_LOG_H

/**
 * log_init() - name the program in messages
 * @name: kept, not copied
 *
 * With stderr connected to the journal lines get a priority prefix, else the program's name.
 * ENVELOPE_DEBUG=1 in the environment turns log_debug() on.
 */
void log_init(const char *name);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
