# SPDX-License-Identifier: MIT
#
# The API of envelope-kms: authentication, operations, key states, ciphertexts, the transports, the trail.

import base64
import os
import sqlite3
import subprocess
import sys
import time

from kms_daemon import ACCOUNT, REGION, STRANGER, Kms, b64
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test


def arn(key_id, account=ACCOUNT):
    return f"arn:aws:kms:{REGION}:{account}:key/{key_id}"


kms.start()
kms.add_stranger()
kms.restart()

# ---------------------------------------------------------------- authentication


@test("a request without Authorization: MissingAuthenticationTokenException")
def _():
    def bend(headers, body):
        del headers["Authorization"]
        return body

    kms.bad("MissingAuthenticationTokenException", "ListKeys", bend=bend)


@test("a malformed Authorization: IncompleteSignatureException")
def _():
    for wrong in ("AWS4-HMAC-SHA256 Credential=x", "Basic eDp5", "AWS4-HMAC-SHA256"):

        def bend(headers, body):
            headers["Authorization"] = wrong
            return body

        kms.bad("IncompleteSignatureException", "ListKeys", bend=bend)


@test("an unknown access key: UnrecognizedClientException")
def _():
    kms.bad("UnrecognizedClientException", "ListKeys", access_key="AKIAUNKNOWN000000001")
    kms.bad("UnrecognizedClientException", "ListKeys", token="session")


@test("a wrong secret, region or service: InvalidSignatureException")
def _():
    kms.bad("InvalidSignatureException", "ListKeys", secret_key="wrong")
    kms.bad("InvalidSignatureException", "ListKeys", region="eu-west-1")
    kms.bad("InvalidSignatureException", "ListKeys", service="rds")


@test("a changed body or target: InvalidSignatureException, and nothing was done")
def _():
    before = len(kms.good("ListKeys")["Keys"])

    def other_body(headers, body):
        return body.replace(b"harmless", b"harmful!")

    def other_target(headers, body):
        headers["X-Amz-Target"] = "TrentService.CreateKey"
        return body

    kms.bad("InvalidSignatureException", "CreateKey", {"Description": "harmless"}, bend=other_body)
    kms.bad("InvalidSignatureException", "ListKeys", bend=other_target)
    assert len(kms.good("ListKeys")["Keys"]) == before


@test("a clock more than five minutes off: InvalidSignatureException")
def _():
    for offset in (-310, 310):
        message = kms.bad("InvalidSignatureException", "ListKeys", clock=offset)
        assert "5 min" in message, message
    for offset in (-280, 280):
        kms.good("ListKeys", clock=offset)


@test("an unknown operation or service: UnknownOperationException")
def _():
    kms.bad("UnknownOperationException", "Nonsense")
    kms.bad("UnknownOperationException", "", target="DynamoDB_20120810.ListTables")
    kms.bad("UnknownOperationException", "", target="TrentService.List Keys\"\\")


@test("anything but POST / is not found")
def _():
    for method, path in (("GET", "/"), ("POST", "/x"), ("PUT", "/"), ("POST", "/?a=b")):
        reply = kms.send({}, b"", method=method, path=path)
        assert reply.status == 404 and reply.error == "UnknownOperationException", reply.text


@test("a body that is no JSON object: SerializationException, for signed requests only")
def _():
    for body in (b"{", b"[]", b"\"x\"", b"{}{}", b"\xff\xfe", b"{\"a\":" * 100):
        kms.bad("SerializationException", "ListKeys", body=body)
    kms.bad("InvalidSignatureException", "ListKeys", body=b"{", secret_key="wrong")


@test("a body beyond 64 KiB: 413")
def _():
    kms.bad("RequestEntityTooLargeException", "ListKeys", body=b" " * 70000, status=413)
    kms.good("ListKeys", body=b"{" + b" " * 60000 + b"}")


# ---------------------------------------------------------------- keys and aliases


@test("CreateKey answers with AWS's metadata")
def _():
    key = kms.new_key(Description="one")
    assert key["Arn"] == arn(key["KeyId"]) and key["AWSAccountId"] == ACCOUNT
    assert key["KeyState"] == "Enabled" and key["Enabled"] is True and key["KeyManager"] == "CUSTOMER"
    assert key["KeySpec"] == key["CustomerMasterKeySpec"] == "SYMMETRIC_DEFAULT"
    assert key["KeyUsage"] == "ENCRYPT_DECRYPT" and key["Origin"] == "AWS_KMS"
    assert abs(key["CreationDate"] - time.time()) < 10
    assert "DeletionDate" not in key


@test("CreateKey refuses a parameter that it does not support, and does not ignore it")
def _():
    for params in ({"KeyUsage": "SIGN_VERIFY"}, {"KeySpec": "RSA_2048"}, {"Origin": "EXTERNAL"},
                   {"CustomKeyStoreId": "cks-1"}, {"MultiRegion": True}):
        kms.bad("UnsupportedOperationException", "CreateKey", params)
    kms.bad("ValidationException", "CreateKey", {"Description": "x" * 8193})
    kms.bad("SerializationException", "CreateKey", {"Description": 5})
    for name in "KeySpec", "CustomerMasterKeySpec":
        kms.good("CreateKey", {name: "SYMMETRIC_DEFAULT"})
    both = {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"}
    assert "in the same request" in kms.bad("ValidationException", "CreateKey", both)


@test("DescribeKey takes id, ARN, alias and alias ARN")
def _():
    key = kms.new_key()
    kms.good("CreateAlias", {"AliasName": "alias/four", "TargetKeyId": key["KeyId"]})
    for name in (key["KeyId"], key["Arn"], "alias/four", f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/four"):
        assert kms.good("DescribeKey", {"KeyId": name})["KeyMetadata"] == key


@test("a name without a key: NotFoundException, InvalidArnException, ValidationException")
def _():
    missing = "00000000-0000-4000-8000-000000000000"
    assert kms.bad("NotFoundException", "DescribeKey", {"KeyId": missing}) == f"Key '{arn(missing)}' does not exist"
    message = kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/none"})
    assert message == f"Alias arn:aws:kms:{REGION}:{ACCOUNT}:alias/none is not found."
    assert kms.bad("NotFoundException", "DescribeKey", {"KeyId": "foo"}) == "Invalid keyId 'foo'"
    other_region = arn(missing).replace(REGION, "eu-west-1")
    assert kms.bad("NotFoundException", "DescribeKey", {"KeyId": other_region}) == "Invalid arn eu-west-1"
    kms.bad("InvalidArnException", "DescribeKey", {"KeyId": "arn:aws:kms:x"})
    kms.bad("ValidationException", "DescribeKey", {})
    kms.bad("ValidationException", "DescribeKey", {"KeyId": ""})
    kms.bad("SerializationException", "DescribeKey", {"KeyId": 1})


@test("ListKeys pages: every key once, in any page size")
def _():
    for _i in range(3):
        kms.new_key()
    everything = [k["KeyId"] for k in kms.good("ListKeys")["Keys"]]
    assert len(everything) == len(set(everything)) >= 5
    for limit in (1, 2, len(everything) - 1, len(everything)):
        seen, params = [], {"Limit": limit}
        while True:
            page = kms.good("ListKeys", params)
            assert len(page["Keys"]) <= limit
            seen += [k["KeyId"] for k in page["Keys"]]
            assert page["Truncated"] == ("NextMarker" in page)
            if not page["Truncated"]:
                break
            params["Marker"] = page["NextMarker"]
        assert seen == everything, limit
    for limit in (0, -1, 1001):
        kms.bad("ValidationException", "ListKeys", {"Limit": limit})
    kms.bad("InvalidMarkerException", "ListKeys", {"Marker": "%%%"})


@test("alias/aws/rds and alias/aws/dms are made on first use, and nobody can manage them")
def _():
    for name in ("alias/aws/rds", "alias/aws/dms"):
        key = kms.good("DescribeKey", {"KeyId": name})["KeyMetadata"]
        assert key["KeyManager"] == "AWS" and key["KeyState"] == "Enabled"
        assert kms.good("DescribeKey", {"KeyId": name})["KeyMetadata"] == key
        for operation in ("DisableKey", "EnableKey", "ScheduleKeyDeletion"):
            kms.bad("AccessDeniedException", operation, {"KeyId": key["KeyId"]})
        kms.bad("AccessDeniedException", "CreateAlias", {"AliasName": "alias/steal", "TargetKeyId": key["KeyId"]})
        kms.good("GenerateDataKeyWithoutPlaintext", {"KeyId": name, "KeySpec": "AES_256"})
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": "alias/aws/s3"})


# ---------------------------------------------------------------- key states


@test("every operation in every key state answers as in AWS's table")
def _():
    disabled, invalid = "DisabledException", "KMSInvalidStateException"
    key = kms.new_key()["KeyId"]
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": b64(b"x")})["CiphertextBlob"]
    other = kms.new_key()["KeyId"]
    foreign = kms.good("Encrypt", {"KeyId": other, "Plaintext": b64(b"x")})["CiphertextBlob"]
    use = {
        "Encrypt": {"KeyId": key, "Plaintext": b64(b"x")},
        "Decrypt": {"CiphertextBlob": blob},
        "GenerateDataKey": {"KeyId": key, "KeySpec": "AES_256"},
        "GenerateDataKeyWithoutPlaintext": {"KeyId": key, "KeySpec": "AES_256"},
    }
    re_encrypts = ({"CiphertextBlob": blob, "DestinationKeyId": other},
                   {"CiphertextBlob": foreign, "DestinationKeyId": key})

    def crypto(error):
        for operation, params in use.items():
            kms.bad(error, operation, params) if error else kms.good(operation, params)
        for params in re_encrypts:
            kms.bad(error, "ReEncrypt", params) if error else kms.good("ReEncrypt", params)

    def state():
        return kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]["KeyState"]

    crypto(None)
    kms.bad(invalid, "CancelKeyDeletion", {"KeyId": key})
    kms.good("EnableKey", {"KeyId": key})
    kms.good("DisableKey", {"KeyId": key})
    assert state() == "Disabled"
    crypto(disabled)
    message = kms.bad(disabled, "Decrypt", {"CiphertextBlob": blob})
    assert message == f"{arn(key)} is disabled.", message
    kms.bad(invalid, "CancelKeyDeletion", {"KeyId": key})
    kms.good("DisableKey", {"KeyId": key})
    kms.good("CreateAlias", {"AliasName": "alias/disabled", "TargetKeyId": key})
    kms.good("EnableKey", {"KeyId": key})
    crypto(None)
    planned = kms.good("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7})
    assert planned["KeyState"] == "PendingDeletion" and planned["PendingWindowInDays"] == 7
    assert abs(planned["DeletionDate"] - time.time() - 7 * 86400) < 10
    assert planned["KeyId"] == arn(key)
    metadata = kms.good("DescribeKey", {"KeyId": key})["KeyMetadata"]
    assert metadata["KeyState"] == "PendingDeletion" and metadata["DeletionDate"] == planned["DeletionDate"]
    crypto(invalid)
    assert kms.bad(invalid, "Decrypt", {"CiphertextBlob": blob}) == f"{arn(key)} is pending deletion."
    for operation in ("EnableKey", "DisableKey", "ScheduleKeyDeletion"):
        kms.bad(invalid, operation, {"KeyId": key})
    kms.bad(invalid, "CreateAlias", {"AliasName": "alias/doomed", "TargetKeyId": key})
    assert kms.good("CancelKeyDeletion", {"KeyId": key})["KeyId"] == arn(key)
    assert state() == "Disabled"
    crypto(disabled)
    kms.good("EnableKey", {"KeyId": key})
    crypto(None)


@test("the waiting period is 7 to 30 days, and 30 by default")
def _():
    key = kms.new_key()["KeyId"]
    for days in (0, 6, 31, -7):
        kms.bad("ValidationException", "ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": days})
    planned = kms.good("ScheduleKeyDeletion", {"KeyId": key})
    assert abs(planned["DeletionDate"] - time.time() - 30 * 86400) < 10


# ---------------------------------------------------------------- another account

main_key = kms.new_key()["KeyId"]
CONTEXT = {"aws:rds:db-id": "cluster-A", "dm-envelope:volume-id": "vol-1", "dm-envelope:header-sha256": "00"}


@test("a principal of another account: AccessDeniedException, and no key is visible")
def _():
    blob = kms.good("Encrypt", {"KeyId": main_key, "Plaintext": "eA=="})["CiphertextBlob"]
    who = {"profile": "stranger"}
    for operation in ("DescribeKey", "DisableKey", "ScheduleKeyDeletion"):
        message = kms.bad("AccessDeniedException", operation, {"KeyId": arn(main_key)}, **who)
        assert f"user/stranger is not authorized to perform: kms:{operation}" in message
    # A key that does not exist gives the same fault, so that a stranger cannot probe for keys.
    missing = arn("00000000-0000-4000-8000-000000000000")
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": missing}, **who)
    # Neither the fault nor the stranger's audit record names the key that an alias points to.
    alias = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/four"
    message = kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": alias}, **who)
    assert f"on resource: {alias} because" in message and "resources" not in kms.audit()[-1], message
    none = kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": alias.replace("four", "none")}, **who)
    assert none == message.replace("four", "none"), none
    kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": blob}, **who)
    kms.bad("AccessDeniedException", "Decrypt", {"CiphertextBlob": blob, "KeyId": arn(main_key)}, **who)
    kms.bad("NotFoundException", "DescribeKey", {"KeyId": main_key}, **who)
    # The policy of a damaged key cannot be read, so nobody is denied: a denial would end a cluster for good.
    damaged = kms.new_key()["KeyId"]
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        seal = db.execute("SELECT seal FROM keys WHERE key_id = ?", (damaged,)).fetchone()[0]
        db.execute("UPDATE keys SET seal = zeroblob(length(seal)) WHERE key_id = ?", (damaged,))
    kms.bad("KMSInternalException", "DescribeKey", {"KeyId": arn(damaged)}, status=500)
    kms.bad("KMSInternalException", "DescribeKey", {"KeyId": arn(damaged)}, status=500, **who)
    with sqlite3.connect(f"{kms.state}/kms.sqlite") as db:
        db.execute("UPDATE keys SET seal = ? WHERE key_id = ?", (seal, damaged))
    assert kms.good("ListKeys", **who)["Keys"] == [] and kms.good("ListAliases", **who)["Aliases"] == []
    own = kms.good("CreateKey", **who)["KeyMetadata"]
    assert own["AWSAccountId"] == STRANGER
    kms.good("CreateAlias", {"AliasName": "alias/four", "TargetKeyId": own["KeyId"]}, **who)
    assert kms.good("DescribeKey", {"KeyId": "alias/four"}, **who)["KeyMetadata"] == own
    kms.bad("AccessDeniedException", "DescribeKey", {"KeyId": own["Arn"]})


# ---------------------------------------------------------------- transport


@test("TCP speaks only TLS 1.2 or newer")
def _():
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", kms.port, timeout=5)
    try:
        connection.request("POST", "/", b"{}")
        response = connection.getresponse()
        raise AssertionError(f"plain HTTP answered: {response.status}")
    except (http.client.HTTPException, OSError):
        pass
    finally:
        connection.close()
    subject = subprocess.run(["openssl", "x509", "-in", f"{kms.state}/ca.pem", "-noout", "-text"],
                             capture_output=True, check=True, text=True).stdout
    assert "IP Address:127.0.0.1" in subject and "CA:TRUE" in subject
    # The clock may be wrong when the certificate is made.
    assert "Jan  1 00:00:00 2000" in subject and "Dec 31 23:59:59 9999" in subject, f"dates by a clock: {subject}"


# ---------------------------------------------------------------- audit


@test("every call has its CloudTrail record, and a refused call's names the error")
def _():
    kms.restart()  # ends the window in which forged calls of other tests were counted
    start = len(kms.audit())
    key = kms.new_key(Description="audited")
    sealed = kms.good("Encrypt", {"KeyId": key["KeyId"], "Plaintext": "eA==", "EncryptionContext": CONTEXT})
    kms.good("Decrypt", {"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": CONTEXT}, profile="enveloped")
    kms.bad("InvalidCiphertextException", "Decrypt", {"CiphertextBlob": sealed["CiphertextBlob"]})
    kms.bad("InvalidSignatureException", "DisableKey", {"KeyId": key["KeyId"]}, secret_key="x")
    kms.good("DescribeKey", {"KeyId": key["KeyId"]}, transport="unix")
    records = kms.audit()[start:]
    assert [r["eventName"] for r in records] == \
        ["CreateKey", "Encrypt", "Decrypt", "Decrypt", "DisableKey", "DescribeKey"]
    for r in records:
        for field in ("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion",
                      "sourceIPAddress", "userAgent", "requestParameters", "responseElements", "requestID", "eventID",
                      "readOnly", "eventType", "recipientAccountId"):
            assert field in r, (r["eventName"], field)
        assert r["eventSource"] == "kms.amazonaws.com" and r["awsRegion"] == REGION
    assert len({r["eventID"] for r in records}) == len({r["requestID"] for r in records}) == 6
    create, encrypt, decrypt, refused, forged, local = records
    assert create["responseElements"]["keyMetadata"]["arn"] == key["Arn"] and create["readOnly"] is False
    assert create["requestParameters"] == {"description": "audited"}
    assert encrypt["requestParameters"] == {"keyId": key["KeyId"], "encryptionContext": CONTEXT}
    assert encrypt["resources"] == [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key["Arn"]}]
    assert decrypt["userIdentity"]["arn"] == f"arn:aws:iam::{ACCOUNT}:user/enveloped"
    assert decrypt["userIdentity"]["type"] == "IAMUser" and decrypt["readOnly"] is True
    assert "errorCode" not in decrypt and decrypt["responseElements"] is None
    assert refused["errorCode"] == "InvalidCiphertextException" and refused["errorMessage"]
    assert forged["errorCode"] == "InvalidSignatureException" and forged["userIdentity"]["type"] == "Unknown"
    assert local["sourceIPAddress"] == "127.0.0.1" and local["additionalEventData"]["peerPid"] == os.getpid()
    assert encrypt["sourceIPAddress"] == "127.0.0.1"


@test("an answer carries the request id of its audit record")
def _():
    reply = kms.call("ListKeys")
    assert kms.audit()[-1]["requestID"] == reply.headers["x-amzn-RequestId"]


@test("an answer to a known caller carries the id of the key store, which a restart keeps")
def _():
    store = kms.call("ListKeys").headers["x-envelope-kms-id"]
    assert len(store) == 36
    kms.restart()
    for transport in "tls", "unix":
        assert kms.call("ListKeys", transport=transport).headers["x-envelope-kms-id"] == store
    denied = kms.call("DescribeKey", {"KeyId": "11111111-2222-3333-4444-555555555555"})
    assert denied.error == "NotFoundException" and denied.headers["x-envelope-kms-id"] == store
    assert "x-envelope-kms-id" not in kms.call("ListKeys", secret_key="x").headers


def proof(**how):
    """The words of the header with the id, for a request with a nonce."""
    nonce = how.pop("nonce", os.urandom(16).hex())

    def bend(headers, body):
        headers["X-Envelope-Nonce"] = nonce
        return body

    return kms.call("ListKeys", bend=bend, **how).headers["x-envelope-kms-id"].split(" ")


@test("a request with a nonce is answered with a proof of the store's id, by a key that a restart keeps")
def _():
    store, change, key, signature = proof()
    assert len(base64.b64decode(key)) == 32 and len(base64.b64decode(signature)) == 64
    kms.restart()
    for transport in "tls", "unix":
        assert proof(transport=transport)[:3] == [store, change, key]
        assert proof(transport=transport)[3] != signature, "the proof is the same for another nonce"
    assert proof(nonce="no nonce, but a text to sign") == [store]


@test("the audit trail goes on in a new file when logrotate has moved the old one away")
def _():
    before = kms.audit()
    os.rename(kms.audit_file, f"{kms.audit_file}.1")
    kms.good("ListKeys")
    after = kms.audit()
    os.rename(f"{kms.audit_file}.1", kms.audit_file)
    assert [record["eventName"] for record in after] == ["ListKeys"] and kms.audit() == before


@test("no plaintext and no ciphertext of this whole run is in the audit trail or on stderr")
def _():
    kms.leaked_nothing(20)


@test("a call that cannot be audited is not answered")
def _():
    key = kms.new_key()["KeyId"]
    kms.stop()
    os.symlink("/dev/full", f"{kms.dir}/full-link")
    status, _text = kms.run(audit_file=f"{kms.dir}/full-link")
    assert status == 2
    kms.start(audit_file="/dev/full")
    message = kms.bad("KMSInternalException", "GenerateDataKey", {"KeyId": key, "KeySpec": "AES_256"})
    assert "audit" in message
    kms.restart()


@test("the KMS serves several clients at once and survives half a request")
def _():
    import socket
    import threading
    idle = [socket.create_connection(("127.0.0.1", kms.port)) for _i in range(20)]
    half = socket.socket(socket.AF_UNIX)
    half.connect(kms.unix)
    half.sendall(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nxx")
    errors = []

    def work(transport):
        try:
            for _i in range(10):
                kms.good("ListKeys", transport=transport)
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)

    threads = [threading.Thread(target=work, args=(t,)) for t in ("tls", "unix", "tls", "unix")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for s in [*idle, half]:
        s.close()
    assert not errors, errors
    kms.good("ListKeys")


@test("SIGTERM ends the KMS with status 0 and no sanitizer report, and removes the socket")
def _():
    kms.end_cleanly()
    assert not os.path.exists(kms.unix)


kms.close()
sys.exit(tap.finish())
