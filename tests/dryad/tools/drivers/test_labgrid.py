"""``labgrid``: a driver of labgrid in its own environment: a small stand-in, and the real one."""

import asyncio
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.labgrid import DRIVER, LabgridButton, LabgridPower
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import opened
from tests.labgrids import labgrid_python

STANDIN = '''
"""As much of labgrid as the adapter asks for, with an output that is a file."""
import sys, time
from pathlib import Path
class PowerProtocol: pass
class DigitalOutputProtocol: pass
class Power:
    def __init__(self, place): self.place = Path(place)
    def on(self):
        print("labgrid says much on standard output")
        self.place.write_text("1")
    def off(self): self.place.write_text("0")
    def get(self):
        what = self.place.read_text()
        if what == "hang": time.sleep(60)
        if what == "die":
            print("segmentation of a backend", file=sys.stderr)
            raise SystemExit(3)
        return {"0": False, "1": True}[what]
class Target:
    def __init__(self, place): self.place = place
    def get_driver(self, protocol, name=None): return Power(self.place + (name or ""))
class Environment:
    def __init__(self, place): self.place = place
    def get_target(self, name): return Target(self.place) if name == "main" else None
'''


@pytest.fixture
def python(tmp_path: Path) -> str:
    """Return a Python in whose environment the stand-in is installed."""
    package = tmp_path / "site" / "labgrid"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STANDIN)
    (package / "protocol.py").write_text("from labgrid import *\n")
    program = tmp_path / "python"
    script = f"import sys; sys.path.insert(0, '{package.parent}'); sys.argv.pop(0); "
    run = "exec(open(sys.argv[0]).read(), {'__name__': '__main__'})"
    program.write_text(f'#!/bin/sh\nshift\nexec /usr/bin/python3 -I -c "{script}{run}" "$@"\n')
    program.chmod(0o755)
    return str(program)


async def test_power_by_its_program(python: str, tmp_path: Path) -> None:
    place = tmp_path / "output"
    place.write_text("0")
    power = opened(DRIVER, tmp_path, python=python, environment=str(place))
    assert isinstance(power, LabgridPower)
    assert (await power.state()).on is False
    await power.on()
    assert place.read_text() == "1"
    await power.cycle(0.0)
    assert (await power.state()).on is True
    place.write_text("neither")
    with pytest.raises(BoardError, match="labgrid: KeyError: 'neither'"):
        await power.state()
    await power.off()
    assert place.read_text() == "0"
    await power.close()


async def test_a_program_that_dies_or_hangs_is_told_and_starts_anew(
    python: str, tmp_path: Path
) -> None:
    place = tmp_path / "output"
    power = opened(DRIVER, tmp_path, python=python, environment=str(place), timeout=1)
    assert isinstance(power, LabgridPower)
    place.write_text("die")
    with pytest.raises(BoardError, match="ended without an answer: segmentation of a backend"):
        await power.state()
    place.write_text("hang")
    with pytest.raises(BoardError, match="did not answer within 1 s and was ended"):
        await power.state()
    place.write_text("1")
    assert (await power.state()).on is True
    asking = asyncio.ensure_future(power.state())
    place.write_text("hang")
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    place.write_text("0")
    assert (await power.state()).on is False
    await power.close()


async def test_a_button_and_what_is_not_there(python: str, tmp_path: Path) -> None:
    place = tmp_path / "output"
    words = {"python": python, "environment": str(place)}
    button = opened(DRIVER, tmp_path, kind="button", name="7", **words)
    assert isinstance(button, LabgridButton)
    await button.press()
    assert (tmp_path / "output7").read_text() == "1"
    await button.release()
    assert (tmp_path / "output7").read_text() == "0"
    await button.close()
    power = opened(DRIVER, tmp_path, target="other", **words)
    assert isinstance(power, LabgridPower)
    with pytest.raises(BoardError, match="has no target 'other'"):
        await power.on()
    await power.close()
    with pytest.raises(ConfigError, match=r"tools\.it\.kind: 'video' is none of power, button"):
        opened(DRIVER, tmp_path, kind="video", **words)


REAL = """\
targets:
  main:
    drivers:
      - FileDigitalOutputDriver: {{name: relay, filepath: {place}}}
      - DigitalOutputPowerDriver: {{}}
"""


@pytest.mark.prove
async def test_labgrid_itself(tmp_path: Path) -> None:
    python = labgrid_python()
    place, environment = tmp_path / "relay", tmp_path / "labgrid.yaml"
    place.write_text("0\n")
    environment.write_text(REAL.format(place=place))
    words = {"python": str(python), "environment": str(environment)}
    power = opened(DRIVER, tmp_path, **words)
    assert isinstance(power, LabgridPower)
    assert (await power.state()).on is False
    await power.on()
    assert (place.read_text(), (await power.state()).on) == ("1\n", True)
    button = opened(DRIVER, tmp_path, kind="button", **words)
    assert isinstance(button, LabgridButton)
    await button.release()
    assert (await power.state()).on is False
    place.unlink()
    with pytest.raises(BoardError, match=r"labgrid: FileNotFoundError: .*relay"):
        await power.state()
    for tool in (power, button):
        await tool.close()
