"""``dut``: the session's end of the tools; of the standard library alone, it starts at once."""
