"""From a request to its board and back: latency, throughput, many boards at once."""

from dataclasses import replace

from bench.fill import READY, board_uuid
from bench.generator import Sample
from bench.lab import HUGE, LARGE, Lab, Size
from bench.table import Row
from boruta_farm.access.keys import KEYS_READY

GRANTS = 400
GRANT_P50, OPENING_P50 = 5.0, 15.0
JOBS, DRAIN_WITHIN, DRAIN_LIMIT = 10_000, 20.0, 45.0
FEW_JOBS, ACQUIRE_LIMIT = 500, 30.0
BOARDS, MANY_BOARDS = 10, 100
GROWTH = 1.5
WOKEN, WOKEN_WITHIN = 100, 2.0

NEW = {"Caps": READY, "Priority": 8}
OWN_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f bench"


def grant(lab: Lab) -> list[Row]:
    """Measure POST to IN PROGRESS among 1,000 idle boards and 100,000 waiting requests."""
    rows = []
    with lab.serve(LARGE, boards=True, keys="real") as server:
        # Making keys takes all that other processes leave; a farm at rest has its pool full.
        server.wait_for_keys(KEYS_READY)
        for name, body, aim in (
            ("POST until IN PROGRESS", NEW, GRANT_P50),
            ("  with an SSHKey of one's own", {**NEW, "SSHKey": OWN_KEY}, OPENING_P50),
        ):
            load = lab.own_load.grant(server.port, body, GRANTS, 30)
            rows.append(
                Row(
                    name=name,
                    value=f"p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms ({load.requests} times)",
                    aim=f"p50 <= {aim:g} ms",
                    met=load.p50 <= aim,
                )
            )
    return rows


def grant_huge(lab: Lab) -> list[Row]:
    """Measure the same among 10,000 idle boards, with and without 100,000 others waiting."""
    found = {}
    for size in (replace(HUGE, waiting=0), HUGE):
        with lab.serve(size, boards=True, keys="real") as server:
            server.wait_for_keys(KEYS_READY)
            found[size.waiting] = lab.own_load.grant(server.port, NEW, GRANTS, 60)
    rows = [
        Row(
            name=f"10,000 boards, {waiting:,} others waiting",
            value=f"p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms ({load.requests} times)",
            aim=f"p50 <= {GRANT_P50:g} ms",
            met=load.p50 <= GRANT_P50,
        )
        for waiting, load in found.items()
    ]
    growth = found[HUGE.waiting].p50 / found[0].p50
    rows.append(
        Row(
            name="  so much longer for those others",
            value=f"{growth:.2f} times",
            aim=f"<= {GROWTH:g} times",
            met=growth <= GROWTH,
        )
    )
    return rows


def drain_many(lab: Lab) -> list[Row]:
    """Measure 10,000 jobs over 100 boards, each closed as soon as it runs.

    Keys cost nothing here: making one for every job takes longer than all the rest, which is
    measured by ``drain``.
    """
    with lab.serve(Size(ready=MANY_BOARDS), boards=True) as server:
        load = lab.own_load.drain(server.port, NEW, JOBS, False, DRAIN_LIMIT)
    done = load.requests == JOBS
    value = f"{load.seconds:.1f} s, {load.rate:,.0f} jobs/s"
    if not done:
        value = f"{load.requests:,} in {load.seconds:.0f} s, {load.rate:,.0f} jobs/s"
    return [
        Row(
            name=f"{MANY_BOARDS} boards, {JOBS:,} jobs, closed at once (keys that cost nothing)",
            value=value,
            aim=f"<= {DRAIN_WITHIN:g} s",
            met=done and load.seconds <= DRAIN_WITHIN,
        )
    ]


def drain(lab: Lab) -> list[Row]:
    """Measure 10,000 jobs over 10 boards, then how fast keys let jobs turn over."""
    size = Size(ready=BOARDS)
    rows = []
    for name, keys in (("", "real"), (" (keys that cost nothing)", "numbered")):
        with lab.serve(size, boards=True, keys=keys) as server:
            load = lab.own_load.drain(server.port, NEW, JOBS, False, DRAIN_LIMIT)
        done = load.requests == JOBS
        value = f"{load.seconds:.1f} s, {load.rate:,.0f} jobs/s"
        if not done:
            value = f"{load.requests:,} in {load.seconds:.0f} s, {load.rate:,.0f} jobs/s"
        rows.append(
            Row(
                name=f"{BOARDS} boards, {JOBS:,} jobs, not acquired{name}",
                value=value,
                aim=f"<= {DRAIN_WITHIN:g} s" if keys == "real" else "",
                met=done and load.seconds <= DRAIN_WITHIN if keys == "real" else None,
            )
        )
    with lab.serve(size, boards=True, keys="real") as server:
        load = lab.own_load.drain(server.port, NEW, FEW_JOBS, True, ACQUIRE_LIMIT)
    rows.append(
        Row(
            name="  each acquired: the rate that keys allow",
            value=f"{load.requests} jobs in {load.seconds:.1f} s, {load.rate:.1f} jobs/s",
        )
    )
    return rows


def wake(lab: Lab) -> list[Row]:
    """Measure how long 100 boards take from MAINTENANCE to IDLE with the key pool filled."""
    samples = [
        Sample(
            method="POST",
            path=f"/api/v1/workers/{board_uuid(number)}/setstate",
            body={"WorkerState": "IDLE"},
        )
        for number in range(WOKEN)
    ]
    with lab.serve(Size(maintenance=WOKEN), boards=True, keys="real") as server:
        server.wait_for_keys(KEYS_READY)
        load = lab.own_load.burst(server.port, samples, "IDLE", 30)
    return [
        Row(
            name=f"{WOKEN} boards from MAINTENANCE to IDLE",
            value=f"{load.seconds:.2f} s",
            aim=f"<= {WOKEN_WITHIN:g} s",
            met=load.seconds <= WOKEN_WITHIN,
        )
    ]
