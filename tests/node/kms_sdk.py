# SPDX-License-Identifier: MIT
#
# Starts envelope-kms, runs kms_sdk.mjs against it over TLS, and passes its results on.

import json
import os
import subprocess
import sys

from kms_daemon import ACCOUNT, PATIENCE, REGION, Kms
from tap import Tap

kms = Kms(sys.argv[1])
tap = Tap()
kms.start()
keys = kms.profiles["admin"]
environment = {"PATH": os.environ["PATH"], "HOME": kms.dir, "NODE_EXTRA_CA_CERTS": f"{kms.state}/ca.pem",
               "AWS_ACCESS_KEY_ID": keys["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": keys["aws_secret_access_key"],
               "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
               "KMS_ENDPOINT": f"https://127.0.0.1:{kms.port}", "KMS_ACCOUNT": ACCOUNT}
done = subprocess.run(["node", sys.argv[2]], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
results = [json.loads(line) for line in done.stdout.splitlines()]
for result in results:
    tap.result(not result["why"], result["name"], result["why"])
tap.result(done.returncode == 0 and len(results) > 0, "kms_sdk.mjs comes to its end", f"{done.returncode}: {done.stderr}")


def recorded():
    agents = {record["userAgent"].split()[0] for record in kms.audit() if record["eventType"] == "AwsApiCall"}
    assert any(agent.startswith("aws-sdk-js/3.") for agent in agents), agents


tap.check("the trail names the SDK as the client", recorded)
tap.check("SIGTERM ends the KMS with status 0", kms.end_cleanly)
sys.exit(tap.finish())
