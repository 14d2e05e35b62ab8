# SPDX-License-Identifier: MIT
#
# Plaintext keys go through envelope-kms in every way. Then the test searches all of its memory for
# them: raw, in halves, hex, base64 at each alignment.

import base64
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kms_daemon import Kms, b64, unb64
from tap import Tap

tap = Tap()


def forms(secret):
    """Byte strings that give the secret away, by name."""
    half = len(secret) // 2
    found = {"raw": secret, "first half": secret[:half], "second half": secret[half:],
             "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode()}
    for shift in range(3):
        # The middle of the base64 text does not depend on the neighbouring bytes.
        text = base64.b64encode(b"\0" * shift + secret)
        found[f"base64 shifted by {shift}"] = text[4:len(text) - 4]
    return found


def memory(pid):
    """Every readable mapping of the stopped process: (name, bytes)."""
    os.kill(pid, signal.SIGSTOP)
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
            for line in maps:
                start, end, perms, name = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line).groups()
                if "r" not in perms or name in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                    continue
                mem.seek(int(start, 16))
                try:
                    yield name, mem.read(int(end, 16) - int(start, 16))
                except OSError:
                    continue  # guard pages and such
    finally:
        os.kill(pid, signal.SIGCONT)


def search(pid, secrets):
    hits = []
    for name, content in memory(pid):
        for i, secret in enumerate(secrets):
            for form, needle in forms(secret).items():
                if needle in content:
                    hits.append(f"secret {i} as {form} in {name or 'anonymous memory'}")
    return hits


def exercise(program, operate):
    """Secrets found in the daemon's memory after operate(kms) has returned them."""
    kms = Kms(program)
    try:
        kms.start()
        secrets = operate(kms)
        assert all(len(s) == 64 for s in secrets)
        # The reply is sent before its buffers are freed, so wait a moment.
        deadline = time.monotonic() + 2
        while (hits := search(kms.process.pid, secrets)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return hits
    finally:
        kms.close()


def over_tls(kms):
    key = kms.new_key()["KeyId"]
    made = kms.good("GenerateDataKey", {"KeyId": key, "NumberOfBytes": 64})
    opened = kms.good("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]})
    own = os.urandom(64)
    sealed = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(own)})
    kms.good("ReEncrypt", {"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": key})
    return [unb64(opened["Plaintext"]), own]


def over_unix(kms):
    key = kms.new_key()["KeyId"]
    private = f"{kms.dir}/recipient.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-outform", "DER"], check=True,
                         capture_output=True).stdout
    recipient = {"AttestationDocument": b64(der), "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    secrets = []
    for _i in range(3):
        made = kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": key, "NumberOfBytes": 64}, transport="unix")
        opened = kms.good("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "Recipient": recipient},
                          transport="unix")
        kms.bad("DryRunOperationException", "Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "DryRun": True},
                transport="unix")
        secrets.append(subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", private], check=True,
                                      input=unb64(opened["CiphertextForRecipient"]), capture_output=True).stdout)
    return secrets


def kept_alive(kms):
    """Connections that the client does not close."""
    key = kms.new_key()["KeyId"]
    secrets, connection = [], kms.connection

    def lasting(transport):
        made = connection(transport)
        made.close = lambda: kms.open.append(made)
        return made

    kms.open = []
    kms.connection = lasting
    own = os.urandom(64)
    secrets.append(own)
    kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(own)})
    secrets.append(unb64(kms.good("GenerateDataKey", {"KeyId": key, "NumberOfBytes": 64})["Plaintext"]))
    kms.good("ListKeys")
    kms.bad("ValidationException", "Encrypt", {"KeyId": key, "Plaintext": b64(own)}, transport="unix")
    assert len(set(map(id, kms.open))) == 4
    return secrets


def refused(kms):
    """Requests that carry plaintext and fail, one for each place where they can fail."""
    key = kms.new_key()["KeyId"]
    secrets = [os.urandom(64) for _i in range(6)]
    texts = [b64(s) for s in secrets]
    request = {"KeyId": key, "Plaintext": texts[0]}
    kms.bad("InvalidSignatureException", "Encrypt", request, secret_key="wrong")
    kms.bad("SerializationException", "Encrypt", body=json.dumps({"Plaintext": texts[1]}).encode()[:-1])
    kms.bad("NotFoundException", "Encrypt", {"KeyId": "alias/none", "Plaintext": texts[2]})
    kms.bad("ValidationException", "Encrypt", {"KeyId": key, "Plaintext": texts[3]}, transport="unix")
    kms.bad("UnknownOperationException", "Encrypted", {"KeyId": key, "Plaintext": texts[4]})
    kms.bad("RequestEntityTooLargeException", "Encrypt",
            body=json.dumps({"Plaintext": texts[5], "Pad": "x" * 70000}).encode(), status=413)
    return secrets


def nothing_left(operate):
    hits = exercise(sys.argv[1], operate)
    assert not hits, "\n".join(hits)


def something_left():
    hits = exercise(sys.argv[2], over_tls)
    assert hits, "the search finds nothing even without wiping: it proves nothing"


def master_keys():
    """The root key is in memory once, and locked. Master keys are in memory during a call only."""
    kms = Kms(sys.argv[1])
    try:
        kms.start()
        key = kms.new_key()["KeyId"]
        kms.good("GenerateDataKey", {"KeyId": key, "NumberOfBytes": 64})
        kms.good("RotateKeyOnDemand", {"KeyId": key})
        kms.good("GenerateDataKey", {"KeyId": key, "NumberOfBytes": 64})
        kms.good("DisableKey", {"KeyId": key})
        with open(kms.root_key, "rb") as f:
            root = f.read()
        with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
            rows = db.execute("SELECT record, seal FROM keys UNION ALL SELECT record, seal FROM materials").fetchall()
        masters = [AESGCM(root).decrypt(seal[:12], seal[12:], record.encode()) for record, seal in rows]
        assert [len(master) for master in masters] == [32, 32]
        hits = search(kms.process.pid, masters)
        assert not hits, "\n".join(hits)
        places = sum(content.count(root) for _name, content in memory(kms.process.pid))
        assert places == 1, f"the root key is in memory {places} times"
    finally:
        kms.close()


def sealed_off():
    kms = Kms(sys.argv[1])
    try:
        kms.start()
        pid = kms.process.pid
        with open(f"/proc/{pid}/limits", encoding="utf-8") as f:
            core = [line for line in f if line.startswith("Max core file size")][0].split()
        assert core[4:6] == ["0", "0"], core
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            status = f.read()
        assert int(re.search(r"VmLck:\s+(\d+)", status).group(1)) > 0, status
    finally:
        kms.close()


tap.check("negative control: without wiping, freed plaintext is found", something_left)
tap.check("no plaintext is left after GenerateDataKey, Decrypt, Encrypt and ReEncrypt over TLS", nothing_left, over_tls)
tap.check("no plaintext is left after Decrypt with a Recipient and dry runs over the unix socket", nothing_left, over_unix)
tap.check("a connection that stays open keeps no plaintext", nothing_left, kept_alive)
tap.check("no plaintext is left after refused requests that carried it", nothing_left, refused)
tap.check("no master key is left, and the root key is in memory exactly once", master_keys)
tap.check("no core file, memory locked", sealed_off)
sys.exit(tap.finish())
