import json

from boruta_farm import __version__
from tests.cli.stage import Boruta
from tests.web.serving import VERSION


def test_both_versions(boruta: Boruta) -> None:
    assert boruta("version").lines == [f"client  {__version__}", f"server  {VERSION} (API v1)"]
    record = json.loads(boruta("version", "-o", "json").out)
    assert record == {"Client": __version__, "Server": VERSION, "API_Version": "v1"}


def test_without_a_server_the_clients_is_told_all_the_same(boruta: Boruta) -> None:
    outcome = boruta("--server", "http://127.0.0.1:1", "version", status=1)
    assert outcome.lines == [f"client  {__version__}"]
    assert outcome.err.startswith("boruta: cannot reach the server at http://127.0.0.1:1: ")
