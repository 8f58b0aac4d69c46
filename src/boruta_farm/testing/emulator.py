"""Whether this machine can emulate a device: QEMU, and a boot loader to start it with."""

from boruta_farm.dryad.tools.drivers.qemu_settings import QemuSettings


def missing_emulator() -> str:
    """Return what is missing, empty where a machine of the driver ``qemu`` would run."""
    return QemuSettings().missing()
