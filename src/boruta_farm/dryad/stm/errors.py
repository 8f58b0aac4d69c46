"""What can go wrong between the agent and the board's controller."""

from boruta_farm.model.errors import BoardError, InvalidError


class ControllerError(BoardError):
    """the board's controller could not do what was asked"""

    code = "stm"


class PortError(ControllerError):
    """the serial line to the board's controller cannot be used"""

    code = "stm-port"


class SilenceError(ControllerError):
    """the board's controller does not answer; check that it has power (muxpi-power)"""

    code = "stm-silent"


class ResponseError(ControllerError):
    """unexpected response of the board's controller"""

    code = "stm-response"


class ArgumentError(InvalidError):
    """a value is outside of what the board's controller can safely take"""

    code = "stm-argument"
