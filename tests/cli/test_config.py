from pathlib import Path

from tests.cli.stage import Boruta


def test_example_is_a_good_configuration(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text(boruta("config", "example").out)
    assert boruta("config", "check", str(path)).out == f"{path} is good\n"


def test_a_mistake_is_told_with_its_place(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text("job_timeut = '1h'\n")
    words = boruta("config", "check", str(path), status=1).err
    assert (
        words == f"boruta: {path}: there is no setting 'job_timeut'; did you mean 'job_timeout'?\n"
    )


def test_show(boruta: Boruta, tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text("job_timeout = '90m'\n")
    assert 'job_timeout = "90m"' in boruta("config", "show", str(path)).lines
    assert 'job_timeout = "1h"' in boruta("config", "show").lines
