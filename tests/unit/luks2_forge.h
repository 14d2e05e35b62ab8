/* SPDX-License-Identifier: MIT */
/*
 * Forges LUKS2 headers: edits the JSON area of both copies and corrects the checksums, like an
 * attacker who can write to the disk.
 *
 * Deliberately independent of libcryptsetup and of userspace/lib.
 */
#ifndef ENVELOPE_LUKS2_FORGE_H
#define ENVELOPE_LUKS2_FORGE_H

/**
 * luks2_forge() - change one thing in a header
 * @image: file with a LUKS2 header at its start
 * @pointer: JSON pointer of what to change, or "uuid" or "subsystem" for the binary header
 * @value: JSON text to put there (plain text for the binary header), NULL to delete the member
 *
 * Exits the program when anything goes wrong.
 */
void luks2_forge(const char *image, const char *pointer, const char *value);

#endif
