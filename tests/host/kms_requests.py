# SPDX-License-Identifier: MIT
#
# Requests that are not what they seem: recorded ones, and ones that two readers understand in two
# ways. envelope-kms refuses them.

import re
import socket
import ssl
import sys

from kms_daemon import ACCOUNT, Kms
from tap import Tap
from wait import PATIENCE, wait_for

kms = Kms(sys.argv[1])
tap = Tap(*sys.argv[2:])
test = tap.test

kms.start()


def recorded(operation, params, **how):
    """A signed request, as somebody who records it has it: a function that sends it."""
    kept = []

    def bend(headers, body):
        kept.append(({**headers, "Host": f"127.0.0.1:{kms.port}"}, body))
        headers["Authorization"] = "AWS4-HMAC-SHA256 x"  # it does not arrive
        return body

    kms.bad("IncompleteSignatureException", operation, params, bend=bend, **how)
    return lambda transport="tls": kms.send(*kept[0], transport)


@test("a recorded request makes no change a second time, also after a restart, and an SDK's next try does")
def _():
    key = {"KeyId": kms.new_key()["KeyId"]}
    calls = {name: recorded(name, key) for name in ("DisableKey", "EnableKey", "ScheduleKeyDeletion", "CancelKeyDeletion")}
    for name, send in calls.items():
        assert send().status == 200, name
    create = recorded("CreateKey", {})
    assert create().status == 200
    granting = kms.new_key()["KeyId"]
    grant = recorded("CreateGrant", {"KeyId": granting, "GranteePrincipal": f"arn:aws:iam::{ACCOUNT}:user/enveloped", "Operations": ["Decrypt"]})
    made = grant()
    assert made.status == 200, made.text
    kms.good("RevokeGrant", {"KeyId": granting, "GrantId": made.json["GrantId"]})
    keys = len(kms.good("ListKeys")["Keys"])

    def refused():
        for send in (*calls.values(), create, grant):
            for transport in "tls", "unix":
                reply = send(transport)
                assert (reply.status, reply.error) == (400, "ThrottlingException"), reply.text
                assert "Sign the request again" in reply.message
        assert kms.good("DescribeKey", key)["KeyMetadata"]["KeyState"] == "Disabled"
        assert len(kms.good("ListKeys")["Keys"]) == keys
        assert not kms.good("ListGrants", {"KeyId": granting})["Grants"]

    refused()
    kms.restart()
    refused()
    kms.good("EnableKey", key)  # signed anew
    # What was refused may come again, and what reads only may always.
    cancel, describe = recorded("CancelKeyDeletion", key), recorded("DescribeKey", key)
    assert cancel().error == cancel().error == "KMSInvalidStateException"
    assert describe().status == describe().status == 200


def raw(transport):
    """A connection for bytes that no HTTP library sends."""
    connection = kms.connection(transport)
    connection.connect()
    return connection.sock


def answer(s, data):
    """What the KMS answers before it ends the connection, or before it has nothing more to say."""
    seen = b""
    try:
        s.sendall(data)
        while True:
            part = s.recv(65536)
            seen += part
            if not part:
                return seen, True
            head, _, body = seen.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if length and len(body) >= int(length[1]) and b"Connection: close" not in head:
                return seen, False
    except OSError:
        return seen, True


def request():
    """A signed CreateKey: the lines of its head, and its body."""
    headers, body = kms.signed("CreateKey", {"Description": "raw"})
    headers = {"Host": f"127.0.0.1:{kms.port}", **headers, "Content-Length": str(len(body))}
    return [b"POST / HTTP/1.1", *(f"{name}: {value}".encode() for name, value in headers.items())], body


def joined(lines, body):
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def with_line(*lines):
    return lambda head, body: joined([*head, *lines], body)


def replaced(old, new):
    """The first OLD in the whole request is NEW."""

    def bend(head, body):
        data = joined(head, body)
        assert old in data, old
        return data.replace(old, new, 1)

    return bend


LENGTH = b"Content-Length: 22"
MALFORMED = {  # each is a seed of tests/unit/head_test.c, too
    "two Content-Lengths that differ": with_line(b"Content-Length: 5"),
    "two Content-Lengths that agree": with_line(LENGTH),
    "a list of Content-Lengths": replaced(LENGTH, LENGTH + b", 22"),
    "a Content-Length with a sign": replaced(LENGTH, b"Content-Length: +22"),
    "a Content-Length in hexadecimal": replaced(LENGTH, b"Content-Length: 0x16"),
    "a Content-Length that is empty": replaced(LENGTH, b"Content-Length:"),
    "a Content-Length beyond all numbers": replaced(LENGTH, b"Content-Length: 18446744073709551638"),
    "a Content-Length and a Transfer-Encoding": with_line(b"Transfer-Encoding: chunked"),
    "a Transfer-Encoding alone": replaced(LENGTH, b"Transfer-Encoding: identity"),
    "a bare line feed after the request line": replaced(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "a bare line feed after a header": replaced(b"\r\nX-Amz-Target", b"\nX-Amz-Target"),
    "a bare line feed in a header": with_line(b"X: a\nContent-Length: 5"),
    "a bare carriage return in a header": with_line(b"X: a\rb"),
    "a bare line feed as the empty line": replaced(b"\r\n\r\n", b"\r\n\n"),
    "NUL in a value": with_line(b"X: a\0b"),
    "NUL in the target of the call": replaced(b"TrentService.CreateKey", b"TrentService.CreateKey\0x"),
    "NUL in a name": with_line(b"X\0y: a"),
    "NUL in the path": replaced(b"POST / ", b"POST /\0 "),
    "another control character in a value": with_line(b"X: a\x01b"),
    "a folded header": with_line(b"X: a", b" b"),
    "white space before the colon": with_line(b"X : a"),
    "a header without a colon": with_line(b"X"),
    "a header without a name": with_line(b": a"),
    "two Hosts": with_line(b"Host: elsewhere"),
    "two spaces in the request line": replaced(b"POST /", b"POST  /"),
    "no target": replaced(b"POST / ", b"POST  "),
    "another version": replaced(b"HTTP/1.1", b"HTTP/1.9"),
    "no version": replaced(b" HTTP/1.1", b""),
    "a line before the request line": replaced(b"POST", b"\r\nPOST"),
}


def made():
    return sum(r["eventName"] == "CreateKey" and "errorCode" not in r for r in kms.audit())


@test("a request that two readers could understand in two ways is refused before its signature counts")
def _():
    wrong = []
    for transport in "unix", "tls":
        before = made()
        for name, bend in {**MALFORMED, "whole": joined}.items():
            with raw(transport) as s:
                seen, ended = answer(s, bend(*request()))
            if name == "whole":
                assert seen.startswith(b"HTTP/1.1 200") and not ended, (transport, seen)
            elif not ended or seen.startswith(b"HTTP/1.1 200") or made() > before:
                wrong.append((transport, name, seen[:40]))
                before = made()
        assert made() == before + 1, "the whole request made no key"
    assert not wrong, wrong


@test("a second request on a connection is read as strictly as the first")
def _():
    for transport in "unix", "tls":
        before = made()
        with raw(transport) as s:
            for _i in range(2):
                assert answer(s, joined(*request()))[0].startswith(b"HTTP/1.1 200")
            seen, ended = answer(s, MALFORMED["two Content-Lengths that agree"](*request()))
        assert ended and not seen.startswith(b"HTTP/1.1 200"), (transport, seen)
        assert made() == before + 2


@test("what is refused before it is a call has no record of its own, and is counted in the audit trail")
def _():
    kms.restart()
    start = len(kms.audit())
    wanted = {"MalformedRequest": 3, "RequestEntityTooLargeException": 2, "RequestHeaderFieldsTooLarge": 4,
              "UnknownOperationException": 4}
    for transport in ("unix", "tls", "tls"):
        with raw(transport) as s:
            assert answer(s, MALFORMED["two Content-Lengths that agree"](*request()))[1]
    for _i in range(2):
        assert kms.call("CreateKey", body=b" " * 2**20).status == 413
        assert kms.send({}, b"", method="GET").status == kms.send({}, b"", path="/?x").status == 404
        many = {f"X-Header-{i}": "x" for i in range(70)}
        assert [kms.send(many, b"", t).status for t in ("unix", "tls")] == [431, 431]

    def sums():
        return [r["serviceEventDetails"] for r in kms.audit()[start:] if r["eventName"] == "UnauthenticatedCalls"]

    def counted():
        codes = {}
        for details in sums():
            for code, count in details["errorCodes"].items():
                codes[code] = codes.get(code, 0) + count
        return codes

    wait_for(lambda: sum(counted().values()) >= sum(wanted.values()), why=lambda: f"counted: {counted()}")
    assert counted() == wanted, counted()
    assert all(r["eventName"] == "UnauthenticatedCalls" for r in kms.audit()[start:]), kms.audit()[start:]


@test("a body is one JSON object of whole characters, without NUL: nothing is cut off and nothing is alike")
def _():
    key = kms.new_key()["KeyId"]
    blob = kms.good("Encrypt", {"KeyId": key, "Plaintext": "eA==", "EncryptionContext": {"a": "x"}})["CiphertextBlob"]
    context = b'{"KeyId": "%s", "Plaintext": "eA==", "EncryptionContext": %s}'
    for names in (b'{"a\\u0000b": "x"}', b'{"a\0b": "x"}', b'{"a": "x\\u0000y"}', b'{"\\ud800": "x"}', b'{"\\udc00": "x"}',
                  b'{"a": "\\ud800x"}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\xc0\x80"}', b'{"a": "\xff"}'):
        kms.bad("SerializationException", "Encrypt", body=context % (key.encode(), names))
    for body in (b'{"Limit":1}\0{"Limit":2}', b'{"Limit":1}\0', b'{"Limit":1}x', b'{"Limit":1}{}', b'\0', b'\xef\xbb\xbf{}',
                 b"{'Limit':1}", b'{"Limit":01}', b'{"Limit":1.}', b'{"Limit":NaN}', b'{"X":-Infinity}', b'{"X":"a\nb"}', b'{"X":"a\x01b"}'):
        kms.bad("SerializationException", "ListKeys", body=body)
    kms.bad("SerializationException", "CreateAlias", body=b'{"AliasName": "alias/a\\u0000b", "TargetKeyId": "%s"}' % key.encode())
    pair = "\U0001f512"
    sealed = kms.good("Encrypt", {"KeyId": key, "Plaintext": "eA==", "EncryptionContext": {pair: "\u00e9"}})["CiphertextBlob"]
    kms.good("Decrypt", {"CiphertextBlob": sealed, "EncryptionContext": {pair: "\u00e9"}})
    kms.good("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": {"a": "x"}})


@test("GrantTokens of a wrong type, and tokens that no grant has, are refused")
def _():
    key = kms.new_key()["KeyId"]
    for tokens in 5, "token", {"a": 1}, [5], ["token", None]:
        kms.bad("SerializationException", "DescribeKey", {"KeyId": key, "GrantTokens": tokens})
    kms.bad("ValidationException", "DescribeKey", {"KeyId": key, "GrantTokens": ["t"] * 11})
    kms.bad("InvalidGrantTokenException", "DescribeKey", {"KeyId": key, "GrantTokens": ["token"]})
    kms.good("DescribeKey", {"KeyId": key, "GrantTokens": []})


@test("a header that is not UTF-8 is refused, and its record and the reply are valid")
def _():
    def bend(headers, body):
        headers["User-Agent"] = b"agent \xff"
        return body

    kms.bad("ValidationException", "ListKeys", bend=bend)
    last = kms.audit()[-1]
    assert (last["userAgent"], last["errorCode"]) == ("agent ?", "ValidationException"), last

    def in_utf8(headers, body):
        headers["X-Amz-Target"] = headers["X-Amz-Target"].encode()
        return body

    # The fault quotes the first 64 bytes, of which the last is half of a character.
    message = kms.bad("UnknownOperationException", "", target="x" + "\u00e9" * 50, bend=in_utf8)
    assert message.endswith("?'.") and kms.audit()[-1]["errorMessage"] == message, message


@test("a call that is not served is refused after authentication, and recorded by its name")
def _():
    for unserved in "Sign", "ReplicateKey":
        kms.bad("UnsupportedOperationException", unserved)
        record = kms.audit()[-1]
        assert record["eventName"] == unserved and record["userIdentity"]["userName"] == "admin", record
    kms.bad("UnknownOperationException", "Nonsense")
    assert kms.audit()[-1]["eventName"] == "Nonsense"
    kms.bad("InvalidSignatureException", "Nonsense", secret_key="wrong")
    assert kms.audit()[-1]["eventName"] == "Unknown", kms.audit()[-1]


@test("TLS has suites with authenticated encryption alone")
def _():
    def suite(**how):
        context = ssl.create_default_context(cafile=f"{kms.state}/ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(how["ciphers"])
        with socket.create_connection(("127.0.0.1", kms.port), PATIENCE) as plain, \
                context.wrap_socket(plain, server_hostname="127.0.0.1") as s:
            return s.cipher()[0]

    for good in "AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305":
        assert suite(ciphers=f"ECDHE-ECDSA-{good}") == f"ECDHE-ECDSA-{good}"
    for weak in "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA384", \
            "ECDHE-ECDSA-AES256-CCM":
        try:
            assert not suite(ciphers=weak), f"{weak} is on"
        except ssl.SSLError:
            pass


@test("SIGTERM ends the KMS with status 0 and no sanitizer report")
def _():
    kms.end_cleanly()


kms.close()
sys.exit(tap.finish())
