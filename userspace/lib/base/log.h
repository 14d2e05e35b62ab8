/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics on stderr, one line each, with the <N> priority prefix that journald understands.
 *
 * Must never be given secrets or ciphertext. Audit records go elsewhere.
 */
#ifndef ENVELOPE_LOG_H
#define ENVELOPE_LOG_H

void log_init(const char *name);
int log_to_journal(const char *name, int stream);
void log_from_thread(void);
void log_drop_unread(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
