"""The dashboard and the alerts speak of figures that there are."""

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.web.serving import World

INTEGRATIONS = Path(__file__).parents[2] / "integrations"
ALERTS = INTEGRATIONS / "prometheus" / "alerts.yml"
DASHBOARD = INTEGRATIONS / "grafana" / "boruta.json"
SERIES = re.compile(r"boruta_[a-z_]+")


def figures() -> str:
    """Return what a small farm writes."""

    async def write() -> str:
        async with World() as world, world.client() as client:
            await client.get("/api/v1/version")
            return (await world.services.metrics()).decode()

    return asyncio.run(write())


@pytest.mark.parametrize("file", [ALERTS, DASHBOARD], ids=lambda file: file.name)
def test_every_figure_that_is_asked_for_is_written(file: Path) -> None:
    families = list(text_string_to_metric_families(figures()))
    written = {sample.name for family in families for sample in family.samples}
    # Where nothing waits there is no sample, but the family is declared.
    written |= {family.name for family in families}
    asked = set(SERIES.findall(file.read_text()))
    assert asked
    assert asked <= written


def test_the_page_tells_of_every_figure() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    # Counters bear their suffix where they are asked for.
    told = {name.removesuffix("_total") for name in SERIES.findall(page)}
    assert {family.name for family in text_string_to_metric_families(figures())} == told


def test_panels_do_not_lie_over_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.prove
def test_prometheus_takes_rules_and_figures(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    rules = subprocess.run([promtool, "check", "rules", ALERTS], capture_output=True, text=True)
    assert rules.returncode == 0, rules.stdout + rules.stderr
    token = tmp_path / "boruta.token"
    token.write_text("none")
    scrape = (INTEGRATIONS / "prometheus" / "scrape.yml").read_text()
    config = tmp_path / "prometheus.yml"
    config.write_text(scrape.replace("/etc/prometheus/boruta.token", str(token)))
    checked = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.prove
def test_prometheus_finds_no_fault_with_the_figures() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    check = [promtool, "check", "metrics"]
    linted = subprocess.run(check, input=figures(), capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr
