"""``stm`` in a session: the original's options, carried out by the agent."""

from boruta_farm.dryad.dut import call
from boruta_farm.dryad.tools.drivers.stm_controller import StmController
from tests.dryad.dut.original.muxpi import MuxPi


async def test_it_switches_what_the_original_does(board: MuxPi) -> None:
    assert await board.run("stm -dut -dyper1 on -hdmi on") == (0, "", "")
    assert (board.chip.card, board.chip.relay, board.chip.hdmi) == ("dut", True, True)
    assert board.chip.dypers == [True, False]
    assert await board.run("stm --tick -m 5ms") == (0, "", "")
    status, output, _ = await board.run("stm -cur -remote /run/stm-user.socket")
    assert (status, int(output)) == (0, board.chip.current)
    assert await board.run("stm -ts") == (0, "", "")
    assert (board.chip.card, board.chip.relay) == ("ts", False)
    assert await board.run("stm") == (0, "", "")


async def test_a_record_of_the_current(board: MuxPi) -> None:
    line = "stm -cur-start -cur-size 3 -cur-duration 12ms && stm -cur-stop && stm -cur-get"
    status, output, said = await board.run(line)
    assert (status, said) == (0, "")
    assert output.endswith("\n")


WRONG = (
    ("stm -dut -ts", 2, "-dut and -ts exclude each other"),
    ("stm -nonsense 1", 2, "unrecognized arguments: --nonsense"),
    ("stm -tick -m -1s", 1, "stm: power can be cut for 0 to 120 s, not -1 s"),
    ("stm -led1 0,0,1", 1, "-led1: sessions do not get display and lights"),
    ("stm -print hello", 1, "-print: sessions"),
    ("stm -serve", 1, "-serve: the controller belongs to the agent"),
)


async def test_what_it_refuses(board: MuxPi) -> None:
    for line, status, words in WRONG:
        found, output, said = await board.run(line)
        assert (found, output) == (status, ""), line
        assert words in said


async def test_help_and_no_such_tool(board: MuxPi) -> None:
    status, output, _ = await board.run("stm -help")
    assert (status, output.startswith("usage: stm ")) == (0, True)
    status, _, said = await board.run("stm -ts", **{call.VARIABLE: "/nowhere/dut.sock"})
    assert (status, "this board has no tools" in said) == (1, True)


async def test_what_it_left_on_is_switched_off_between_jobs(board: MuxPi) -> None:
    await board.run("stm -dut -dyper2 on -hdmi on")
    tool = board.service.toolbox.find("do", "stm")
    assert isinstance(tool.tool, StmController)
    assert await tool.reset()
    assert (board.chip.card, board.chip.relay, board.chip.hdmi) == ("ts", False, False)
    assert board.chip.dypers == [False, False]
