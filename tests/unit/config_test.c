// SPDX-License-Identifier: MIT
/*
 * envelope.conf and credentials files: defaults, every kind of wrong line, and the refusal of a
 * credentials file that others can read.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/base/config.h"
#include "lib/base/file.h"

static char path[] = "/tmp/envelope-config-test-XXXXXX";
static char fifo[sizeof(path) + 8];

static int make_file(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	return unsetenv("ENVELOPE_CONFIG");
}

static int drop_file(void **state)
{
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void defaults(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };

	write_file("\n# nothing but a comment\n; and another\n");
	assert_int_equal(config_load(path, &cfg, NULL), 0);
	assert_string_equal(cfg.region, "us-east-1");
	assert_string_equal(cfg.kms_endpoint, "unix:/run/envelope-kms/kms.sock");
	assert_string_equal(cfg.state_directory, "/var/lib/envelope");
	assert_int_equal(cfg.lease_seconds, 60);
	assert_int_equal(cfg.renew_seconds, 20);
	assert_int_equal(cfg.kms_timeout_seconds, 5);
	assert_int_equal(cfg.recovery_window_seconds, 0);
}

static void values_and_last_one_wins(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };

	write_file(
		"Region = eu-west-1\n\tAccountId=210987654321  \nLeaseSeconds=30\n"
		"KmsEndpoint=https://kms.eu-west-1.amazonaws.com\nProfile=a=b\nRegion=eu-west-2");
	assert_int_equal(config_load(path, &cfg, NULL), 0);
	assert_string_equal(cfg.region, "eu-west-2");
	assert_string_equal(cfg.account_id, "210987654321");
	assert_string_equal(cfg.profile, "a=b");
	assert_int_equal(cfg.renew_seconds, 10);
}

/* Every allowed lease gets a timeout that fits, without a configured timeout. */
static void timeout_fits_the_lease(void **state)
{
	for (unsigned int lease = 5; lease <= 60; lease++) {
		_cleanup_config_ struct config cfg = { 0 };
		char text[64];

		snprintf(text, sizeof(text), "LeaseSeconds=%u\n", lease);
		write_file(text);
		assert_int_equal(config_load(path, &cfg, NULL), 0);
		assert_true(cfg.kms_timeout_seconds >= 1);
		assert_true(cfg.renew_seconds + 2 * cfg.kms_timeout_seconds <= lease);
	}
}

/* Unanswered calls to each of the endpoints fit as well, twice. */
static void timeouts_of_all_endpoints_fit_the_lease(void **state)
{
	for (unsigned int lease = 12; lease <= 60; lease++) {
		_cleanup_config_ struct config cfg = { 0 };
		char text[96];

		snprintf(text, sizeof(text),
			 "KmsEndpoint=unix:/a unix:/b unix:/c\nLeaseSeconds=%u\n", lease);
		write_file(text);
		assert_int_equal(config_load(path, &cfg, NULL), 0);
		assert_true(cfg.kms_timeout_seconds >= 1);
		assert_true(cfg.renew_seconds + 2 * 3 * cfg.kms_timeout_seconds <= lease);
	}
}

static void environment_names_the_file(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };

	write_file("Region=ap-south-1\n");
	setenv("ENVELOPE_CONFIG", path, 1);
	assert_int_equal(config_load(NULL, &cfg, NULL), 0);
	unsetenv("ENVELOPE_CONFIG");
	assert_string_equal(cfg.region, "ap-south-1");
}

static void refused(const char *text, const char *says)
{
	struct config cfg;
	struct fault f = { 0 };

	write_file(text);
	if (config_load(path, &cfg, &f) == 0)
		fail_msg("accepted: %s", text);
	assert_string_equal(f.code, "InvalidConfiguration");
	if (!strstr(f.message, says))
		fail_msg("'%s' does not say '%s'", f.message, says);
	assert_non_null(strstr(f.message, path));
}

static void wrong_lines(void **state)
{
	refused("Regoin=us-east-1\n", ":1: The key Regoin is unknown");
	refused("\nRegion\n", ":2: Expected Key=value");
	refused("=x\n", "Expected Key=value");
	refused("[section]\nRegion=us-east-1\n", "no sections");
	refused("[section\n", "[name]");
	refused("Region=US\n", "us-east-1");
	refused("Region=\n", "us-east-1");
	refused("AccountId=12345678901\n", "12 digits");
	refused("KmsEndpoint=http://x\n", "unix:/PATH or https://");
	refused("KmsEndpoint=unix:relative\n", "unix:/PATH");
	refused("LeaseSeconds=4\n", "5 to 3600 seconds");
	refused("MaxDenials=101\n", "0 to 100 keys");
	refused("LeaseSeconds=60s\n", "5 to 3600");
	refused("LeaseSeconds=-60\n", "5 to 3600");
	refused("LeaseSeconds=\n", "5 to 3600");
	refused("LeaseSeconds=99999999999999999999\n", "5 to 3600");
	refused("LeaseSeconds=10\nRenewSeconds=10\n", "less than LeaseSeconds");
	refused("LeaseSeconds=60\nKmsTimeoutSeconds=60\n",
		"KmsTimeoutSeconds=60 must be less than 40");
	refused("LeaseSeconds=60\nKmsTimeoutSeconds=40\n", "40 seconds are left");
	refused("LeaseSeconds=60\nRenewSeconds=50\nKmsTimeoutSeconds=40\n", "40 seconds are left");
	refused("LeaseSeconds=60\nRenewSeconds=1\nKmsTimeoutSeconds=59\n", "less than 59");
	refused("KmsEndpoint=unix:/a unix:/b\nLeaseSeconds=60\nKmsTimeoutSeconds=20\n",
		"for each of 2 endpoints must be less than 40 in all");
}

/* libcurl ignores a host of NoProxy= that it does not know: such a host would be asked through the proxy. */
static void hosts_without_proxy(void **state)
{
	static const char *const good[] = {
		"",
		"*",
		"localhost,.example.com",
		"kms.example.com 10.0.0.0/8\t127.0.0.1",
		"::1",
		"fd00::1, FE80::1",
		"10.1.2.3/32",
	};
	_cleanup_config_ struct config cfg = { 0 };
	char text[200];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(text, sizeof(text), "NoProxy=%s\n", good[i]);
		write_file(text);
		if (config_load(path, &cfg, NULL))
			fail_msg("refused: %s", text);
		config_free(&cfg);
	}
	refused("NoProxy=[::1]\n",
		":1: NoProxy=[::1] is not valid: write an IPv6 address without brackets.");
	refused("NoProxy=a,fe80::1%eth0\n",
		"NoProxy=fe80::1%eth0 is not valid: write an IPv6 address without a zone");
	refused("NoProxy=fd00::/8\n", "IPv6 networks are not known");
	refused("NoProxy=0:0:0:0:0:0:0:1\n", "in its shortest form");
	refused("NoProxy=::ffff:zz\n", "in its shortest form");
	refused("NoProxy=kms:443\n", "the host has a port");
	refused("NoProxy=https://kms\n", "the name of the host alone");
	refused("NoProxy=*.example.com\n", "stands for its subdomains");
	refused("NoProxy=10.0.0.0/33\n", "with 1 to 32 bits");
	refused("NoProxy=0.0.0.0/0\n", "with 1 to 32 bits");
	refused("NoProxy=10.0.0/8\n", "write a network as");
	refused("NoProxy=10.0.0.0/8x\n", "write a network as");
}

/* What can be used of a file with faults, and whether the KMS that it means is known. */
static void all_faults_at_once(void **state)
{
	static const struct {
		const char *text;
		unsigned int count;
		bool no_calls;
	} files[] = {
		{ "Region=eu-west-1\nLeaseSeconds=6O\nFencing=perhaps\nMaxDenials=x\n", 3, false },
		{ "Region=eu-west-1\nLeaseSeconds=30\nRenewSeconds=40\nKmsTimeoutSeconds=100\n", 2,
		  false },
		{ "Region=eu-west-1\nKmsEndpont=unix:/x\nLeaseSeconds=1\n", 2, true },
		{ "Region=eu-west-1\nKmsEndpoint=https://kms:0\n", 1, true },
		{ "Region=eu-west-1\nx\n[y]\nz=1\n", 2, true },
		{ "Region=eu-west-1\n", 0, false },
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		_cleanup_config_ struct config cfg = { 0 };
		struct faults all = { .each = faults_quiet };

		write_file(files[i].text);
		assert_int_equal(config_load_all(path, &cfg, &all), files[i].count ? -1 : 0);
		assert_int_equal(all.count, files[i].count);
		assert_int_equal(cfg.no_calls, files[i].no_calls);
		assert_int_equal(cfg.makeshift, files[i].count != 0);
		assert_string_equal(cfg.region, "eu-west-1");
		assert_true(cfg.renew_seconds < cfg.lease_seconds);
		assert_int_equal(config_check_endpoints(&cfg, NULL), 0);
	}
}

/* A default in place of such a line could make a loss final that a person wanted to look at. */
static void a_faulty_line_makes_no_loss_final(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };
	struct faults all = { .each = faults_quiet };

	write_file("MaxDenials=none\nRecoveryWindowSeconds=a day\n");
	assert_int_equal(config_load_all(path, &cfg, &all), -1);
	if (cfg.max_denials != 0 || cfg.recovery_window_seconds != 604800)
		fail_msg("seen MaxDenials=%u and RecoveryWindowSeconds=%u", cfg.max_denials,
			 cfg.recovery_window_seconds);
}

static void no_line_is_too_long(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };
	char text[9000];

	snprintf(text, sizeof(text), "# %08000d\nWorker=/%0900d\n", 0, 0);
	write_file(text);
	assert_int_equal(config_load(path, &cfg, NULL), 0);
	assert_int_equal(strlen(cfg.worker), 901);
}

static void byte_order_mark_is_skipped(void **state)
{
	_cleanup_config_ struct config cfg = { 0 };

	write_file("\xef\xbb\xbfRegion=eu-west-1\r\n");
	assert_int_equal(config_load(path, &cfg, NULL), 0);
	assert_string_equal(cfg.region, "eu-west-1");
	refused("\xef\xbb\xbf\nregion\n", ":2: Expected Key=value");
}

static void named_file_must_exist(void **state)
{
	struct config cfg;
	struct fault f = { 0 };

	assert_int_equal(config_load("/nonexistent/envelope.conf", &cfg, &f), -1);
	assert_non_null(strstr(f.message, "/nonexistent/envelope.conf"));
}

#define PROFILES                                                                              \
	"[other]\naws_access_key_id=AKIAOTHER\naws_secret_access_key=no\n"                    \
	"[enveloped]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = wJalr/K7+x=\n" \
	"region = us-east-1\n"

static void credentials_of_the_profile(void **state)
{
	_cleanup_credentials_ struct credentials c;

	write_file(PROFILES);
	chmod(path, 0600);
	assert_int_equal(credentials_load(path, "enveloped", &c, NULL), 0);
	assert_string_equal(c.access_key, "AKIDEXAMPLE");
	assert_string_equal(c.secret_key, "wJalr/K7+x=");
	assert_string_equal(c.session_token, "");
}

static void credentials_refused(const char *text, mode_t mode, const char *says)
{
	struct credentials c, zero = { 0 };
	struct fault f = { 0 };

	write_file(text);
	chmod(path, mode);
	assert_int_equal(credentials_load(path, "enveloped", &c, &f), -1);
	chmod(path, 0600);
	if (!strstr(f.message, says))
		fail_msg("'%s' does not say '%s'", f.message, says);
	assert_null(strstr(f.message, "wJalr"));
	assert_memory_equal(&c, &zero, sizeof(c));
}

static void bad_credentials(void **state)
{
	char text[512];

	credentials_refused(PROFILES, 0640, "chmod 600");
	credentials_refused(PROFILES, 0604, "chmod 600");
	credentials_refused("[other]\naws_access_key_id=A\n", 0600, "profile [enveloped] needs");
	credentials_refused("[enveloped]\naws_secret_access_key=wJalr\n", 0600, "needs");
	credentials_refused("[enveloped]\nwJalr\n", 0600, "Expected Key=value");
	snprintf(text, sizeof(text), "[enveloped]\naws_access_key_id=%0200d\n", 1);
	credentials_refused(text, 0600, ":2: The value has 200 bytes. Give at most 131.");
}

/* Session tokens of 4 to 8 KiB are seen, and AWS sets no limit. */
static void long_session_token(void **state)
{
	_cleanup_credentials_ struct credentials c;
	static const size_t sizes[] = { 2049, 2050, 8192, 16383 };
	char text[17000];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(text, sizeof(text), PROFILES "aws_session_token = %0*d\n", (int)sizes[i],
			 7);
		write_file(text);
		chmod(path, 0600);
		assert_int_equal(credentials_load(path, "enveloped", &c, NULL), 0);
		assert_int_equal(strlen(c.session_token), sizes[i]);
	}
}

#define FOREIGN "junk\n[broken\n%05000d\n[a] # b\n=x\n[tools]\naws_session_token=%020000d\n[]\nx\n"

/* Other programs keep their profiles in the same file. */
static void foreign_profiles_are_not_judged(void **state)
{
	_cleanup_credentials_ struct credentials c;
	char text[30000];
	int size = snprintf(text, sizeof(text), "\xef\xbb\xbf" FOREIGN, 0, 0);

	snprintf(text + size, sizeof(text) - (size_t)size, PROFILES "[last]\nwithout end");
	write_file(text);
	chmod(path, 0600);
	assert_int_equal(credentials_load(path, "enveloped", &c, NULL), 0);
	assert_string_equal(c.access_key, "AKIDEXAMPLE");
	snprintf(text + size, sizeof(text) - (size_t)size, "[enveloped]\nwJalr\n");
	credentials_refused(text, 0600, ":11: Expected Key=value");
}

static void wake(int signal)
{
}

/* The event loop reads these files: the open of a FIFO would wait for a writer without end. */
static void only_a_regular_file_is_opened(void **state)
{
	const struct itimerval again = { { 1, 0 }, { 1, 0 } }, never = { 0 };
	const struct sigaction end_of_wait = { .sa_handler = wake }; /* without SA_RESTART */
	const char *const kinds[] = { fifo, "/tmp", "/dev/zero" };
	_cleanup_credentials_ struct credentials c;
	struct config cfg;
	struct fault f;
	char *text;

	sigaction(SIGALRM, &end_of_wait, NULL);
	setitimer(ITIMER_REAL, &again, NULL);
	snprintf(fifo, sizeof(fifo), "%s.fifo", path);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		assert_int_equal(config_load(kinds[i], &cfg, &f), -1);
		assert_non_null(strstr(f.message, kinds[i]));
		assert_non_null(strstr(f.message, "it is a pipe, a device or a folder"));
		assert_int_equal(file_read_text(kinds[i], 100, &text, &f), -1);
		assert_non_null(strstr(f.message, "it is a pipe, a device or a folder"));
	}
	assert_int_equal(credentials_load(fifo, "enveloped", &c, &f), -1);
	assert_non_null(strstr(f.message, "it is a pipe, a device or a folder"));
	unlink(fifo);
	setitimer(ITIMER_REAL, &never, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(values_and_last_one_wins),
		cmocka_unit_test(timeout_fits_the_lease),
		cmocka_unit_test(timeouts_of_all_endpoints_fit_the_lease),
		cmocka_unit_test(environment_names_the_file),
		cmocka_unit_test(wrong_lines),
		cmocka_unit_test(hosts_without_proxy),
		cmocka_unit_test(all_faults_at_once),
		cmocka_unit_test(a_faulty_line_makes_no_loss_final),
		cmocka_unit_test(no_line_is_too_long),
		cmocka_unit_test(byte_order_mark_is_skipped),
		cmocka_unit_test(named_file_must_exist),
		cmocka_unit_test(credentials_of_the_profile),
		cmocka_unit_test(bad_credentials),
		cmocka_unit_test(long_session_token),
		cmocka_unit_test(foreign_profiles_are_not_judged),
		cmocka_unit_test(only_a_regular_file_is_opened),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("config", tests, make_file, drop_file);
}
