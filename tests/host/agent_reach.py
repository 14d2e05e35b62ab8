# SPDX-License-Identifier: MIT
#
# The way of the agent to its KMS: the address in the configuration, and a proxy.

import configparser
import contextlib
import http.server
import os
import ssl
import threading

from agent_suite import agent, finish, one, test
from connect_proxy import ConnectProxy
from credential_server import ROLE, CredentialServer
from kms_daemon import free_port
from wait import wait_for

CA = f"{agent.kms.state}/ca.pem"
PASSWORD = "pr0xy-p@ss:word"
proxy = ConnectProxy(f"envelope:{PASSWORD}")


def renewed(times):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len([r for r in agent.records("Decrypt")[before:] if "errorCode" not in r]) >= times)


def codes(times):
    """What came of the next renewals: their error codes."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)
    return {r.get("errorCode") for r in agent.records("Decrypt")[before:]}


def write(name, text, mode=0o600):
    path = f"{agent.dir}/{name}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def behind(port):
    """A port on which nothing listens, and from which the proxy leads to `port`."""
    closed = free_port()
    proxy.routes[closed] = port
    return closed


LOGIN = write("proxy-login", f"username=envelope\npassword={PASSWORD}\n")


@contextlib.contextmanager
def through_proxy(**changed):
    """An agent that reaches its KMS through the proxy alone."""
    options = {"KmsEndpoint": f"https://localhost:{behind(agent.kms.port)}", "CaFile": CA, "Proxy": proxy.url,
               "ProxyCredentialsFile": LOGIN, **changed}
    agent.restart(**options)
    proxy.asked.clear()
    try:
        yield options
    finally:
        proxy.answer = None
        agent.remove_all()
        agent.restart()


WRONG = {
    "https://": "the name of the host is missing",
    "https://:8443": "the name of the host is missing",
    "https://[::1": "write an IPv6 address as [ADDRESS]",
    "https://[::::]": "write an IPv6 address as [ADDRESS]",
    "https://kms:0": "give a port of 1 to 65535",
    "https://kms:99999": "give a port of 1 to 65535",
    "https://kms:+443": "give a port of 1 to 65535",
    "https://kms/v2": "it has a path",
    "https://kms?a=b": "it has a query or a fragment",
    "https://kms/#a": "it has a query or a fragment",
    "https://user:s3cret@kms": "it has user information",
    "http://kms": "give unix:/PATH or https://HOST[:PORT]",
    "HTTPS://kms": "give unix:/PATH or https://HOST[:PORT]",
    "unix:kms.sock": "give unix:/PATH or https://HOST[:PORT]",
    "unix:/" + "x" * 120: "at most 107 bytes",
}


@test("one judge of KmsEndpoint=: a check, a reload and a restart refuse the same addresses in the same words")
def _():
    agent.create("db1", one)
    keys = agent.keys()
    for endpoint, fault in WRONG.items():
        status, said = agent.check_config(KmsEndpoint=endpoint)
        assert status == 2 and fault in said, (endpoint, fault, said)
        record = agent.reload(KmsEndpoint=endpoint)
        assert record["errorCode"] == "InvalidConfiguration" and record["errorMessage"] in said, (record, said)
    for endpoint in "https://kms:99999", "https://user:s3cret@kms":
        agent.restart(KmsEndpoint=endpoint)
        assert WRONG[endpoint] in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
        assert f"the last good one, {agent.dir}/agent/agent.conf.good, is used" in agent.log()
        renewed(2)
        assert agent.status("db1") == "available" and agent.keys() == keys
    assert "s3cret" not in agent.log(), "the log has the password of an address"
    for endpoint in "https://kms.eu-central-1.amazonaws.com", "https://[::1]:8443", "https://localhost:8443/", "https://kms_1:443":
        assert agent.check_config(KmsEndpoint=endpoint)[0] == 0, endpoint
    agent.restart()


@test("the KMS is reached through Proxy= alone, which sees no credential of AWS; the environment names no proxy")
def _():
    unasked = ConnectProxy()
    names = ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY")
    os.environ.update({name: unasked.url for name in names}, no_proxy="localhost")
    try:
        with through_proxy() as options:
            agent.create("db1", one)
            renewed(2)
            assert proxy.targets() == {options["KmsEndpoint"][len("https://"):]}, proxy.targets()
            for head in proxy.asked:
                assert head.startswith("CONNECT ") and "AWS4" not in head and "X-Amz" not in head, head
            agent.restart(KmsEndpoint=f"https://localhost:{agent.kms.port}", CaFile=CA)
            renewed(2)
            assert not unasked.asked, unasked.asked
    finally:
        for name in (*names, "no_proxy"):
            del os.environ[name]
        unasked.server_close()


@test("without a proxy a server that cannot be reached is reported with that; one of this host, and a socket, are not")
def _():
    for address, remote in (f"https://[::ffff:127.0.0.1]:{free_port()}", True), (f"https://localhost:{free_port()}", False), \
            ("unix:/nowhere/kms.sock", False):
        agent.restart(KmsEndpoint=address)
        said = agent.bad("KMSUnreachable", "create", "db1", "--device", one.path, "--storage-encrypted")
        assert ("No proxy was asked: Proxy= is not set." in said) == remote, (address, said)
    agent.restart()


@test("NoProxy= names servers that are asked directly")
def _():
    with through_proxy(KmsEndpoint=f"https://localhost:{agent.kms.port}", NoProxy="example.com,localhost"):
        agent.create("db1", one)
        renewed(2)
        assert not proxy.asked, proxy.asked


@test("an IPv6 address of NoProxy= is asked directly; forms that would be asked through the proxy are refused with their line")
def _():
    with through_proxy() as options:
        agent.create("db1", one)
        asked = f"https://[::1]:{behind(agent.kms.port)}"
        agent.restart(**{**options, "KmsEndpoint": asked})
        wait_for(lambda: proxy.asked, why=agent.log)
        agent.restart(**{**options, "KmsEndpoint": asked, "NoProxy": "example.com, ::1"})
        proxy.asked.clear()
        wait_for(lambda: codes(2) == {"KMSUnreachable"})
        assert not proxy.asked, proxy.asked
        for host, why in {"[::1]": "without brackets", "::1/128": "IPv6 networks", "0:0::1": "shortest form",
                          "fe80::1%lo": "without a zone", "[::1]:8443": "without brackets"}.items():
            status, said = agent.check_config(**options, NoProxy=f"localhost,{host}")
            assert status == 2 and f"NoProxy={host} is not valid: " in said and why in said and "agent.conf:14: " in said, said
        agent.restart(**options)
        renewed(2)


@test("no answer of a proxy is a verdict: a denial in the words of a KMS, a 407 and a proxy that is down are silence")
def _():
    with through_proxy() as options:
        agent.create("db1", one)
        keys = agent.keys()
        for status in 403, 407, 400, 404, 502, 302:
            proxy.answer = status
            wait_for(lambda: codes(2) == {"KMSUnreachable"})
            assert agent.status("db1") == "available" and agent.keys() == keys, f"HTTP status {status} of the proxy"
            said = agent.volume("db1")["LastError"]
            assert f"response {status}" in said and proxy.url in said, said
            assert ("ProxyCredentialsFile=" if status == 407 else "add it to NoProxy=") in said, said
        proxy.answer = None
        agent.restart(**{**options, "ProxyCredentialsFile": write("wrong-login", "username=a\npassword=b\n")})
        wait_for(lambda: codes(2) == {"KMSUnreachable"})
        down = f"http://127.0.0.1:{free_port()}"
        agent.restart(**{**options, "Proxy": down, "NoProxy": "example.com"})
        wait_for(lambda: codes(2) == {"KMSUnreachable"})
        said = agent.volume("db1")["LastError"]
        assert f"Proxy={down} is asked for each host that is not in NoProxy=example.com." in said, said
        assert agent.status("db1") == "available" and agent.keys() == keys
        agent.reload(**options)
        renewed(2)
        assert agent.keys() == keys
        for seen in agent.log(), agent.said("status", "--output", "json"), str(agent.events()):
            assert PASSWORD not in seen, "the password of the proxy is shown"


class Portal(http.server.BaseHTTPRequestHandler):
    """Ends TLS with a certificate that the agent trusts, and lets nothing through."""

    def do_POST(self):
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


def with_tls(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CA, f"{agent.kms.state}/tls-key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server.server_address[1]


@test("what a proxy says about its tunnel is not mixed with the answer that comes through the tunnel")
def _():
    portal = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Portal)
    port = with_tls(portal)
    threading.Thread(target=portal.serve_forever, daemon=True).start()
    with through_proxy() as options:
        agent.create("db1", one)
        keys = agent.keys()
        agent.restart(**{**options, "KmsEndpoint": f"https://localhost:{behind(port)}"})
        wait_for(lambda: codes(2) == {"KMSUnreachable"})
        assert "answered HTTP status 403 without a KMS error" in agent.volume("db1")["LastError"], agent.volume("db1")
        assert agent.status("db1") == "available" and agent.keys() == keys
        agent.reload(**options)
        renewed(2)
    portal.shutdown()


@test("STS is asked through the proxy, the metadata service of the instance never")
def _():
    profiles = configparser.ConfigParser()
    profiles.read(agent.kms.credentials)
    keys = profiles["enveloped"]["aws_access_key_id"], profiles["enveloped"]["aws_secret_access_key"]
    instance, sts = CredentialServer(keys), CredentialServer(keys)
    sts.known = {keys[0]: (keys[1], "")}
    closed = behind(with_tls(sts.http))
    os.environ.update(AWS_ENDPOINT_URL_STS=f"https://localhost:{closed}", AWS_EC2_METADATA_SERVICE_ENDPOINT=instance.url)
    text = f"[enveloped]\nrole_arn={ROLE}\ncredential_source=Ec2InstanceMetadata\n"
    try:
        with through_proxy(CredentialsFile=write("profiles", text)) as options:
            agent.create("db1", one)
            assert instance.given == ["instance"] and sts.given == ["AssumeRole"], (instance.refused, sts.refused)
            assert proxy.targets() == {f"localhost:{closed}", options["KmsEndpoint"][len("https://"):]}, proxy.targets()
            # New credentials are refused by the proxy: that is the proxy's word, not STS's or the KMS's.
            proxy.answer = 403
            before = agent.keys()
            agent.restart(**options)
            wait_for(lambda: codes(2) == {"CredentialsUnavailable"})
            assert agent.status("db1") == "available" and agent.keys() == before
            proxy.answer = None
    finally:
        del os.environ["AWS_ENDPOINT_URL_STS"], os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]


@test("--check-config judges the proxy, and repeats no password")
def _():
    for changed, fault in [
        ({"Proxy": "proxy:3128"}, "Proxy=proxy:3128 is not valid: give http://HOST:PORT"),
        ({"Proxy": "http://proxy"}, "give http://HOST:PORT"),
        ({"Proxy": "http://[::1]"}, "give http://HOST:PORT"),
        ({"Proxy": "https://proxy:3128"}, "give http://HOST:PORT"),
        ({"Proxy": "http://proxy:99999"}, "give a port of 1 to 65535"),
        ({"Proxy": "http://a:s3cret@proxy:3128"}, "Proxy= is not valid: it has user information"),
        ({"Proxy": proxy.url, "ProxyCredentialsFile": "/nowhere"}, "/nowhere"),
        ({"Proxy": proxy.url, "ProxyCredentialsFile": write("open-login", "username=a\n", 0o640)}, "is open to its group"),
        ({"Proxy": proxy.url, "ProxyCredentialsFile": write("no-login", "password=s3cret\n")}, "need a username="),
        ({"Proxy": proxy.url, "ProxyCredentialsFile": write("odd-login", "user=s3cret\n")}, "odd-login:1: A proxy's credentials"),
    ]:
        status, said = agent.check_config(**changed)
        assert status == 2 and fault in said and "s3cret" not in said, (changed, status, said)
    assert agent.check_config(Proxy="http://[::1]:3128", ProxyCredentialsFile=LOGIN)[0] == 0
    agent.configure()


finish()
