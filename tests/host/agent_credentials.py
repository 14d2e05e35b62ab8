# SPDX-License-Identifier: MIT
#
# The providers of credentials that AWS's SDKs have. A strict server plays STS, a container's host and the
# metadata service; it gives the access key that the embedded KMS knows, so a cluster that can be created
# proves the whole way.

import configparser
import contextlib
import json
import os
import signal

from agent_suite import agent, finish, one, test, two
from credential_server import CONTAINER_PATH, ROLE, CredentialServer
from wait import wait_for

profiles = configparser.ConfigParser()
profiles.read(agent.kms.credentials)
KEYS = profiles["enveloped"]["aws_access_key_id"], profiles["enveloped"]["aws_secret_access_key"]
server = CredentialServer(KEYS)
OTHER = "AKIAOTHEROTHEROTHER1", "other/Secret+" + "x" * 27
TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30+/=&." + "x" * 3000


def write(name, text):
    path = f"{agent.dir}/{name}"
    with open(path, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(text)
    return path


@contextlib.contextmanager
def source(text=None, environment=None, **changed):
    """An agent whose credentials file has `text`; without a text it has no such file."""
    agent.stop()
    server.given.clear()
    server.refused.clear()
    os.environ.update({"AWS_ENDPOINT_URL_STS": server.url}, **(environment or {}))
    options = {"CredentialsFile": write("profiles", text) if text is not None else "", **changed}
    agent.start(**options)
    try:
        yield
    finally:
        server.status, server.lifetime, server.token = 200, 3600, ""
        for name in environment or ():
            del os.environ[name]
        agent.remove_all()
        agent.restart()


def works(kind, count=1):
    """A cluster is created with credentials of this kind, which were got once."""
    agent.create("db1", one)
    renewed(2)
    assert not server.refused, server.refused
    assert server.given == [kind] * count, server.given


def renewed(times):
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len([r for r in agent.records("Decrypt")[before:] if "errorCode" not in r]) >= times)


def keys_of(name, keys):
    return f"[{name}]\naws_access_key_id={keys[0]}\naws_secret_access_key={keys[1]}\n"


@test("keys in the environment")
def _():
    with source(environment={"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1]}):
        works(None, 0)


@test("a profile with role_arn and source_profile: AssumeRole, signed by the source's keys")
def _():
    server.known = {OTHER[0]: (OTHER[1], "")}
    server.external_id = "shared secret/&"
    with source(f"[enveloped]\nrole_arn={ROLE}\nsource_profile=base\nexternal_id=shared secret/&\nduration_seconds=900\n"
                + keys_of("base", OTHER)):
        works("AssumeRole")
    server.external_id = None




@test("a role that is assumed by a role: one step after the other")
def _():
    server.known = {OTHER[0]: (OTHER[1], ""), KEYS[0]: (KEYS[1], "")}
    with source(f"[enveloped]\nrole_arn={ROLE}\nsource_profile=middle\n"
                f"[middle]\nrole_arn={ROLE}\nsource_profile=middle\n" + keys_of("middle", OTHER).split("\n", 1)[1]):
        server.callers.clear()
        works("AssumeRole", 2)
        assert server.callers == [OTHER[0], KEYS[0]], server.callers


@test("a web identity: AssumeRoleWithWebIdentity, unsigned, with the token of the file")
def _():
    server.web_token = TOKEN
    path = write("web-token", TOKEN + "\n")
    with source(f"[enveloped]\nrole_arn={ROLE}\nweb_identity_token_file={path}\n"):
        works("AssumeRoleWithWebIdentity")
    with source(environment={"AWS_WEB_IDENTITY_TOKEN_FILE": path, "AWS_ROLE_ARN": ROLE}):
        works("AssumeRoleWithWebIdentity")


@test("a container's host, with the token of a file")
def _():
    server.container_token = TOKEN
    path = write("container-token", TOKEN)
    with source(environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.url + CONTAINER_PATH,
                             "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": path}):
        works("container")


@test("the role of an instance: IMDSv2")
def _():
    with source(environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}):
        works("instance")


@test("a role whose source is the instance")
def _():
    server.known = {KEYS[0]: (KEYS[1], "")}
    with source(f"[enveloped]\nrole_arn={ROLE}\ncredential_source=Ec2InstanceMetadata\n",
                environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}):
        agent.create("db1", one)
        assert server.given == ["instance", "AssumeRole"] and not server.refused, (server.given, server.refused)


PROGRAM = """#!/bin/sh
# Arguments: a file that says how often the program ran, and a word with a space.
[ "$2" = 'two words; touch /dev/null $(exit 1)' ] || exit 3
[ -z "$AWS_ENDPOINT_URL_STS" ] || exit 4
echo run >> "$1"
printf '{"Version": 1, "AccessKeyId": "%s", "SecretAccessKey": "%s", "Expiration": "2999-01-01T00:00:00Z"}' {} {}
"""


@test("credential_process: without a shell, without the agent's rights and environment")
def _():
    program = write("program", PROGRAM.replace("{} {}", f"'{KEYS[0]}' '{KEYS[1]}'"))
    os.chmod(program, 0o755)
    runs = write("runs", "")
    os.chmod(runs, 0o666)
    with source(f"[enveloped]\ncredential_process={program} {runs} \"two words; touch /dev/null $(exit 1)\"\n"):
        works(None, 0)
        with open(runs, encoding="utf-8") as f:
            assert f.read() == "run\n"


def sleeps(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as f:
            return f.read() == "sleep\0" + "1234567\0"
    except FileNotFoundError:
        return False


@test("a credential_process that hangs is ended with all that it has started; the agent answers meanwhile")
def _():
    child = write("child", "")
    os.chmod(child, 0o666)
    # The child has a session of its own, and its parent has ended.
    program = write("hangs", f"#!/bin/sh\n(setsid sh -c 'echo $$ > {child}; exec sleep 1234567' &)\nsleep 1234567\n")
    os.chmod(program, 0o755)
    with source(f"[enveloped]\ncredential_process={program}\n", KmsTimeoutSeconds=10):
        said = agent.bad("CredentialsUnavailable", "create", "db1", "--device", one.path, "--storage-encrypted")
        assert "took longer" in said, said
        with open(child, encoding="utf-8") as f:
            pid = int(f.read())
        try:
            wait_for(lambda: not sleeps(pid), 30, why="the child of the program is left")
        finally:
            if sleeps(pid):
                os.kill(pid, signal.SIGKILL)


@test("of what a credential_process says on stderr the log has the first line alone, without keys")
def _():
    says = f"'it is slow today {KEYS[1]}' 'second line {KEYS[0]}'"
    program = write("talks", f"#!/bin/sh\nprintf '%s\\n' {says} >&2\nhead -c 1000000 /dev/zero >&2\n"
                             f"printf '{{\"Version\": 1, \"AccessKeyId\": \"{KEYS[0]}\", \"SecretAccessKey\": \"{KEYS[1]}\"}}'\n")
    os.chmod(program, 0o755)
    before = len(agent.log())
    with source(f"[enveloped]\ncredential_process={program}\n"):
        works(None, 0)
        said = agent.log()[before:]
        assert "talks says: it is slow today ...\n" in said, said[-2000:]
        assert "second line" not in said and KEYS[1] not in said and "\0" not in said, said[-2000:]


def refused_with(what, text=None, environment=None):
    """No credentials from this source: the fault names the source, and has no part of the key."""
    with source(text, environment, KmsTimeoutSeconds=10):
        done = agent.cli("create", "db1", "--device", one.path, "--storage-encrypted")
        assert done.returncode and "control character" in done.stderr and what in done.stderr, done.stderr
        assert "Injected" not in done.stderr + agent.log(), done.stderr


@test("a control character in a key or a token is refused, from each source, which is named")
def _():
    bad = f"{KEYS[1]}\r\nInjected: yes"
    program = write("injects", "#!/bin/sh\nprintf '%s' '" + json.dumps(
        {"Version": 1, "AccessKeyId": KEYS[0], "SecretAccessKey": KEYS[1], "SessionToken": bad}) + "'\n")
    os.chmod(program, 0o755)
    refused_with("credential_process", f"[enveloped]\ncredential_process={program}\n")
    refused_with("AWS_SESSION_TOKEN", environment={"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1],
                                                   "AWS_SESSION_TOKEN": "a\tInjected"})
    # A file with such a key is a fault of the configuration: the start goes on with the last good one.
    before = len(agent.log())
    with source(keys_of("enveloped", (KEYS[0], f"{KEYS[1]}\x01Injected"))):
        said = agent.log()[before:]
        assert "control character" in said and "profiles" in said and "Injected" not in said, said
    server.token = bad
    refused_with(server.url, environment={"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url})


def asked(times):
    """What came of the next renewals: their error codes."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)
    return [r.get("errorCode") for r in agent.records("Decrypt")[before:before + times]]


INSTANCE = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}


@test("temporary credentials are got anew ahead of their end; while none can be had, the present ones serve")
def _():
    server.lifetime = 6
    with source(environment=INSTANCE):
        agent.create("db1", one)
        wait_for(lambda: len(server.given) >= 3)
        server.status = 500
        refused = len(server.refused)
        wait_for(lambda: len(server.refused) > refused)
        codes = asked(2)
        assert codes == [None, None], codes
        assert not [r for r in agent.records("Decrypt") if r.get("errorCode") == "CredentialsUnavailable"]
        assert "The present credentials stay in use: No credentials from" in agent.log()


@test("credentials that the KMS refuses are silence, and the next call gets new ones")
def _():
    server.lifetime = 6
    with source(environment=INSTANCE):
        agent.create("db1", one)
        server.lifetime, server.token = 3600, "expired"
        wait_for(lambda: "UnrecognizedClientException" in asked(1))
        got = len(server.given)
        assert set(asked(3)) == {"UnrecognizedClientException"}
        assert len(server.given) >= got + 2, "the refused credentials were kept"
        assert agent.status("db1") == "available" and agent.keys()
        server.token = ""
        renewed(2)


@test("an agent that can get no credentials keeps its clusters, and renews when it can")
def _():
    with source(environment=INSTANCE):
        agent.create("db1", one)
        keys = agent.keys()
        server.status = 403
        agent.restart(CredentialsFile="")
        assert set(asked(2)) == {"CredentialsUnavailable"}
        assert agent.status("db1") == "available" and agent.keys() == keys
        said = agent.bad("CredentialsUnavailable", "create", "db2", "--device", two.path, "--storage-encrypted")
        assert "HTTP status 403, AccessDenied" in said and "See CREDENTIALS in envelope.conf(5)" in said, said
        server.status = 200
        renewed(1)
        assert agent.keys() == keys


@test("--check-config judges the source of credentials, and takes no other one in its place")
def _():
    WEB = {"AWS_WEB_IDENTITY_TOKEN_FILE": write("web", "token"), "AWS_ROLE_ARN": ROLE}
    away = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://localhost/", "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"}
    for text, environment, fault in [
        ("[enveloped]\nregion=us-east-1\n", away, "The profile [enveloped] needs aws_access_key_id"),
        (f"[enveloped]\nrole_arn={ROLE}\n", {}, "has role_arn without source_profile"),
        (f"[enveloped]\nrole_arn={ROLE}\nsource_profile=a\n[a]\nrole_arn={ROLE}\nsource_profile=enveloped\n", {}, "or in a circle"),
        (f"[enveloped]\nrole_arn={ROLE}\ncredential_source=EcsContainer\n", {}, "is not configured in the environment"),
        (f"[enveloped]\nrole_arn={ROLE}\nweb_identity_token_file=/nowhere\n", {}, "/nowhere cannot be opened"),
        ("[enveloped]\nsso_session=x\n", {}, "sso_session, which needs a person"),
        (f"[enveloped]\nrole_arn={ROLE}\nsource_profile=b\nmfa_serial=x\n" + keys_of("b", OTHER), {}, "mfa_serial, which needs a person"),
        (f"[enveloped]\nrole_arn={ROLE}\nsource_profile=b\nduration_seconds=60\n" + keys_of("b", OTHER), {}, "900 to 43200"),
        (None, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere"}, "without AWS_ROLE_ARN"),
        (None, {"AWS_ACCESS_KEY_ID": "AKIA"}, "has only one of"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://198.51.100.7/"}, "with a loopback address"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1.example.com/"}, "with a loopback address"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost:80@example.com/"}, "it has user information"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://u:s3cret@example.com/" + 2000 * "x"}, "it has user information"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://?s3cret"}, "the name of the host is missing"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[::1/"}, "write an IPv6 address as [ADDRESS]"),
        (None, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://[::1]:99999/"}, "give a port of 1 to 65535"),
        (None, {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "u:s3cret@example.com/"}, "Give a path that begins with a slash"),
        (None, {**WEB, "AWS_ENDPOINT_URL_STS": "https://u:s3cret@sts"}, "AWS_ENDPOINT_URL_STS= is not valid: it has user information"),
        (None, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://u:s3cret@imds"}, "it has user information"),
        (None, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "imds?s3cret"}, "it has a query"),
        (None, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://"}, "the name of the host is missing"),
        (None, {"AWS_EC2_METADATA_DISABLED": "true"}, "There is no source of credentials"),
    ]:
        file = "" if text is None else write("profiles", text)
        os.environ.update(environment)
        try:
            status, said = agent.check_config(CredentialsFile=file)
        finally:
            for name in environment:
                del os.environ[name]
        assert status == 2 and fault in said and "s3cret" not in said, (fault, status, said)
    agent.configure()


finish()
