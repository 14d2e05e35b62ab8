/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target: a reader of what strangers write, and what must hold for each input, beyond that the
 * reader does not crash. NAME_fuzz.c has fuzz_one(). It is linked twice: with engine.c, which gives it
 * the inputs of libFuzzer, and with seeds.c, which gives it the seeds of seeds/NAME and compares the
 * verdicts.
 *
 * Must never keep anything from one input to the next one.
 */
#ifndef ENVELOPE_FUZZ_H
#define ENVELOPE_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The target. Return: whether the reader accepts the input. */
bool fuzz_one(const uint8_t *bytes, size_t size);

/* The engine: @what must hold. If it does not, libFuzzer keeps the input, and a seed fails. */
void fuzz_holds(bool holds, const char *what);

#endif
