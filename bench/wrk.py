"""wrk in place of our own generator, for rates only."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.generator import MARGIN, Load, LoadError, Sample

SCRIPT = """
local requests = {}
init = function()
  for line in io.lines("%s") do
    local method, path, body = line:match("^(%%S+)\\t(%%S+)\\t(.*)$")
    local headers = {["Content-Type"] = "application/json"}
    if method == "GET" then body = nil end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
  end
end
local place = 0
request = function()
  place = place %% #requests + 1
  return requests[place]
end
done = function(summary, latency)
  local e = summary.errors
  local errors = e.connect + e.read + e.write + e.status + e.timeout
  print(string.format("RESULT %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors))
end
"""
RESULT = re.compile(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


class WrkGenerator:
    """Run wrk with one thread; it knows neither events nor counts."""

    @property
    def name(self) -> str:
        """Return what it is, for people."""
        return "wrk"

    def __init__(self, folder: Path) -> None:
        self._requests = folder / "wrk-requests"
        self._script = folder / "requests.lua"
        self._script.write_text(SCRIPT % self._requests)

    def rate(self, port: int, samples: Sequence[Sample], clients: int, seconds: float) -> Load:
        """Send samples in turn. Raises LoadError when a request failed."""
        lines = (f"{s.method}\t{s.path}\t{s.text()}" for s in samples)
        self._requests.write_text("\n".join(lines))
        command = ["wrk", "-t1", f"-c{clients}", f"-d{max(1, round(seconds))}s", "-s"]
        done = subprocess.run(
            [*command, str(self._script), f"http://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=seconds + MARGIN,
            check=False,
        )
        found = RESULT.search(done.stdout)
        if done.returncode or found is None:
            raise LoadError(f"wrk: {done.stderr or done.stdout}")
        requests, micros, p50, p99, errors = map(int, found.groups())
        return Load(
            requests=requests,
            seconds=micros / 1e6,
            rate=requests / micros * 1e6,
            p50=p50 / 1e3,
            p99=p99 / 1e3,
            errors=errors,
            error="wrk does not say which",
        ).checked()
