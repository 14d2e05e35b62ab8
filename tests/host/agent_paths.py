# SPDX-License-Identifier: MIT
#
# Devices, and files of the configuration, whose path lies on a file system that does not answer, such as
# FUSE or NFS. See tests/unit/hung_path.c: here the lookup sleeps in the agent, as it would in the kernel.

import contextlib
import os
import shutil
import signal
import subprocess

from agent_suite import agent, finish, forgotten, one, stopped_cluster, test, three, two
from wait import PATIENCE, wait_for

# Far more than a step needs on a busy machine, since other clusters have the same limit.
LIMIT = {"DeviceTimeoutSeconds": 10}


@contextlib.contextmanager
def hung_path(path):
    """A lookup of this path sleeps. The function that this gives waits for the first one."""
    with agent.present("hung-path", path):
        yield lambda: wait_for(lambda: os.path.exists(f"{agent.kernel}/path-asked"))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{agent.kernel}/path-asked")


def disk_looks():
    """Number of looks at all disks."""
    return os.path.getsize(f"{agent.kernel}/disk-looks")


def others_go_on(running, stopped):
    """The agent answers, renews the lease of one cluster, and starts and stops another."""
    assert agent.volume(running)["DeviceState"] == "live"
    assert agent.status(running) == "available"
    agent.good("start", stopped)
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) > before + 1)
    agent.good("stop", stopped)


def ended_by_its_time(process, path):
    """The client of a command on this path gets the fault."""
    said = process.communicate(timeout=PATIENCE)[1]
    assert process.returncode not in (0, None) and "(DeviceTimeout)" in said, said
    assert path in said and "more than 10 seconds" in said, said


@test("a creation whose path does not answer holds no other cluster, ends with a fault, and leaves nothing")
def _():
    path = f"{agent.dir}/hung"
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db2")
    agent.restart(**LIMIT)
    os.symlink(three.device, path)
    with hung_path(path) as asked:
        client = agent.begin("create", "db3", "--device", path, "--storage-encrypted")
        asked()
        others_go_on("db1", "db2")
        ended_by_its_time(client, path)
        assert agent.clusters()["db3"]["StatusReason"].startswith("device-timeout: ")
    wait_for(lambda: "db3" not in agent.clusters())
    os.unlink(path)
    assert not any(three.read()) and not [r for r in agent.records("DescribeKey") if "db3" in str(r)]
    agent.restart()
    assert sorted(agent.clusters()) == ["db1", "db2"]
    agent.create("db3", three)


@test("a relocation whose path does not answer holds no other cluster, and changes nothing")
def _():
    path = f"{agent.dir}/hung"
    agent.create("db1", one)
    for name, disk in ("db2", two), ("db3", three):
        agent.create(name, disk)
        agent.good("stop", name)
    agent.restart(**LIMIT)
    os.symlink(three.device, path)
    with hung_path(path) as asked:
        client = agent.begin("relocate", "db3", "--device", path)
        asked()
        others_go_on("db1", "db2")
        ended_by_its_time(client, path)
    wait_for(lambda: agent.clusters()["db3"]["StatusReason"] == "")
    assert agent.clusters()["db3"]["Device"] == three.path
    agent.good("relocate", "db3", "--device", path)
    assert agent.clusters()["db3"]["Device"] == path
    agent.good("relocate", "db3", "--device", three.path)
    os.unlink(path)
    agent.restart()


@test("an adoption whose path does not answer holds no other cluster and no other adoption, and takes nothing in")
def _():
    path = f"{agent.dir}/hung"
    forgotten(two, three, **LIMIT)
    agent.scannable(*agent.disks)
    agent.create("db2", two)
    agent.create("db3", three)
    agent.good("stop", "db3")
    os.symlink(one.device, path)
    with hung_path(path) as asked:
        client = agent.begin("adopt", None, "--device", path)
        asked()
        others_go_on("db2", "db3")
        ended_by_its_time(client, path)
        assert agent.records("AdoptDBCluster", "DeviceTimeout")
        assert "db1" not in agent.clusters()
        agent.good("adopt", None, "--device", one.path)
    agent.told_disks()
    assert sorted(agent.clusters()) == ["db1", "db2", "db3"]
    os.unlink(path)
    agent.restart()


@test("the path of a cluster's own disk does not answer: status, other clusters and the look at the disks go on")
def _():
    agent.create("db1", one)
    agent.create("db2", two)
    agent.create("db3", three)
    for name in "db2", "db3":
        agent.good("stop", name)
    agent.told_disks()
    agent.stop()
    with hung_path(two.path) as asked:
        agent.start(**LIMIT)
        asked()
        before = disk_looks()
        assert agent.volume("db1")["DeviceState"] == "live" and agent.status("db2") == "stopped"
        said = agent.bad("VolumeInUse", "create", "db4", "--device", three.path, "--storage-encrypted")
        assert "holds the volume of the cluster db3" in said, said
        wait_for(lambda: f"The path {two.path} of the cluster db2 is not answered" in agent.log())
        wait_for(lambda: disk_looks() > before)
        agent.bad("DeviceTimeout", "start", "db2")
        others_go_on("db1", "db3")
    wait_for(lambda: f"The path {two.path} answers again." in agent.log())
    agent.told_disks()
    wait_for(lambda: agent.clusters()["db2"]["DiskPresent"])
    assert "FoundDevice" not in agent.clusters()["db2"], agent.clusters()["db2"]
    agent.good("start", "db2")
    agent.restart()


def renewed(times=2):
    """Until the KMS has agreed so often from now on."""
    before = len(agent.records("Decrypt"))
    wait_for(lambda: len(agent.records("Decrypt")) >= before + times)


def serves():
    """The agent answers and renews."""
    assert agent.volume("db1")["DeviceState"] == "live" and agent.status("db1") == "available"
    renewed()


def problem():
    """What `envelope status` says below the table."""
    done = subprocess.run([f"{agent.programs}/envelope", "status"], capture_output=True, text=True, env=agent.environment,
                          timeout=PATIENCE, check=True)
    return done.stderr


def hang_up(**changed):
    agent.configure(**changed)
    agent.process.send_signal(signal.SIGHUP)


# Less than above: each of several reloads takes this long.
SHORT = {"DeviceTimeoutSeconds": 5}


@test("a reload whose files do not answer is refused in time and names the file; the agent answers and renews meanwhile")
def _():
    path = f"{agent.dir}/hung"
    agent.create("db1", one)
    agent.restart(**SHORT)
    with open(path, "w", encoding="utf-8"):
        os.chmod(path, 0o600)
    for key in "CaFile", "CredentialsFile", "AuditFile", "configuration":
        before = len(agent.records("ConfigurationReload"))
        with hung_path(f"{agent.dir}/agent.conf" if key == "configuration" else path) as asked:
            hang_up(**SHORT, **({} if key == "configuration" else {key: path}))
            asked()
            assert len(agent.records("ConfigurationReload")) == before, key
            serves()
            wait_for(lambda: len(agent.records("ConfigurationReload")) > before)
            said = agent.records("ConfigurationReload")[-1]
            assert said.get("errorCode") == "InvalidConfiguration", said
            assert f"{'agent.conf' if key == 'configuration' else path} has not answered for 5 seconds" in said["errorMessage"], said
            assert said["errorMessage"] in problem(), problem()
            serves()
    os.unlink(path)
    assert "errorCode" not in agent.reload(**SHORT)
    serves()


@test("a corrected configuration is taken over while the file of the one before still does not answer")
def _():
    path = f"{agent.dir}/hung"
    agent.create("db1", one)
    agent.restart(**LIMIT)
    with hung_path(path) as asked:
        hang_up(**LIMIT, CaFile=path)
        asked()
        said = agent.reload(**LIMIT, MaxDenials=7)
        assert "errorCode" not in said, said
        wait_for(lambda: "A device holds a job of configuration" in agent.log())
        assert agent.records("ConfigurationReload")[-1] == said, "the older reload has been answered, too"
        serves()
    agent.restart()


@test("credentials of calls that do not answer hold up neither the agent nor a fault, and count when they answer")
def _():
    path = agent.kms.credentials
    agent.create("db1", one)
    agent.create("db2", two)
    agent.good("stop", "db2")
    keys = agent.keys()
    with hung_path(path) as asked:
        asked()
        wait_for(lambda: f"{path} does not answer" in agent.volume("db1")["LastError"])
        assert f"{path} does not answer" in agent.bad("InvalidConfiguration", "start", "db2")
        said = agent.bad("InvalidParameterValue", "modify", "db2", "--profile", "other")
        assert f"{path} does not answer" in said, said
        assert agent.status("db1") == "available"
    renewed()
    agent.good("start", "db2")
    assert agent.status("db1") == "available" and keys.items() <= agent.keys().items()


@test("an agent whose files do not answer starts, says which, and renews; the fault goes when they answer")
def _():
    path, conf, good = f"{agent.dir}/hung", f"{agent.dir}/agent.conf", f"{agent.dir}/agent/agent.conf.good"
    agent.create("db1", one)
    shutil.copy(f"{agent.kms.state}/ca.pem", path)
    for hung, changed, ends_with_a_reload in (path, {"CaFile": path}, False), (path, {"CaFile": path}, True), (conf, {}, True):
        agent.told_disks()
        assert agent.stop() == 0
        if not ends_with_a_reload:
            os.unlink(good)
        with hung_path(hung):
            status, said = agent.check_config(**changed)
            assert status == 2 and f"{hung} has not answered" in said, (status, said)
            agent.start(**changed)
            assert f"{hung} has not answered" in agent.records("ConfigurationCheck", "InvalidConfiguration")[-1]["errorMessage"]
            assert f"{hung} has not answered" in problem()
            serves()
        if ends_with_a_reload:
            agent.reload()
        wait_for(lambda: not problem())
        serves()
    os.unlink(path)
    agent.restart()


@test("a path without a device, or with another cluster's, is refused after its look, and nothing is recorded of it")
def _():
    stopped_cluster()
    before = len(agent.records("DBClusterStatusChange"))
    for path in f"{agent.dir}/nothing", one.image:
        agent.bad("InvalidParameterValue", "create", "db2", "--device", path, "--storage-encrypted")
        agent.bad("InvalidParameterValue", "adopt", None, "--device", path)
        agent.bad("InvalidParameterValue", "relocate", "db1", "--device", path)
    agent.bad("VolumeInUse", "create", "db2", "--device", one.device, "--storage-encrypted")
    assert len(agent.records("CreateDBCluster", "InvalidParameterValue")) == 2
    assert len(agent.records("DBClusterStatusChange")) == before and sorted(agent.clusters()) == ["db1"]
    agent.create("db2", two)


finish()
