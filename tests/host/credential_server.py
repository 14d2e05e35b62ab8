# SPDX-License-Identifier: MIT
#
# STS, a container's host and the metadata service of an instance, in one server on a loopback address. It takes
# a request only as AWS documents it, and keeps what it refused.

import datetime
import hashlib
import hmac
import http.server
import json
import threading
import time
import urllib.parse
import uuid

ROLE = "arn:aws:iam::123456789012:role/enveloped"
ROLE_NAME = "host-role"
CONTAINER_PATH = "/v2/credentials/abc"


def sigv4(secret, region, service, request, body):
    """The signature that the request must have, after the rules of AWS, from its own list of signed headers."""
    given = dict(part.strip().split("=", 1) for part in request.headers["Authorization"].split(" ", 1)[1].split(","))
    names = given["SignedHeaders"].split(";")
    headers = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
    canonical = "\n".join([request.command, request.path, "", headers, given["SignedHeaders"],
                           hashlib.sha256(body).hexdigest()])
    date = request.headers["X-Amz-Date"]
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in date[:8], region, service, "aws4_request", text:
        key, last = hmac.new(key, part.encode(), hashlib.sha256).digest(), key
    assert last and {"host", "x-amz-date"} <= set(names), names
    return given, key.hex(), scope


class CredentialServer:
    """`keys`: (access key, secret) that it gives. `known`: access key -> (secret, token) of callers of STS."""

    def __init__(self, keys):
        self.keys = keys
        self.known = {}
        self.token = ""  # of what is given
        self.lifetime = 3600
        self.role_id = "AROAROLEROLEROLEROLE1"
        self.web_token = self.container_token = self.external_id = None
        self.status = 200
        self.delay = threading.Event()
        self.delay.set()
        self.given, self.refused, self.callers, self.sessions = [], [], [], set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.delay.wait()
                try:
                    assert server.status == 200, f"status {server.status}"
                    text = server.reply(self, body)
                    status = 200
                except (AssertionError, KeyError, TypeError, ValueError) as e:
                    server.refused.append(f"{self.command} {self.path}: {e!r}")
                    status, text = (403 if server.status == 200 else server.status), "<Error><Code>AccessDenied</Code></Error>"
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *arguments):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def expiration(self):
        return datetime.datetime.utcfromtimestamp(time.time() + self.lifetime).strftime("%Y-%m-%dT%H:%M:%SZ")

    def reply(self, request, body):
        if request.path.startswith("/latest/"):
            return self.metadata(request)
        if request.path == CONTAINER_PATH:
            assert request.command == "GET"
            assert request.headers["Authorization"] == self.container_token, request.headers["Authorization"]
            return self.as_json("container")
        assert request.command == "POST" and request.path == "/", "no such resource"
        return self.sts(request, body)

    def as_json(self, kind):
        self.given.append(kind)
        return (f'{{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"{self.keys[0]}","SecretAccessKey":"{self.keys[1]}",'
                f'"Token":{json.dumps(self.token)},"Expiration":"{self.expiration()}"}}')

    def metadata(self, request):
        path = request.path[len("/latest/"):]
        if path == "api/token":
            assert request.command == "PUT", "a token is asked for by PUT"
            assert 1 <= int(request.headers["X-aws-ec2-metadata-token-ttl-seconds"]) <= 21600
            assert "X-Forwarded-For" not in request.headers
            self.sessions.add(str(uuid.uuid4()))
            return sorted(self.sessions)[-1]
        assert request.command == "GET"
        assert request.headers["X-aws-ec2-metadata-token"] in self.sessions, "no token of IMDSv2"
        if path == "meta-data/iam/security-credentials/":
            return ROLE_NAME
        assert path == f"meta-data/iam/security-credentials/{ROLE_NAME}", path
        return self.as_json("instance")

    def signed(self, request, body):
        """The access key of a caller whose signature is right."""
        access = request.headers["Authorization"].split("Credential=")[1].split("/")[0]
        secret, token = self.known[access]
        given, signature, scope = sigv4(secret, "us-east-1", "sts", request, body)
        assert given["Credential"] == f"{access}/{scope}" and given["Signature"] == signature, "a wrong signature"
        assert (request.headers["X-Amz-Security-Token"] or "") == token
        return access

    def sts(self, request, body):
        form = dict(urllib.parse.parse_qsl(body.decode(), strict_parsing=True))
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert form["Version"] == "2011-06-15"
        action = form["Action"]
        whose = f"{ROLE.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{uuid.uuid4()}"
        session = f"{self.role_id}:{whose.rsplit('/', 1)[1]}"
        if action == "GetCallerIdentity":
            self.signed(request, body)
            self.given.append(action)
            return (f"<{action}Response><{action}Result><Arn>{whose}</Arn><UserId>{session}</UserId>"
                    f"<Account>123456789012</Account></{action}Result></{action}Response>")
        assert form["RoleArn"] == ROLE and form["RoleSessionName"] == "dm-envelope"
        if action == "AssumeRoleWithWebIdentity":
            assert "Authorization" not in request.headers, "this call is not signed"
            assert form["WebIdentityToken"] == self.web_token, "another token"
        else:
            assert action == "AssumeRole" and form.get("ExternalId") == self.external_id
            self.callers.append(self.signed(request, body))
        self.given.append(action)
        return (f"<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><AssumedRoleUser>"
                f"<AssumedRoleId>{session}</AssumedRoleId><Arn>{whose}</Arn></AssumedRoleUser><Credentials><SessionToken>{self.token}</SessionToken>"
                f"<AccessKeyId>{self.keys[0]}</AccessKeyId><SecretAccessKey>{self.keys[1]}</SecretAccessKey>"
                f"<Expiration>{self.expiration()}</Expiration></Credentials></{action}Result></{action}Response>")
