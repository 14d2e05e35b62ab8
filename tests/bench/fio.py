# SPDX-License-Identifier: MIT
"""What a program sees: fio over the same targets, through each of the kernel's interfaces.

A nanosecond is an instruction, as for the load generator. The instructions of fio and of the
system calls are included, and are the same over every target. For io_uring the worker threads
(io-wq) of the process are counted too: if a target cannot promise not to block, io_uring hands
every I/O to a worker.
"""

TARGETS = ("raw", "linear", "envelope", "crypt", "crypt-inline", "crypt-same-cpu")
# If each I/O waits for an interrupt, only io_uring at depth 1 is measured: the bound is about it.
WAITING_TARGETS = ("linear", "envelope", "crypt-inline")
WAITING = ("io_uring", "io_uring-registered")
# The scheduler may have more to do in one round than in another: the least counts, as for the load generator.
WAITING_ROUNDS = 3
ENGINES = {
    "io_uring": "--ioengine=io_uring",
    "io_uring-registered": "--ioengine=io_uring --fixedbufs=1 --registerfiles=1",
    "io_uring-iopoll": "--ioengine=io_uring --hipri=1",
    "libaio": "--ioengine=libaio",
    "psync": "--ioengine=psync",
}
# fio tells its time in milliseconds; where the bound is closest that would decide it.
IOS = {"task": 8192, "hardirq": 16384}
SAME = ("--thread --direct=1 --bs=4k --size=1g --norandommap --randrepeat=1 --gtod_reduce=1 "
        "--clocksource=clock_gettime")

# Of inline dm-crypt's I/Os in the same time, at depth 1.
IO_URING_BOUND = 1.5


def runs(completion):
    """(engine, depth) of all runs, and over which targets."""
    if completion == "hardirq":
        return [(name, 1) for name in WAITING], WAITING_TARGETS
    return [(name, depth) for name in ENGINES for depth in ((1, 32) if name != "psync" else (1,))], TARGETS


def enough(engine, depth, ios):
    """How many I/Os of a run: half of them where no bound hangs on the cost of one."""
    return ios if engine.startswith("io_uring") and depth == 1 else ios // 2


def plan(device, completion, ios, only=()):
    """Lines for the guest; DEVICE names a target's path; so many I/Os each; ONLY these targets, if any are named."""
    wanted, targets = runs(completion)
    targets = only or targets
    rounds = WAITING_ROUNDS if completion == "hardirq" else 1
    return [f"fio {target}/{op}-{depth}/{name} {SAME} --number_ios={enough(name, depth, ios)} --rw=rand{op} "
            f"--iodepth={depth} {ENGINES[name]} --filename={device(target)}"
            for _ in range(rounds) for name, depth in wanted for op in ("read", "write") for target in targets]


def impatience():
    """Lines by which a lower device, whose I/Os complete at once, is given up after a second, not after 30.

    Over dm-crypt polling finds nothing and ends by that.
    """
    return [f"set /sys/block/nullb{n}/queue/io_timeout 1000" for n in range(len(TARGETS))]


def figure(result, ios):
    """Of one run: instructions and context switches per I/O, io-wq workers; or what went wrong."""
    _, load, engine = result["id"].split("/")
    op, depth = load.split("-")
    report = result["report"]
    job = report["jobs"][0] if report else None
    if result["exit"] or not job or job["error"] or job[op]["total_ios"] < enough(engine, int(depth), ios):
        return {"error": result["error"] or f"exit code {result['exit']}"}
    return {"cost": round(1e6 * job[op]["runtime"] / job[op]["total_ios"], 1),
            "switches": round(result["switches"] / job[op]["total_ios"], 2),
            "workers": result["workers"]}


def collect(results, ios):
    """Load -> engine -> target -> figure; of several rounds the one that cost least, or the one that failed."""
    found = {}
    for result in results:
        target, load, engine = result["id"].split("/")
        row = found.setdefault(load, {}).setdefault(engine, {})
        seen = figure(result, ios)
        if target not in row or "error" in seen or seen["cost"] < row[target].get("cost", 0):
            row[target] = seen
    return found


def cell(seen):
    """One figure as text."""
    if "error" in seen:
        return "error"
    return f"{seen['cost']:.0f} {seen['switches']:.2f} {seen['workers']}"


def table(found, completion, unit="instructions"):
    """Lines of text."""
    _, targets = runs(completion)
    lines = [f"fio: {unit} per I/O, context switches per I/O, io-wq workers".ljust(38),
             " " * 38 + "".join(f"{name:>20}" for name in targets)]
    for load, engines in found.items():
        for engine, row in engines.items():
            lines.append(f"4k random {load} {engine}".ljust(38) + "".join(f"{cell(row[name]):>20}" for name in targets))
            errors = sorted({row[name]["error"] for name in targets if "error" in row[name]})
            lines += [f"    {error}" for error in errors]
    return lines


def bounds(found):
    """What must hold: (description, seen, bound, holds), one each."""
    checks = []
    for load, engines in found.items():
        for engine, row in engines.items():
            if not engine.startswith("io_uring"):
                continue
            # Where the bare device has no queue to poll there is nothing to hold.
            if engine == "io_uring-iopoll" and "error" in row.get("raw", {}):
                continue
            envelope, inline = row["envelope"], row["crypt-inline"]
            # What the envelope cannot do misses its bounds; what inline dm-crypt cannot do is no measure.
            if load.endswith("-1") and "cost" in inline:
                ratio = inline["cost"] / envelope["cost"] if "cost" in envelope else 0
                checks.append((f"4k random {load} {engine}: I/Os in the time of one of inline dm-crypt", ratio,
                               f"at least {IO_URING_BOUND}", ratio >= IO_URING_BOUND))
            if engine == "io_uring-iopoll":
                works = "error" not in envelope
                checks.append((f"4k random {load} {engine}: works", float(works), "1", works))
            checks.append((f"4k random {load} {engine}: io-wq workers", envelope.get("workers", float("nan")), "0",
                           envelope.get("workers") == 0))
    return checks
