from boruta_farm.dryad.findings import advice, good, summary, wrong


def test_every_step_of_a_remedy_has_a_line_of_its_own() -> None:
    finding = wrong("ssh", "sshd is down", "start it\nlook at its log")
    assert finding.text.splitlines() == [
        "WRONG   ssh       sshd is down",
        "                  -> start it",
        "                  -> look at its log",
    ]


def test_the_summary_tells_whether_the_board_can_be_lent() -> None:
    fine, wise, bad = good("a", "b"), advice("a", "b", "c"), wrong("a", "b", "c")
    assert summary([fine]) == "this board can be lent: all 1 checks are ok"
    assert summary([fine, wise]) == "this board can be lent; 1 of 2 checks give advice"
    assert summary([bad, wise, fine]).startswith("1 of 3 checks found what keeps this board")
