#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What is left of plaintext keys in the memory of envelope-kms after it has
# handled them: see kms_memory.py. The same daemon linked without wipe_malloc.c
# is the negative control.

set -e
cd "$(dirname "$0")/../.."
built=${USERSPACE_BUILD:-build/userspace}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# The objects of the sources that exist: a build folder may hold older ones too.
mapfile -t objects < <(find userspace/kms -name '*.c' | sed "s|^userspace\(.*\)c\$|$built\1o|")
# shellcheck disable=SC2046
cc -pie -o "$scratch/envelope-kms-unwiped" "${objects[@]}" "$built/lib/http/receive.o" "$built/libenvelope.a" \
	$(pkg-config --libs libmicrohttpd gnutls openssl json-c libsystemd sqlite3 zlib libxml-2.0)
/usr/bin/python3 tests/host/kms_memory.py "$built/envelope-kms" "$scratch/envelope-kms-unwiped"
