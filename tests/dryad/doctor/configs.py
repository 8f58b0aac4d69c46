"""Agents' configurations to be examined."""

from pathlib import Path

from boruta_farm.dryad.config import AgentConfig, load

UUID = "d8edba27-37b0-4eb2-b78b-5e4ca1f82ca9"


def config(folder: Path, text: str = "", tables: str = "", **values: str) -> AgentConfig:
    """Write a configuration and return it as the agent reads it."""
    settings = {"server": "http://127.0.0.1:9", "driver": "sandbox", **values}
    settings.setdefault("state_dir", str(folder / "state"))
    path = folder / "dryad.conf"
    lines = [f'{key} = "{value}"' for key, value in settings.items()]
    path.write_text("\n".join([*lines, text, "[caps]", f'UUID = "{UUID}"', tables, ""]))
    path.chmod(0o600)
    return load(path)
