"""The page about the scheduler shows what `boruta explain` prints for every reason to wait.

Run `python -m tests.docs.test_transcript` to write the transcript anew.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from boruta_farm.cli.explain import lines
from boruta_farm.client.wire import read
from boruta_farm.model.explanation import Cause, Explanation
from boruta_farm.web import answers
from boruta_farm.words.times import Times
from tests.docs.scenes import NOT_STAGED, SCENES, Scene
from tests.matching.naive import START

PAGE = Path(__file__).parents[2] / "docs" / "scheduler.md"
BEGIN = "<!-- transcript: python -m tests.docs.test_transcript -->\n"
END = "<!-- end of transcript -->\n"


def told(scene: Scene) -> str:
    """Return what the command prints once the server has answered."""
    answer = json.loads(answers.told(answers.explained(scene.explanation(), START)))
    printed = lines(read(Explanation, answer), Times(now=START, zone=None, distance=True))
    return "\n".join(f"    {line}" for line in (f"$ boruta explain {scene.asked.id}", *printed))


def transcript() -> str:
    """Return all scenes as Markdown."""
    return "\n".join(f"**{scene.title}**\n\n{told(scene)}\n" for scene in SCENES)


def page(text: str) -> str:
    """Return the page with the transcript as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{transcript()}\n{END}{after}"


@pytest.mark.usefixtures("utc")
def test_the_transcript_is_what_the_command_prints() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text), "run: TZ=UTC python -m tests.docs.test_transcript"


def test_every_reason_to_wait_has_its_scene() -> None:
    causes = {scene.explanation().cause for scene in SCENES}
    assert causes == set(Cause) - NOT_STAGED
    rules = {scene.explanation().decided for scene in SCENES}
    assert rules >= {
        "priority",
        "order of filing",
        "ageing",
        "fair share between owners",
        "fair share between groups",
        "limit of jobs per owner",
    }


if __name__ == "__main__":
    assert datetime.now().astimezone().utcoffset() == datetime.now(UTC).utcoffset(), "TZ=UTC"
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
