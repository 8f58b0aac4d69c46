"""What every test needs."""

import signal

# A run in the background may have inherited signals that are ignored, and would pass that on to
# the processes whose answer to these very signals is tested.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)
