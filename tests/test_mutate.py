"""The tool that changes the source notices when tests notice."""

import re
import subprocess
import sys

import pytest


@pytest.mark.prove
def test_changes_reach_the_tests() -> None:
    """Whatever loads our modules past the change makes every mutant a survivor."""
    words = (sys.executable, "-m", "tests.mutate", "core/ending", "--sample", "3", "--seed", "3")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)
    told = re.search(r"3 mutants, (\d) survived", done.stdout)
    assert told is not None, done.stderr
    assert int(told[1]) < 3, done.stdout
