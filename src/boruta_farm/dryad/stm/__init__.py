"""The controller of a MuxPi board: its serial line, and the service that shares it.

    controller = Controller.at(Path("/dev/ttyS2"))     # owns the line
    controller = Client(Path("/run/stm.socket"))       # somebody else owns it
    controller = Recorder()                            # there is no hardware

All three are an ``Interface``. ``Service`` offers any of them to the original's tools.
"""
