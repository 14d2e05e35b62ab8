# SPDX-License-Identifier: MIT
#
# Requests that are not what they seem: recorded ones, and ones that two readers understand in two
# ways. envelope-kms refuses them.

import sys

from kms_daemon import Kms
from tap import Tap

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
    keys = len(kms.good("ListKeys")["Keys"])

    def refused():
        for send in (*calls.values(), create):
            for transport in "tls", "unix":
                reply = send(transport)
                assert (reply.status, reply.error) == (400, "ThrottlingException"), reply.text
                assert "Sign the request again" in reply.message
        assert kms.good("DescribeKey", key)["KeyMetadata"]["KeyState"] == "Disabled"
        assert len(kms.good("ListKeys")["Keys"]) == keys

    refused()
    kms.restart()
    refused()
    kms.good("EnableKey", key)  # signed anew
    # What was refused may come again, and what reads only may always.
    cancel, describe = recorded("CancelKeyDeletion", key), recorded("DescribeKey", key)
    assert cancel().error == cancel().error == "KMSInvalidStateException"
    assert describe().status == describe().status == 200


@test("SIGTERM ends the KMS with status 0 and no sanitizer report")
def _():
    status = kms.stop()
    assert status == 0, f"{status}: {kms.stderr()[-3000:]}"
    assert "Sanitizer" not in kms.stderr() and "runtime error" not in kms.stderr()


kms.close()
sys.exit(tap.finish())
