/* SPDX-License-Identifier: MIT */
/*
 * The rules of requests, as pure functions: no clock, no disk, no KMS. Each rule is AWS's where AWS
 * has one; tests/unit/rules_test.c lists them all.
 */
#ifndef ENVELOPE_RULES_H
#define ENVELOPE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/catalog/cluster.h"
#include "lib/base/fault.h"

#define RULES_DEFAULT_KEY "alias/aws/rds"

/* First word of the identity of a KMS that proves its identity. */
#define RULES_PROVED_KMS "envelope-kms "

/* First word of the reason of a cluster that the boot unit wants, and whose disk is not there. */
#define RULES_DISK_MISSING "disk-missing"

/**
 * struct create_request - parameters of CreateCluster, borrowed; NULL for what was not given
 * @host_region, @host_account: of this host's configuration
 */
struct create_request {
	const char *identifier;
	const char *device; /* also NULL for a volume in a pool */
	bool storage_encrypted;
	bool storage_plain; /* the client said that it is not to be encrypted */
	bool reach;	    /* a profile or an endpoint was given */
	const char *key;
	const char *region;
	int64_t sector_size; /* 0 for what was not given */
	bool allow_overwrite;
	bool allow_discards;
	const char *host_region;
	const char *host_account;
};

int rules_identifier(const char *identifier, struct fault *f);
int rules_create(const struct create_request *request, const char **key, struct fault *f);
int rules_key_metadata(const char *arn, const char *state, const char *region, struct fault *f);
int rules_region(const char *region, const char *host_region, struct fault *f);
int rules_start(const struct cluster *cluster, bool may_run, struct fault *f);
bool rules_waits_for_disk(const struct cluster *cluster);
bool rules_restart(const struct cluster *cluster, const char *policy);
int rules_stop(const struct cluster *cluster, struct fault *f);
int rules_delete(const struct cluster *cluster, bool skip_final_snapshot, struct fault *f);
int rules_restore_header(const struct cluster *cluster, struct fault *f);
int rules_backup_matches(const struct cluster *cluster, const struct volume_header *backup,
			 struct fault *f);
int rules_backup_header(const struct cluster *cluster, struct fault *f);
int rules_relocate(const struct cluster *cluster, const char *device, struct fault *f);

enum modification {
	MODIFY_KEY = 1,
	MODIFY_ENCRYPTION = 2,
	MODIFY_REGION = 4,
	MODIFY_DEVICE = 8,
	MODIFY_PROTECTION = 16,
	MODIFY_DISCARDS = 32,
	MODIFY_GROW = 64,
	MODIFY_REACH = 128,
	MODIFY_STORAGE = 256
};
int rules_modify(const struct cluster *cluster, unsigned int modifications, struct fault *f);

int rules_key_not_accessible(const char *key, struct fault *f, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int rules_key_lost(const struct cluster *cluster, struct fault *f);
int rules_confirm_loss(const struct cluster *cluster, struct fault *f);
int rules_denial(const struct grant *last, const struct grant *now, const struct fault *denial,
		 struct fault *f);
int rules_grant(const struct grant *last, const struct grant *now, struct fault *f);
int rules_change(const char *kms, int64_t newest, int64_t now, struct fault *f);
bool rules_same_kms(const char *last, const char *now);
bool rules_header_kms(const struct grant *last, const struct volume_header *header,
		      const char *host);
bool rules_window_open(uint64_t spent, unsigned int window);

#endif
