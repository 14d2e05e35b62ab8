# SPDX-License-Identifier: MIT
#
# The right of the group of ReadOnlyGroup=: it may look, and change nothing. The methods come from the
# agent's own table and description, so that no new method can be forgotten here.

import contextlib
import grp
import os
import re
import stat

from agent_suite import agent, finish, one, test

READERS = "games"  # a group that each host has
NOBODY = 65534

# All that the group may call. A method is only added here when it changes nothing and shows no secret.
READ = {"DescribeClusters", "Status", "Events", "DescribePools", "DescribeSnapshots"}
OF_NO_CLUSTER = {"Events", "DescribePools", "DescribeSnapshots"}  # among them


@contextlib.contextmanager
def user(group):
    """A user who is in this group alone."""
    groups = os.getgroups()
    os.setgroups([])
    os.setegid(group)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def reader():
    return user(grp.getgrnam(READERS).gr_gid)


def table():
    """Method -> right, as in the source of the agent."""
    with open("userspace/agent/api/methods.c", encoding="utf-8") as f:
        rows = f.read().split("struct varlink_method methods[] = {")[1].split("{ 0 }")[0]
    return {name: rest for name, rest in re.findall(r'\{ "(\w+)", \w+(?:, (\w+))? \}', rows)}


def described(client):
    """The methods that the interface describes."""
    client.sendall(b'{"method":"org.varlink.service.GetInterfaceDescription",'
                   b'"parameters":{"interface":"io.dmenvelope.Cluster"}}\0')
    answer = b""
    while not answer.endswith(b"\0"):
        answer += client.recv(65536)
    return re.findall(r"^method (\w+)\(", answer.decode().replace("\\n", "\n"), re.MULTILINE)


@test("each method of the agent is in its table and in its description")
def _():
    with agent.connect() as client:
        assert sorted(table()) == sorted(described(client))
    assert len(table()) > 8, table()


agent.restart(ReadOnlyGroup=READERS)


@test("a member of the read-only group may call the methods that only look, and no other")
def _():
    agent.create("db1", one)
    for method in table():
        with reader():
            client = agent.connect()
        with client:
            said = agent.varlink(client, method, {"dbClusterIdentifier": "db1"} if method not in OF_NO_CLUSTER else {})
        denied = said.get("parameters", {}).get("code") == "AccessDenied"
        assert denied == (method not in READ), f"{method}: {said}"
        if denied:
            assert "a member of the group envelope" in said["parameters"]["message"] and method in said["parameters"]["message"]
        else:
            assert "error" not in said, f"{method}: {said}"
    assert agent.status("db1") == "available" and not agent.records("StopDBCluster")


@test("a member of the read-only group may subscribe to status and events")
def _():
    for method in "Status", "Events":
        with reader():
            client = agent.connect()
        with client:
            said = agent.varlink(client, method, {"follow": True} if method == "Events" else {}, more=True)
            assert "error" not in said, f"{method}: {said}"


@test("a user of another group cannot connect, and without ReadOnlyGroup= no group but envelope can")
def _():
    def connects():
        try:
            agent.connect().close()
        except PermissionError:
            return False
        return True

    with user(NOBODY):
        assert not connects(), "a stranger has connected"
    assert not stat.S_IMODE(os.stat(f"{agent.dir}/agent.sock").st_mode) & 0o007
    agent.restart(ReadOnlyGroup="")
    with reader():
        assert not connects(), "a group that is not configured has connected"
    agent.restart(ReadOnlyGroup="no-such-group")
    assert "There is no group of ReadOnlyGroup=no-such-group" in agent.log()


finish()
