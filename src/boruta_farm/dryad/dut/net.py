"""``dut net [PORT] [NAME]`` and ``dut ssh [WORD...]``."""

import os
import sys
import threading

from boruta_farm.dryad.dut.call import DutConversation, DutError, ask, binary_output, printable
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.words import one_name, show_json

PIECE = 64 * 1024


def operate(verb: str, words: list[str], *, json: bool) -> int:
    """List the device's ports, or join standard input and output to one."""
    if verb == "ssh":
        return _ssh(words)
    if not words:
        answer = ask("net.ports")
        if json:
            show_json(answer)
        else:
            for name, place in answer["ports"].items():
                print(printable(f"{name:<10}{place}"))
        return Status.DONE
    conversation = DutConversation("net.connect", one_name(words[1:]), port=words[0])
    threading.Thread(target=_send, args=(conversation,), daemon=True).start()
    conversation.finish(binary_output())
    return Status.DONE


def _send(conversation: DutConversation) -> None:
    while data := os.read(sys.stdin.fileno(), PIECE):
        conversation.send(data)
    conversation.end()


def _ssh(words: list[str]) -> int:
    """Become ssh, whose bytes go through ``dut net ssh``: fenced as all that dut does.

    The device's key is asked of nobody: after each flashing it has another one.
    """
    ports = ask("net.ports")["ports"]
    if "ssh" not in ports:
        few = ", ".join(map(str, ports)) or "none"
        raise DutError(Status.USAGE, f"this device has no port named ssh, only {printable(few)}")
    user, _, _ = str(ports["ssh"]).rpartition("@")
    command = [
        "ssh",
        *("-o", "ProxyCommand=dut net ssh", "-o", "StrictHostKeyChecking=no"),
        *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
        f"{user or 'root'}@dut",
        *words,
    ]
    try:
        os.execvp(command[0], command)
    except OSError as error:
        words_of = f"ssh cannot be started: {error.strerror}; install it beside the device"
        raise DutError(Status.FAILED, words_of) from None
