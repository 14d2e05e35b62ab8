/* SPDX-License-Identifier: MIT */
/*
 * /etc/envelope/envelope.conf and AWS shared-credentials files.
 *
 * Must never log a credential.
 */
#ifndef ENVELOPE_CONFIG_H
#define ENVELOPE_CONFIG_H

#include <stdbool.h>

#include "lib/base/fault.h"
#include "lib/base/faults.h"

#define CONFIG_PATH	       "/etc/envelope/envelope.conf"

#define CONFIG_STATE_DIRECTORY "/var/lib/envelope"
#define CONFIG_AGENT_SOCKET    "/run/envelope/agent.sock"

#define CONFIG_DENIALS_MAX     100
#define CONFIG_KEYS	       24

struct config {		    /* strings are owned and never NULL once loaded; "" means unset */
	char *region;	    /* Region=us-east-1 */
	char *account_id;   /* AccountId=, 12 digits */
	char *kms_endpoint; /* KmsEndpoint=unix:PATH or https://HOST[:PORT], also several */
	char *ca_file;	    /* CaFile=, "" for the system's */
	char *proxy;	    /* Proxy=http://HOST:PORT, "" for none */
	char *no_proxy;	    /* NoProxy=HOST,... */
	char *proxy_credentials_file;	  /* ProxyCredentialsFile=, "" for none */
	char *credentials_file;		  /* CredentialsFile= */
	char *profile;			  /* Profile= in the credentials file */
	char *state_directory;		  /* StateDirectory= */
	char *agent_socket;		  /* AgentSocket= */
	char *read_only_group;		  /* ReadOnlyGroup=, "" for none */
	char *audit_file;		  /* AuditFile= */
	char *worker;			  /* Worker=, "" for the installed envelope-kms-worker */
	char *restart_after_lease_end;	  /* RestartAfterLeaseEnd=boot, yes or no */
	char *fencing;			  /* Fencing=auto or no */
	unsigned int lease_seconds;	  /* LeaseSeconds=, 5 to 3600 */
	unsigned int renew_seconds;	  /* RenewSeconds=, default a third of the lease */
	unsigned int kms_timeout_seconds; /* KmsTimeoutSeconds=, 1 to 300 */
	unsigned int recovery_window_seconds; /* RecoveryWindowSeconds=, 0 to 604800 */
	unsigned int device_timeout_seconds;  /* DeviceTimeoutSeconds=, 1 to 3600 */
	unsigned int max_denials;	      /* MaxDenials=, 0 to CONFIG_DENIALS_MAX */
	unsigned int snapshot_quota;	      /* SnapshotQuota=, 0 to 100000 */
	unsigned int snapshot_hold_seconds;   /* SnapshotHoldSeconds=, 1 to 60 */
	bool profile_alone; /* no key: profile is a cluster's own, so no other source counts */
	/* No keys: what was found when the file was read. */
	char *file;			 /* that was read; NULL without memory */
	unsigned int lines[CONFIG_KEYS]; /* where each key is, 0 for nowhere; see config_place() */
	unsigned int line_count;	 /* of the file; 0 also if it cannot be read */
	bool unset;			 /* the file is missing, or sets nothing */
	bool missing;			 /* there is no such file */
	bool makeshift;			 /* a line has a fault: a default stands in for it */
	bool no_calls; /* such a line may say which KMS is asked, and for whom: none is asked */
};

int config_load(const char *path, struct config *cfg, struct fault *f);
int config_load_all(const char *path, struct config *cfg, struct faults *all);
void config_place(const struct config *cfg, const char *key, struct fault *f);
int config_take_default(struct config *cfg, const char *key);
int config_check_endpoints(const struct config *cfg, struct fault *f);
char *config_text(const struct config *cfg);
int config_copy(const struct config *cfg, struct config *ret);

void config_free(struct config *cfg);
#define _cleanup_config_ __attribute__((cleanup(config_free)))

/** struct credentials - AWS sets no limit to a session token; tokens of 4 to 8 KiB are seen */
struct credentials {
	char access_key[132];
	char secret_key[132];
	char session_token[16384]; /* "" unless temporary */
};

int credentials_check_private(const char *path, struct fault *f);

int credentials_load(const char *path, const char *profile, struct credentials *c, struct fault *f);

void credentials_wipe(struct credentials *c);
#define _cleanup_credentials_ __attribute__((cleanup(credentials_wipe)))

#endif
