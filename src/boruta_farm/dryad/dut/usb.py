"""``dut usb [export|withdraw BUS_ID] [NAME]``."""

from boruta_farm.dryad.dut.call import UsageError, ask, printable
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, show_json


def operate(_verb: str, words: list[str], *, json: bool) -> int:
    """List the devices, or lend one over the network by the kernel's usbip, or take it back."""
    if words and words[0] in ("export", "withdraw"):
        act, *rest = words
        if not rest:
            raise UsageError(f"{act} which device? dut usb lists them by BUS_ID")
        answer = ask(f"usb.{act}", one_name(rest[1:]), bus_id=rest[0])
        if json:
            show_json(answer)
        return Status.DONE
    answer = ask("usb.list", one_name(words))
    if json:
        show_json(answer)
        return Status.DONE
    for device in answer["devices"]:
        exported = "  exported" if device["exported"] else ""
        ids = f"{device['vendor_id']}:{device['product_id']}"
        print(printable(f"{device['bus_id']:<10}{ids}  {device['name']}{exported}").rstrip())
    return Status.DONE
