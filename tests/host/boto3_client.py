# SPDX-License-Identifier: MIT
#
# boto3's client of KMS, as its users get it, against an envelope-kms of kms_daemon.py over TLS.

import json
import os

import boto3

from botocore.config import Config

import kms_api

from kms_daemon import PATIENCE, REGION

# boto3 reads no configuration of the machine.
os.environ.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true")


def teach(folder):
    """Gives boto3 what AWS has beside the model of Debian's botocore, in the way that botocore has for it."""
    model = kms_api.with_newer(kms_api.read())
    for name, shape in model["shapes"].items():
        if name.endswith("Exception"):
            shape["exception"] = True
    for operation in model["operations"].values():
        operation.setdefault("http", {"method": "POST", "requestUri": "/"})
    place = f"{folder}/kms/2014-11-01"
    os.makedirs(place)
    with open(f"{place}/service-2.sdk-extras.json", "w", encoding="utf-8") as f:
        json.dump({"version": 1.0, "merge": {k: model[k] for k in ("operations", "shapes")}}, f)
    os.environ["AWS_DATA_PATH"] = folder


def connect(kms, service, access_key, secret_key, region=REGION, **config):
    """A client of SERVICE, which signs with that pair of keys."""
    session = boto3.Session(access_key, secret_key, region_name=region)
    return session.client(service, endpoint_url=f"https://127.0.0.1:{kms.port}", verify=f"{kms.state}/ca.pem",
                          config=Config(connect_timeout=PATIENCE, read_timeout=PATIENCE, **config))


def client(kms, profile="admin", service="kms", **config):
    keys = kms.profiles[profile]
    return connect(kms, service, keys["aws_access_key_id"], keys["aws_secret_access_key"], **config)


def pages(calls, operation, size=None, **params):
    """The pages of boto3's paginator."""
    bound = {"PageSize": size} if size else {}
    return list(calls.get_paginator(operation).paginate(**params, PaginationConfig=bound))
