/* SPDX-License-Identifier: MIT */
/*
 * The faults of one configuration. A function that finds several hands each but its last one to
 * faults_add(), and returns the last one as its own.
 */
#ifndef ENVELOPE_FAULTS_H
#define ENVELOPE_FAULTS_H

#include "lib/base/fault.h"

/**
 * struct faults
 * @each: gets each fault; NULL: the log gets it
 */
struct faults {
	unsigned int count;
	struct fault first;
	void (*each)(const struct fault *f, void *userdata);
	void *userdata;
};

void faults_add(struct faults *all, const struct fault *f);
void faults_quiet(const struct fault *f, void *userdata);
void faults_sum_up(const struct faults *all, struct fault *f);

#endif
