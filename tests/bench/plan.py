# SPDX-License-Identifier: MIT
"""What is measured: the targets side by side, and the loads put on them.

Each target has a lower device of its own, null_blk without memory. No block device costs less,
so it hides the cost of the targets least; and it moves no data, a cost that is no target's.
It completes a request in the context that submitted it (irqmode=0) or, like NVMe,
in a hard interrupt (irqmode=2).
"""

from dataclasses import dataclass

SECTORS = 2097152       # of 512 bytes: the 1 GiB of a lower device
KEY = bytes(range(64)).hex()    # for dm-crypt; the envelope has one made in the guest
CRYPT = "crypt aes-xts-plain64 {key} 0 /dev/nullb{n} 0 "

# In the order of the table; the number is that of the lower device.
TARGETS = {
    "raw": None,
    "linear": "linear /dev/nullb{n} 0",
    "envelope": "envelope aes-xts-plain64 :64:envelope:bench 0 /dev/nullb{n} 0",
    "crypt": CRYPT + "1 sector_size:4096",
    "crypt-inline": CRYPT + "3 sector_size:4096 no_read_workqueue no_write_workqueue",
    "crypt-same-cpu": CRYPT + "4 sector_size:4096 same_cpu_crypt submit_from_crypt_cpus high_priority",
}

# A peer on a kernel of its own (tests/kernels/inlinecrypt.config), and what it stands beside.
INLINECRYPT = {"inlinecrypt": "inlinecrypt aes-xts-plain64 {key} 0 /dev/nullb{n} 0 2 sector_size:4096 iv_large_sectors"}
BESIDE_INLINECRYPT = ("linear", "envelope", "crypt-inline", *INLINECRYPT)
ALL = TARGETS | INLINECRYPT

# dm-crypt has high_priority since 6.10.
HIGH_PRIORITY = (6, 10)
OLD_SAME_CPU = CRYPT + "3 sector_size:4096 same_cpu_crypt submit_from_crypt_cpus"

# Until then drivers have a wrapper that looks after the FPU. The envelope runs what is inside, and so does the floor.
UNWRAPPED = (6, 16)

IRQ_MODES = {"task": 0, "hardirq": 2}

# Loads that wait for each interrupt may meet a scheduler that has more to do. They have several short rounds
# instead of a long one: the least counts, which is when it had not.
WAITING_ROUNDS = 9
WAITING_PART = 2


@dataclass(frozen=True)
class Load:
    """One row of the table."""

    op: str
    pattern: str
    block: int
    depth: int
    count: int
    rounds: int = 1

    @property
    def name(self):
        """As in figures.json, such as "read-random-4k-32"."""
        return f"{self.op}-{self.pattern}-{self.block // 1024}k-{self.depth}"

    @property
    def warmup(self):
        """I/Os that go before."""
        return max(2 * self.depth, self.count // 8)

    @property
    def words(self):
        """For envelope-bench."""
        return (f"op={self.op} pattern={self.pattern} bs={self.block} depth={self.depth} count={self.count} "
                f"warmup={self.warmup}")

    @property
    def cipher(self):
        """Name of the bare cipher on the same data."""
        return f"{'decrypt' if self.op == 'read' else 'encrypt'}-{self.block // 1024}k"


def loads(blocks=(4096, 65536, 131072), depths=(1, 32), completion="task"):
    """4 KiB at random, deep and shallow; large blocks one after the other."""
    found = []
    for block in blocks:
        for depth in depths if block == 4096 else (1,):
            waits = completion == "hardirq" and depth == 1
            count = (4096 if block == 4096 else 256 * 65536 // block) // (WAITING_PART if waits else 1)
            for op in ("read", "write"):
                found.append(Load(op, "random" if block == 4096 else "sequential", block, depth, count,
                                  WAITING_ROUNDS if waits else 1))
    return found


def is_before(series, version):
    """Is a series, such as "6.12", older than that?"""
    return tuple(int(word) for word in series.split(".")[:2]) < version


def template(series, target):
    """Words of a target's table as in ALL; None for the bare device."""
    old = target == "crypt-same-cpu" and is_before(series, HIGH_PRIORITY)
    return OLD_SAME_CPU if old else ALL[target]


def table(series, target):
    """Words of a target's table; None for the bare device."""
    found = template(series, target)
    return found and found.format(n=list(ALL).index(target), key=KEY)


def exchange(series, reduced=""):
    """Lines that put the envelope's device on another module: a reduced one (reduced.py), or the one as it is."""
    return ["undm envelope", "unload dm-envelope", f"load dm-envelope{reduced and '-' + reduced}",
            "envelope-key bench", f"dm envelope 0 {SECTORS} {table(series, 'envelope')}"]


def setup(series, targets, completion="task", cpus=1):
    """Lines that make the devices."""
    devices = max(len(TARGETS), 1 + max(list(ALL).index(name) for name in targets))
    null_blk = (f"load null_blk nr_devices={devices} gb=1 bs=4096 max_sectors=2048 no_sched=1 "
                f"queue_mode=2 submit_queues={cpus} poll_queues=1 irqmode={IRQ_MODES[completion]} completion_nsec=1")
    lines = [null_blk, "load dm-envelope", "load envelope-bench", "envelope-key bench"]
    lines += [f"dm {name} 0 {SECTORS} {table(series, name)}" for name in targets if ALL[name]]
    return lines + ["settle 5"]


def device(target):
    """Path in the guest."""
    return f"/dev/mapper/{target}" if ALL[target] else f"/dev/nullb{list(ALL).index(target)}"


def bare_cipher(row, driver):
    """Words that measure the cipher on the data of a load."""
    return f"op={row.cipher.split('-', maxsplit=1)[0]} driver={driver} bs={row.block} count={row.rounds * row.count}"


def measurements(series, targets, rows):
    """Lines that measure: each load on each target, in its rounds, then the cipher on the same data."""
    lines = [f"measure {target}/{row.name} {row.words} device={device(target)}"
             for number in range(max(row.rounds for row in rows)) for row in rows if number < row.rounds for target in targets]
    ciphers = {row.cipher: row for row in rows}
    driver = "__xts(aes)" if is_before(series, UNWRAPPED) else "xts(aes)"
    for name, row in ciphers.items():
        lines.append(f"measure cipher/{name} {bare_cipher(row, driver)}")
    return lines
