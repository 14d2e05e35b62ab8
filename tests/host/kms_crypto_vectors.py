# SPDX-License-Identifier: MIT
#
# NIST's CAVP vectors of AES-256-GCM and the ones of RFC 5869, as Debian's python3-cryptography-vectors has
# them, against what seals and opens in envelope-kms: kms/keys/crypto.c.

import json
import os
import re
import subprocess
import sys

import cryptography_vectors

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))

from tap import Tap  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = sys.argv[1]
VECTORS = os.path.dirname(cryptography_vectors.__file__)
USED = {"Keylen": 256, "IVlen": 96, "Taglen": 128}  # the sizes of crypto.c
KEY_BYTES = 32  # that crypto_derive() gives
tap = Tap(*sys.argv[2:])


def gcm(name):
    """The vectors of a file of CAVP with the sizes of crypto.c, as dictionaries of hex. FAIL says that one is forged."""
    sizes, found, vector = {}, [], None
    with open(f"{VECTORS}/ciphers/AES/GCM/{name}", encoding="ascii") as f:
        for line in map(str.strip, f):
            if size := re.fullmatch(r"\[(\w+) = (\d+)\]", line):
                sizes[size[1]] = int(size[2])
            elif line.startswith("Count ="):
                vector = {"FAIL": False}
                if {k: sizes[k] for k in USED} == USED:
                    found.append(vector)
            elif line == "FAIL":
                vector["FAIL"] = True
            elif " =" in line:
                member, value = line.split(" =")
                vector[member] = value.strip()
    return found


def hkdf():
    """The vectors of RFC 5869 for SHA-256."""
    found = []
    with open(f"{VECTORS}/KDF/rfc-5869-HKDF-SHA256.txt", encoding="ascii") as f:
        for line in map(str.strip, f):
            if line.startswith("COUNT"):
                found.append({})
            elif found and " =" in line:
                member, value = line.split(" =")
                found[-1][member.strip()] = value.strip()
    return found


def answers(requests):
    """What crypto.c makes of REQUESTS: a line of each."""
    done = subprocess.run([PROGRAM], input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-3000:]}"
    lines = done.stdout.splitlines()
    assert len(lines) == len(requests), (len(lines), len(requests))
    return lines


def compare(vectors, requests, expected):
    different = [(v, e, s) for v, e, s in zip(vectors, expected, answers(requests)) if e != s]
    assert not different, f"{len(different)} of {len(vectors)} differ, the first (vector, expected, seen): {different[0]}"


def sealed(v):
    return v["IV"] + v["CT"] + v["Tag"]


def opening(v):
    return {"open": {"key": v["Key"], "aad": v["AAD"], "sealed": sealed(v)}}


@tap.test("sealing gives NIST's ciphertext and tag for each vector of gcmEncryptExtIV256 with the KMS's sizes, and opens it")
def _():
    vectors = gcm("gcmEncryptExtIV256.rsp")
    assert len(vectors) == 375 and not any(v["FAIL"] for v in vectors), len(vectors)
    compare(vectors, [{"seal": {"key": v["Key"], "nonce": v["IV"], "aad": v["AAD"], "plain": v["PT"]}} for v in vectors],
            [sealed(v) for v in vectors])
    compare(vectors, [opening(v) for v in vectors], [v["PT"] for v in vectors])
    tap.comment(f"{len(vectors)} vectors sealed and opened")


@tap.test("opening gives NIST's plaintext for each vector of gcmDecrypt256 with the KMS's sizes, and refuses each forged one")
def _():
    vectors = gcm("gcmDecrypt256.rsp")
    forged = [v for v in vectors if v["FAIL"]]
    assert (len(vectors), len(forged)) == (375, 191), (len(vectors), len(forged))
    compare(vectors, [opening(v) for v in vectors], ["refused" if v["FAIL"] else v["PT"] for v in vectors])
    tap.comment(f"{len(vectors) - len(forged)} vectors opened, {len(forged)} refused")


@tap.test("a derived key begins as each of RFC 5869's keys for SHA-256")
def _():
    vectors = hkdf()
    assert len(vectors) == 3, len(vectors)
    compare(vectors, [{"derive": {"key": v["IKM"], "salt": v.get("salt", ""), "purpose": v.get("info", "")}} for v in vectors],
            [v["OKM"][:2 * KEY_BYTES] for v in vectors])
    tap.comment(f"{len(vectors)} vectors derived")


sys.exit(tap.finish())
