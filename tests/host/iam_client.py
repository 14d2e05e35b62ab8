# SPDX-License-Identifier: MIT
#
# What tests with boto3's client of IAM share: policies of users, and refusals.

import json

from botocore.exceptions import ClientError

# A test may ask for the same change twice in a second: then the second one is tried again.
RETRIES = {"retries": {"max_attempts": 12}}


def statement(effect, *actions, resource="*", **more):
    return {"Effect": effect, "Action": list(actions), "Resource": resource, **more}


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def refused(code, function, status=None, **params):
    """The message of the refusal."""
    try:
        answer = function(**params)
    except ClientError as fault:
        assert fault.response["Error"]["Code"] == code, f"expected {code}, seen {fault}"
        seen = fault.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status is None or seen == status, f"expected HTTP {status}, seen {seen}"
        return fault.response["Error"]["Message"]
    raise AssertionError(f"expected {code}, seen {answer}")


def denied(function, **params):
    return refused("AccessDeniedException", function, 400, **params)
