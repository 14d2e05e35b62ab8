# SPDX-License-Identifier: MIT
#
# Ciphertexts and plaintext of envelope-kms: sizes, encryption contexts, altered blobs, DryRun, the
# unix socket that carries no plaintext, and Recipient.

import os
import subprocess
import sys

from kms_daemon import ACCOUNT, REGION, Kms, b64, unb64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test


def arn(key_id, account=ACCOUNT):
    return f"arn:aws:kms:{REGION}:{account}:key/{key_id}"


kms.start()

# ---------------------------------------------------------------- ciphertexts

main_key = kms.new_key()["KeyId"]
CONTEXT = {"aws:rds:db-id": "cluster-A", "dm-envelope:volume-id": "vol-1", "dm-envelope:header-sha256": "00"}


@test("Encrypt and Decrypt of 1 to 4096 bytes; 0 and 4097 are refused")
def _():
    for size in (1, 2, 31, 32, 64, 1024, 4095, 4096):
        plain = os.urandom(size)
        sealed = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": b64(plain), "EncryptionContext": CONTEXT})
        assert sealed["KeyId"] == arn(main_key) and sealed["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
        assert plain not in unb64(sealed["CiphertextBlob"]) or size < 3
        opened = kms.good("Decrypt", {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": CONTEXT})
        assert unb64(opened["Plaintext"]) == plain and opened["KeyId"] == arn(main_key)
    for size in (0, 4097):
        kms.bad("ValidationException", "Encrypt", {"KeyId": main_key, "Plaintext": b64(b"x" * size)})
    kms.bad("SerializationException", "Encrypt", {"KeyId": main_key, "Plaintext": "not base64!"})
    kms.bad("ValidationException", "Encrypt", {"KeyId": main_key})


@test("the same plaintext never gives the same ciphertext")
def _():
    blobs = {kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})["CiphertextBlob"] for _i in range(20)}
    assert len(blobs) == 20


@test("the order of an encryption context does not matter")
def _():
    sealed = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": CONTEXT})
    backwards = dict(reversed(list(CONTEXT.items())))
    kms.good("Decrypt", {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": backwards})


@test("a wrong encryption context: InvalidCiphertextException")
def _():
    sealed = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": {"ab": "c", "d": "e"}})
    wrong = (None, {}, {"ab": "c"}, {"ab": "c", "d": "f"}, {"ab": "c", "d": "e", "x": "y"}, {"a": "bc", "d": "e"},
             {"AB": "c", "d": "e"}, {"ab": "cd", "e": ""}, {"ab": "e", "d": "c"}, {"c": "ab", "e": "d"})
    for context in wrong:
        params = {"CiphertextBlob": sealed["CiphertextBlob"]}
        if context is not None:
            params["EncryptionContext"] = context
        kms.bad("InvalidCiphertextException", "Decrypt", params)
    empty = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": {}})
    kms.good("Decrypt", {"CiphertextBlob": empty["CiphertextBlob"]})


@test("an encryption context of wrong type or size is refused")
def _():
    for context in ({"a": 1}, {"a": None}, ["a"], "a", {"a": {}}, {"a": "\0"}):
        kms.bad("SerializationException", "Encrypt",
                {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": context})
    for context in ({"": "a"}, {"a": "x" * 8192}):
        kms.bad("ValidationException", "Encrypt",
                {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": context})
    kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA==", "EncryptionContext": {"a": "x" * 8191}})


@test("no altered ciphertext decrypts: each byte flipped, each length")
def _():
    blob = unb64(kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eHl6"})["CiphertextBlob"])
    kms.good("Decrypt", {"CiphertextBlob": b64(blob)})  # negative control
    refusals = ("InvalidCiphertextException", "AccessDeniedException")
    for i in range(len(blob)):
        bent = blob[:i] + bytes([blob[i] ^ 1]) + blob[i + 1:]
        reply = kms.call("Decrypt", {"CiphertextBlob": b64(bent)})
        assert reply.error in refusals, f"byte {i}: {reply.text}"
        # A request that names the key, as the agent's does, tells a damaged key id from a lost key.
        reply = kms.call("Decrypt", {"CiphertextBlob": b64(bent), "KeyId": main_key})
        assert reply.error in ("InvalidCiphertextException", "IncorrectKeyException"), f"byte {i}: {reply.text}"
    for size in (1, 20, 36, 63, 64, len(blob) - 1):
        kms.bad("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": b64(blob[:size])})
    kms.bad("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": b64(blob + b"x")})
    kms.bad("ValidationException", "Decrypt", {"CiphertextBlob": b64(b"x" * 6145)})
    kms.bad("ValidationException", "Decrypt", {"CiphertextBlob": ""})
    kms.bad("ValidationException", "Decrypt", {})


@test("Decrypt naming another key: IncorrectKeyException")
def _():
    other = kms.new_key()["KeyId"]
    sealed = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})["CiphertextBlob"]
    for name in (main_key, arn(main_key)):
        kms.good("Decrypt", {"CiphertextBlob": sealed, "KeyId": name})
    for name in (other, arn(other), "alias/aws/rds"):
        kms.bad("IncorrectKeyException", "Decrypt", {"CiphertextBlob": sealed, "KeyId": name})


@test("GenerateDataKey: sizes, specs, and the blob is the key")
def _():
    for params, size in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 64}, 64),
                         ({"NumberOfBytes": 1}, 1), ({"NumberOfBytes": 1024}, 1024)):
        key = kms.good("GenerateDataKey", {"KeyId": main_key, "EncryptionContext": CONTEXT, **params})
        assert len(unb64(key["Plaintext"])) == size and key["KeyId"] == arn(main_key)
        opened = kms.good("Decrypt", {"CiphertextBlob": key["CiphertextBlob"], "EncryptionContext": CONTEXT})
        assert opened["Plaintext"] == key["Plaintext"]
    for operation in ("GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        for params in ({}, {"KeySpec": "AES_256", "NumberOfBytes": 32}, {"KeySpec": "AES_512"},
                       {"NumberOfBytes": 0}, {"NumberOfBytes": 1025}):
            kms.bad("ValidationException", operation, {"KeyId": main_key, **params})
    silent = kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": main_key, "NumberOfBytes": 64})
    assert set(silent) == {"CiphertextBlob", "KeyId", "KeyMaterialId"}
    assert len(unb64(kms.good("Decrypt", {"CiphertextBlob": silent["CiphertextBlob"]})["Plaintext"])) == 64


@test("ReEncrypt: to another context and another key, without plaintext")
def _():
    other = kms.new_key()["KeyId"]
    key = kms.good("GenerateDataKey", {"KeyId": main_key, "NumberOfBytes": 64, "EncryptionContext": {"p": "format"}})
    moved = kms.good("ReEncrypt", {
        "CiphertextBlob": key["CiphertextBlob"], "SourceEncryptionContext": {"p": "format"},
        "SourceKeyId": main_key, "DestinationKeyId": other, "DestinationEncryptionContext": CONTEXT})
    assert moved["SourceKeyId"] == arn(main_key) and moved["KeyId"] == arn(other) and "Plaintext" not in moved
    opened = kms.good("Decrypt", {"CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": CONTEXT})
    assert opened["Plaintext"] == key["Plaintext"]
    kms.bad("InvalidCiphertextException", "ReEncrypt",
            {"CiphertextBlob": key["CiphertextBlob"], "DestinationKeyId": other})
    kms.bad("IncorrectKeyException", "ReEncrypt",
            {"CiphertextBlob": key["CiphertextBlob"], "SourceEncryptionContext": {"p": "format"},
             "SourceKeyId": other, "DestinationKeyId": other})


@test("DryRun: DryRunOperationException proves access, every other fault is the real one")
def _():
    key = kms.new_key()["KeyId"]
    blob = kms.good("GenerateDataKeyWithoutPlaintext",
                    {"KeyId": key, "NumberOfBytes": 64, "EncryptionContext": CONTEXT})["CiphertextBlob"]
    proof = {"CiphertextBlob": blob, "EncryptionContext": CONTEXT, "DryRun": True}
    dry = "DryRunOperationException"
    for transport in ("tls", "unix"):
        reply = kms.call("Decrypt", proof, transport=transport)
        assert reply.error == dry and set(reply.json) == {"__type", "message"}, reply.text
    kms.bad(dry, "Encrypt", {"KeyId": key, "Plaintext": "eA==", "DryRun": True})
    kms.bad(dry, "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256", "DryRun": True})
    kms.bad(dry, "ReEncrypt", {"CiphertextBlob": blob, "SourceEncryptionContext": CONTEXT,
                               "DestinationKeyId": key, "DryRun": True})
    kms.bad("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": blob, "DryRun": True})
    kms.good("DisableKey", {"KeyId": key})
    kms.bad("DisabledException", "Decrypt", proof)
    kms.bad("SerializationException", "Decrypt", {**proof, "DryRun": "yes"})


# ---------------------------------------------------------------- plaintext and the unix socket


def openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


def recipient(algorithm="RSA", *options):
    """(private key file, Recipient parameter)"""
    key = f"{kms.dir}/recipient-{algorithm}{len(os.listdir(kms.dir))}.pem"
    openssl("genpkey", "-algorithm", algorithm, *options, "-out", key)
    der = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
    return key, {"AttestationDocument": b64(der), "KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}


@test("no plaintext over the unix socket: Decrypt, GenerateDataKey and Encrypt are refused")
def _():
    blob = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})["CiphertextBlob"]
    for operation, params in (("Decrypt", {"CiphertextBlob": blob}),
                              ("GenerateDataKey", {"KeyId": main_key, "KeySpec": "AES_256"}),
                              ("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})):
        message = kms.bad("ValidationException", operation, params, transport="unix")
        assert "Recipient" in message, message
    # Operations without plaintext are served.
    kms.good("DescribeKey", {"KeyId": main_key}, transport="unix")
    kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": main_key, "NumberOfBytes": 64}, transport="unix")
    kms.good("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": main_key}, transport="unix")


@test("with a Recipient the reply is CMS that only the recipient's key opens")
def _():
    private, parameter = recipient("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    other, _parameter = recipient("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    for transport in ("unix", "tls"):
        made = kms.good("GenerateDataKey", {"KeyId": main_key, "NumberOfBytes": 64, "Recipient": parameter},
                        transport=transport)
        assert "Plaintext" not in made
        opened = kms.good("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "Recipient": parameter},
                          transport=transport)
        assert "Plaintext" not in opened and opened["KeyId"] == arn(main_key)
        clear = kms.good("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]})["Plaintext"]
        for answer in (made, opened):
            assert "KeyMaterialId" not in answer, answer  # as AWS
            cms = unb64(answer["CiphertextForRecipient"])
            plain = openssl("cms", "-decrypt", "-inform", "DER", "-inkey", private, data=cms)
            assert plain == unb64(clear) and len(plain) == 64
            assert plain not in cms
            text = openssl("cms", "-cmsout", "-print", "-inform", "DER", data=cms).decode()
            assert "rsaesOaep" in text and "sha256" in text and "aes-256-cbc" in text
            wrong = subprocess.run(["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", other], input=cms,
                                   capture_output=True, check=False)
            assert wrong.stdout != plain


@test("a Recipient other than an RSA key of at least 2048 bits is refused")
def _():
    blob = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})["CiphertextBlob"]
    _key, good = recipient("RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    _key, small = recipient("RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    _key, curve = recipient("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    garbage = dict(good, AttestationDocument=b64(b"x" * 300))
    longer = dict(good, AttestationDocument=b64(unb64(good["AttestationDocument"]) + b"x"))
    for parameter in (small, curve, garbage, longer, dict(good, KeyEncryptionAlgorithm="RSAES_PKCS1_V1_5"), {},
                      {"AttestationDocument": good["AttestationDocument"]}):
        kms.bad("ValidationException", "Decrypt", {"CiphertextBlob": blob, "Recipient": parameter}, transport="unix")
    for parameter in ("x", 5, [good]):
        kms.bad("SerializationException", "Decrypt", {"CiphertextBlob": blob, "Recipient": parameter},
                transport="unix")


@test("no plaintext and no ciphertext of this whole run is in the audit trail or on stderr")
def _():
    kms.leaked_nothing(80)


@test("SIGTERM ends the KMS with status 0 and no sanitizer report, and removes the socket")
def _():
    kms.end_cleanly()
    assert not os.path.exists(kms.unix)


kms.close()
sys.exit(tap.finish())
