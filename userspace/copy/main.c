// SPDX-License-Identifier: MIT
/*
 * envelope-copy: copy a block device to another one, which encrypts it under its own key.
 *
 * The copied bytes stay in locked memory that is left out of core dumps and wiped at the end.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "copy/run.h"
#include "lib/base/secret.h"
#include "lib/base/standard_files.h"
#include "lib/base/text.h"

#define EXIT_INTERRUPTED 8

/** struct words - the command line */
struct words {
	const char *source, *destination;
	const char *state, *ranges, *identity;
	bool overwrite, json;
};

static int usage(FILE *stream)
{
	fputs("usage: envelope-copy --state FILE [--ranges FILE] [--identity TEXT] [--overwrite] [--json] SOURCE DESTINATION\n"
	      "\n"
	      "Copies a block device to another one, and then compares both. Run again after a failure, an\n"
	      "interruption or a reboot, the same command goes on where it was.\n"
	      "\n"
	      "  --state FILE     how far the copy is; made at the begin, to be removed at the end\n"
	      "  --ranges FILE    copy only these: a line has an offset and a length in bytes\n"
	      "  --identity TEXT  what else tells this copy from others, such as the name of a snapshot\n"
	      "  --overwrite      also copy to a device that is not empty\n"
	      "  --json           print progress as a line of JSON each second\n"
	      "  --help           show this help\n"
	      "  --version        show the version\n"
	      "\n"
	      "Exit status: 0 copied and compared, 8 interrupted; for others see envelope-copy(8).\n",
	      stream);
	return stream == stdout ? 0 : 2;
}

static int make_name(const struct words *words, const struct sides *sides,
		     const struct ranges *ranges, uint8_t name[CHECKPOINT_NAME], struct fault *f)
{
	_cleanup_text_ char *text =
		text_format("%s\n%s\n%s\n%llu\n%llu\n%d", words->source, words->destination,
			    words->identity ? words->identity : "",
			    (unsigned long long)sides->source_size,
			    (unsigned long long)sides->destination_size, words->ranges != NULL);
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	bool done = text && sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(sum, text, strlen(text) + 1) &&
		    EVP_DigestUpdate(sum, ranges->digest, sizeof(ranges->digest)) &&
		    EVP_DigestFinal_ex(sum, name, NULL);

	EVP_MD_CTX_free(sum);
	return done ? 0 : fault_set(f, "InternalFailure", "OpenSSL has no SHA-256.");
}

/* From the first note on, what the destination holds is this copy. */
static int begin(const struct words *words, struct run *run, struct fault *f)
{
	if (!checkpoint_is_new(run->checkpoint))
		return 0;
	if (!words->overwrite && sides_check_empty(run->sides, f)) {
		unlink(words->state);
		return -1;
	}
	return checkpoint_write(run->checkpoint, CHECKPOINT_COPY, 0, f);
}

static int copy_on(const struct words *words, struct run *run, struct fault *f)
{
	if (run->checkpoint->phase == CHECKPOINT_DONE) {
		if (!words->json)
			puts("copied and verified already");
		return 0;
	}
	return begin(words, run, f) ? -1 : run_copy(run, f);
}

static int copy(const struct words *words, struct fault *f)
{
	struct sides sides;
	struct ranges ranges = { 0 };
	struct checkpoint checkpoint = { .fd = -1 };
	struct run run = { .sides = &sides,
			   .ranges = &ranges,
			   .checkpoint = &checkpoint,
			   .progress.json = words->json };
	uint8_t name[CHECKPOINT_NAME];
	int r = -1;

	if (sides_open(&sides, words->source, words->destination, f))
		return -1;
	if (!ranges_open(&ranges, words->ranges, sides.source_size, f) &&
	    !sides_check_room(&sides, ranges.last, f) &&
	    !make_name(words, &sides, &ranges, name, f) &&
	    !checkpoint_open(&checkpoint, words->state, name, f))
		r = copy_on(words, &run, f);
	checkpoint_close(&checkpoint);
	ranges_close(&ranges);
	sides_close(&sides);
	return r;
}

/* Return: -1 to go on, or the exit status. */
static int parse(int argc, char **argv, struct words *words)
{
	static const struct option options[] = {
		{ "state", required_argument, NULL, 's' },
		{ "ranges", required_argument, NULL, 'r' },
		{ "identity", required_argument, NULL, 'i' },
		{ "overwrite", no_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		if (option == 's')
			words->state = optarg;
		else if (option == 'r')
			words->ranges = optarg;
		else if (option == 'i')
			words->identity = optarg;
		else if (option == 'o')
			words->overwrite = true;
		else if (option == 'j')
			words->json = true;
		else if (option == 'h')
			return usage(stdout);
		else if (option == 'v')
			return printf("envelope-copy %s\n", ENVELOPE_VERSION) < 0;
		else
			return usage(stderr);
	}
	if (!words->state || argc - optind != 2)
		return usage(stderr);
	words->source = argv[optind];
	words->destination = argv[optind + 1];
	return -1;
}

int main(int argc, char **argv)
{
	struct words words = { 0 };
	struct fault f;
	int r;

	standard_files_hold();
	secret_process_init();
	r = parse(argc, argv, &words);
	if (r >= 0)
		return r;
	r = copy(&words, &f);
	if (r == RUN_INTERRUPTED)
		fputs("envelope-copy: interrupted. Run the same command again to go on.\n", stderr);
	else if (r < 0)
		fprintf(stderr, "envelope-copy: %s: %s\n", f.code, f.message);
	return r < 0 ? fault_exit_code(f.code) : r ? EXIT_INTERRUPTED : 0;
}
