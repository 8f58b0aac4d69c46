"""The bench's own server and boards still fit the real ones, so that a bench never rots."""

from pathlib import Path

from bench.bystander import originals, register_all
from bench.lab import Lab, Size
from bench.processes import fetch
from bench.server import NOTHING


def test_a_filled_farm_is_served_with_its_boards(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    with lab.serve(Size(ready=3, waiting=5, closed=2), boards=True) as server:
        server.wait_for_keys(3)
        assert fetch(server.port, NOTHING) == {"ReqID": 100001}
        workers = fetch(server.port, "/api/v1/workers/")
        assert isinstance(workers, list)
        assert sum(worker["State"] == "IDLE" for worker in workers) == 3


def test_boards_of_the_original_register(tmp_path: Path) -> None:
    with Lab(tmp_path).serve(Size()) as server, originals(server, 5) as boards:
        assert register_all(boards) > 0
        workers = fetch(server.port, "/api/v1/workers/")
        assert isinstance(workers, list)
        assert [worker["Fence"] for worker in workers] == ["none"] * 5
