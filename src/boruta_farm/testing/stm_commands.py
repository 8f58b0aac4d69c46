"""What a MuxPi controller's commands do and answer, its oddities included."""

from collections.abc import Callable
from typing import Final, TypeAlias

from boruta_farm.testing.stm_chip import Chip, is_keyword, parse_number

VERSION: Final = "MuxPi firmware v1.0"


class ChipRefusal(Exception):  # noqa: N818 - the chip's answer, not a fault of ours
    """The chip answers ``Error processing command``."""


Command: TypeAlias = Callable[[Chip, list[str]], list[str]]
"""Take the words behind the command's name, return the lines before ``OK``."""


def _number(word: str) -> int:
    return parse_number(word) or 0


def _on_off(word: str) -> bool:
    if is_keyword(word, "on"):
        return True
    if is_keyword(word, "off"):
        return False
    raise ChipRefusal


def _help(_chip: Chip, _words: list[str]) -> list[str]:
    return [f"{name} - see the manual" for name in COMMANDS] + ["   continued on a second line"]


def _version(_chip: Chip, _words: list[str]) -> list[str]:
    return [VERSION]


def _power(chip: Chip, words: list[str]) -> list[str]:
    if not words:
        return ["on" if chip.relay else "off"]
    chip.relay = _on_off(words[0])
    return []


def _hdmi(chip: Chip, words: list[str]) -> list[str]:
    chip.hdmi = _on_off(words[0]) if words else False
    return []


def _dyper(chip: Chip, words: list[str]) -> list[str]:
    if len(words) < 2:
        raise ChipRefusal
    number = parse_number(words[0])
    on = _on_off(words[1])
    if number is None:
        return []
    if not 0 <= number <= 2:
        raise ChipRefusal
    chip.dypers[number - 1] = on
    return []


def _mux(chip: Chip, words: list[str]) -> list[str]:
    for card in ("ts", "dut"):
        if is_keyword(words[0], card):
            chip.card = card
            return []
    raise ChipRefusal


def _dut(chip: Chip, _words: list[str]) -> list[str]:
    chip.card, chip.relay = "dut", True
    return []


def _ts(chip: Chip, _words: list[str]) -> list[str]:
    chip.card, chip.relay = "ts", False
    return []


def _led(chip: Chip, words: list[str]) -> list[str]:
    numbers = [_number(word) for word in words]
    chosen = numbers[:1] or [1, 2]
    if len(words) not in (0, 1, 4) or any(number not in (1, 2) for number in chosen):
        raise ChipRefusal
    if len(words) == 4:
        red, green, blue = (number & 0xFF for number in numbers[1:])
        chip.leds[numbers[0] - 1] = (red, green, blue)
        return []
    return [f"led{number}: {','.join(map(str, chip.leds[number - 1]))}" for number in chosen]


def _clr(chip: Chip, _words: list[str]) -> list[str]:
    chip.display.clear()
    return []


def _text(chip: Chip, words: list[str]) -> list[str]:
    if len(words) < 4:
        raise ChipRefusal
    x, y = _number(words[0]), _number(words[1])
    if not (0 <= x <= 128 and 0 <= y <= 32):
        raise ChipRefusal
    chip.print_text(x, y, words[2], " ".join(words[3:]))
    return []


def _draw(chip: Chip, words: list[str]) -> list[str]:
    numbers = [_number(word) for word in words[1:]]
    match words[:1], numbers:
        case ["point"], [x, y, *_]:
            chip.draw(" ".join(words), (x, y))
        case ["line"], [x1, y1, x2, y2, *_]:
            chip.draw(" ".join(words), (x1, y1), (x2, y2))
        case ["circle"], [x, y, radius, *_]:
            chip.draw(" ".join(words), (x - radius, y - radius), (x + radius, y + radius))
        case ["rectangle"], [left, top, width, height, *_]:
            chip.draw(" ".join(words), (left, top), (left + width - 1, top + height - 1))
        case _:
            raise ChipRefusal
    return []


def _readings(chip: Chip, words: list[str], scale: float, count: int) -> list[str]:
    values = [int(raw * scale) for raw in chip.adc]
    if not words:
        return [f"adc{number + 1}: {values[number]}" for number in range(count)]
    number = _number(words[0])
    if not 0 <= number <= 5:
        raise ChipRefusal
    if number == 0:
        chip.damage.append("a channel before the first")
    return [f"adc{number}: {values[number - 1]}"]


def _adc(chip: Chip, words: list[str]) -> list[str]:
    vrefint = [] if words else [f"vrefint: {chip.adc[4]}"]
    return _readings(chip, words, 1, 5) + vrefint


def _voltage(chip: Chip, words: list[str]) -> list[str]:
    return _readings(chip, words, 3300 / 4096, 4)


def _current(chip: Chip, words: list[str]) -> list[str]:
    if not words:
        return [str(chip.current)]
    if is_keyword(words[0], "auto"):
        chip.idle_offset = chip.consumption
        return []
    chip.idle_offset = _number(words[0])
    return [str(chip.idle_offset)]


def _lthor(chip: Chip, words: list[str]) -> list[str]:
    match words:
        case ["switch" | "id" as part]:
            return ["USB" if chip.lthor[part] else "UART"]
        case ["switch" | "id" as part, word, *_]:
            chip.lthor[part] = is_keyword(word, "usb")
        case ["vbus"]:
            return ["ON" if chip.lthor_vbus else "OFF"]
        case ["vbus", word, *_]:
            chip.lthor_vbus = not is_keyword(word, "off")
        case _:
            raise ChipRefusal
    return []


def _key(chip: Chip, words: list[str]) -> list[str]:
    state = ["pressed" if pressed else "released" for pressed in chip.keys]
    if words:
        return [state[0 if _number(words[0]) == 1 else 1]]
    return [f"key1: {state[0]}", f"key2: {state[1]}"]


def _uart(chip: Chip, words: list[str]) -> list[str]:
    if not words:
        return [str(5000 - chip.uart_millivolts)]
    millivolts = _number(words[0])
    if not 0 <= millivolts <= 5000:
        raise ChipRefusal
    chip.uart_millivolts = millivolts - millivolts % 50
    return []


COMMANDS: Final[dict[str, Command]] = {
    "help": _help,
    "version": _version,
    "power": _power,
    "hdmi": _hdmi,
    "dyper": _dyper,
    "mux": _mux,
    "dut": _dut,
    "ts": _ts,
    "led": _led,
    "clr": _clr,
    "text": _text,
    "draw": _draw,
    "adc": _adc,
    "voltage": _voltage,
    "current": _current,
    "lthor": _lthor,
    "key": _key,
    "uart": _uart,
}
"""All but ``echo``, ``power tick`` and the bare ``mux``, which concern the line itself."""
