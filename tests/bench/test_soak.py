"""A soak's growth, its file and its picture; the whole for some seconds."""

import csv
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from bench.lab import Lab, SkippedError
from bench.scene import Crowd
from bench.soak import Sample, drawn, growth, judged, soak

CROWD = Crowd(agents=4, tunnels=2, queued=0, history=50)
AT_REST = Sample(
    seconds=0,
    memory=100 << 20,
    descriptors=50,
    database=1 << 20,
    calls=100,
    p50=1.0,
    p99=5.0,
    jobs=1,
    tunnels=2,
)


def hourly(percent: float, hours: int = 24) -> list[Sample]:
    """Return samples of a memory that grows by some percent of 100 MiB in a day."""
    return [
        replace(
            AT_REST,
            seconds=3600.0 * hour,
            memory=int(AT_REST.memory * (1 + percent / 100 * hour / 24)),
        )
        for hour in range(hours)
    ]


@pytest.mark.parametrize("percent", [0, 1, 30, -4])
def test_growth_is_told_in_percent_a_day(percent: float) -> None:
    found = growth(hourly(percent), lambda sample: sample.memory)
    assert found == pytest.approx(percent, rel=0.2)


def test_a_leap_at_the_start_is_no_growth() -> None:
    early = [replace(sample, memory=1 << 20) for sample in hourly(0)[:5]]
    found = growth([*early, *hourly(0)[5:]], lambda sample: sample.memory)
    assert found == pytest.approx(0)


def test_few_samples_tell_nothing() -> None:
    assert growth(hourly(5, 2), lambda sample: sample.memory) is None


@pytest.mark.parametrize(
    ("samples", "status", "words"),
    [
        (hourly(1), 0, "memory: +1.0 % a day (at most 2 %): met"),
        (hourly(9), 1, "(at most 2 %): MISSED"),
        (hourly(9, 5), 0, "not judged: 4.00 h are too few"),
        ([replace(each, tunnels=1) for each in hourly(0)], 1, "a tunnel was lost"),
        ([], 0, "memory: too few samples to tell"),
    ],
)
def test_what_is_too_much(
    samples: list[Sample], status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(samples, CROWD) == status
    assert words in capsys.readouterr().out


def test_the_picture_holds_every_sample() -> None:
    paths = [
        element.get("d", "")
        for element in ET.fromstring(drawn(hourly(3))).iter("{http://www.w3.org/2000/svg}path")
        if element.get("fill") == "none"
    ]
    assert [path.count("L") for path in paths] == [23] * 4


@pytest.mark.prove
def test_a_short_soak(tmp_path: Path) -> None:
    lab = Lab.equipped(tmp_path)
    try:
        lab.own_load.name  # noqa: B018 - it tells where it is missing
    except SkippedError as reason:
        pytest.skip(str(reason))
    file = tmp_path / "soak.csv"
    found = soak(lab, CROWD, seconds=4, every=2, pace=20, jobs=2, to=file)
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == len(found) >= 2
    for row in rows:
        assert int(row["calls"]) == 40
        assert int(row["jobs"]) == 2
        assert int(row["tunnels"]) == CROWD.tunnels
        assert int(row["memory"]) > 20 << 20
        assert int(row["descriptors"]) > 10
    ET.fromstring(file.with_suffix(".svg").read_text())
