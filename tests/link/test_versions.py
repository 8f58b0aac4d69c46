import pytest

from boruta_farm.link.versions import OLDEST, VERSION, agree
from boruta_farm.model.errors import RefusedError


def test_this_version_is_spoken() -> None:
    assert agree(OLDEST, VERSION) == VERSION


@pytest.mark.parametrize(
    ("agent", "server", "spoken"),
    [((1, 1), (1, 2), 1), ((1, 2), (1, 1), 1), ((2, 3), (1, 2), 2), ((2, 3), (3, 4), 3)],
)
def test_the_highest_common_version_is_spoken(
    agent: tuple[int, int], server: tuple[int, int], spoken: int
) -> None:
    assert agree(*agent, *server) == spoken


def test_an_older_agent_is_told_to_be_updated() -> None:
    with pytest.raises(RefusedError, match=r"speaks version 1 .* server 2 to 3: update the agent"):
        agree(1, 1, 2, 3)


def test_an_agent_from_the_future_is_told_to_wait_for_the_server() -> None:
    with pytest.raises(RefusedError, match="update the server first"):
        agree(3, 4, 1, 2)


def test_a_span_upside_down_is_refused() -> None:
    with pytest.raises(RefusedError, match="above its version"):
        agree(2, 1)
