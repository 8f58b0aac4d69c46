"""Whole jobs of the original's world: ``python -m tests.e2e.weles CARD weles|testflinger``.

Run by root inside a room. Weles asks the HTTP API as its Go client does, mounts its own folder on
the board (reverse sshfs), and calls the original's commands by their full paths: card to the
supervisor, images to partitions, boot, login, test files pushed, a command run, results pulled.
Testflinger's MuxPi connector types its lines over ssh and writes the card by itself, which wants
``compat``.
Nothing but our agent is on the board.
"""

import asyncio
import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from boruta_farm.demo.boards import STM_GROUP, STM_LINE, DemoBoard
from boruta_farm.demo.emulation import EmulatedController, emulated_controller
from boruta_farm.demo.farm import demo_farm
from boruta_farm.demo.room import add_group, ssh_server
from boruta_farm.demo.steps import must
from boruta_farm.dryad.images.forms import Form
from tests.dryad.dut.original.archives import packed
from tests.dryad.dut.original.muxpi import FIRST, SECOND, partitioned
from tests.dryad.images.pictures import noise
from tests.dryad.images.pictures import packed as packed_image

COMMANDS = Path("/usr/local/bin")
SOURCES = Path(__file__).parents[2] / "src"
LAUNCH = "from boruta_farm.dryad.dut.launcher import main; raise SystemExit(main(['{folder}']))"
PASSWORD = "tizen-4711"
DEVICE_PORT = 2222
DISK = noise(600_000, seed=3)
BOOT, ROOT = noise(200_000), noise(400_000, seed=2)
ARTIFACTS, MOUNTED = Path("/var/weles"), "/tmp/weles"
QUIET = ("-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oLogLevel=ERROR")
USER = "boruta-user"
"""Fixed in Weles, whatever the answer says."""

MOUNT_CHECK = 'for i in $(seq 50); do grep -q "{0}" /proc/mounts && exit 0; sleep 0.1; done; exit 1'


def board(card: str, *, compat: bool) -> DemoBoard:
    """Return a MuxPi as its page has it: the controller's parts and the device's port as tools."""
    return DemoBoard(
        name="muxpi-1",
        caps={"device_type": "rpi3"},
        driver="muxpi",
        settings={"ssh_address": "127.0.0.1:22", "stm_path": ""},
        user={"name": USER, "uids": "70000-70099", "compat": compat},
        table={"tty": str(STM_LINE), "socket_group": STM_GROUP},
        tools={
            "power": {"driver": "stm"},
            "card": {"driver": "stm", "part": "card", "device": card},
            "stm": {"driver": "stm", "part": "controller", "arguments": True},
            "lan": {"driver": "lan"},
            "lan.ports": {"ssh": f"root@127.0.0.1:{DEVICE_PORT}"},
        },
    )


def call(url: str, body: object = None) -> Any:
    """POST as Go's client does, and return what was answered."""
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url, data=data, headers={"Content-Type": ""}, method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@dataclass(frozen=True, slots=True)
class Weles:
    """One job of it."""

    api: str
    request: int
    ssh: tuple[str, ...]

    @classmethod
    def begin(cls, api: str, key: Path) -> "Weles":
        """File a request, poll the list of all requests until it runs, and get the board."""
        now = datetime.now(UTC)
        filed = call(
            f"{api}/reqs/",
            {
                "ID": 0,
                "Priority": 7,
                "Owner": {"Groups": None},
                "State": "",
                "Job": None,
                "ValidAfter": f"{now:%Y-%m-%dT%H:%M:%S.%f}Z",
                "Deadline": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M:%S.%f}Z",
                "Caps": {"device_type": "rpi3"},
            },
        )
        request = int(filed["ReqID"])
        for _ in range(600):
            listed = call(f"{api}/reqs/list")
            state = next(each["State"] for each in listed if each["ID"] == request)
            if state == "IN PROGRESS":
                break
            must(state == "WAITING", f"the request is {state}")
            threading.Event().wait(0.1)
        access = call(f"{api}/reqs/{request}/acquire_worker")
        key.touch(0o600)
        key.write_text(access["Key"])
        place = access["Addr"]
        target = ("-p", str(place["Port"]), f"{USER}@{place['IP']}")
        return cls(api, request, ("ssh", *QUIET, "-i", str(key), *target))

    def run(self, *words: str, data: bytes = b"", fails: bool = False) -> str:
        """Run what Weles would, in a session of its own; anything but 0 fails the job."""
        command = " ".join(words)
        done = subprocess.run((*self.ssh, command), input=data, capture_output=True, check=False)
        said = done.stdout.decode() + done.stderr.decode()
        must((done.returncode != 0) is fails, f"{command}: status {done.returncode}: {said}")
        print(f"ssh: {command}", flush=True)
        return done.stdout.decode()

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Serve its own folder to the board for the block."""
        script = f'mkdir -p "{MOUNTED}" && sshfs -o idmap=user -o slave ":{ARTIFACTS}" "{MOUNTED}"'
        serving = subprocess.Popen(
            ("/usr/lib/openssh/sftp-server", "-e", "-l", "INFO"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        mounting = subprocess.Popen((*self.ssh, script), stdin=serving.stdout, stdout=serving.stdin)
        assert serving.stdin is not None
        assert serving.stdout is not None
        serving.stdin.close()
        serving.stdout.close()
        try:
            self.run(MOUNT_CHECK.format(MOUNTED))
            yield
        finally:
            for process in (mounting, serving):
                process.terminate()
                process.wait(20)


def play(api: str, images: str, folder: Path) -> str:
    """Do the whole job; return the id of the session's user."""
    job = Weles.begin(api, folder / "key")
    uid = job.run("id -u").strip()
    with job.mounted():
        job.run(f"{COMMANDS}/stm", "-ts")
        mapping = {"boot.img": "1", "rootfs.img": "2"}
        job.run("cat >/tmp/fota.json", data=json.dumps(mapping).encode())
        card = sys.argv[1]
        sums = f"{images}/MD5SUMS"
        job.run(
            *(f"{COMMANDS}/fota", "-map", "/tmp/fota.json", "-card", card, "-md5", sums),
            f"{images}/image.tar.gz",
        )
        job.run(f"{COMMANDS}/dut_boot.sh")
        job.run(f"{COMMANDS}/dut_login.sh", "root", PASSWORD)
        job.run(f"{COMMANDS}/dut_copyto.sh", f"{MOUNTED}/test.sh", "/var/tmp/test.sh")
        output = job.run(f"{COMMANDS}/dut_exec.sh", "/var/tmp/test.sh", "42")
        must(output == "tested 42\n", f"the device said {output!r}")
        job.run(f"{COMMANDS}/dut_copyfrom.sh", "/var/tmp/result", f"{MOUNTED}/result")
    call(f"{api}/reqs/{job.request}/close")
    return uid


def provision(api: str, folder: Path) -> str:
    """Do what Testflinger's connector does when it provisions; return the session user's id."""
    job = Weles.begin(api, folder / "key")
    uid = job.run("id -u").strip()
    card = sys.argv[1]
    job.run("stm -ts")
    job.run(f"sudo umount {card}*", fails=True)
    image = packed_image(DISK, Form.ZSTD)
    job.run(f"zstdcat | sudo dd of={card} bs=16M", data=image)
    job.run("sync")
    job.run(f"sudo hdparm -z {card}")
    job.run("stm -dut")
    with socket.create_connection(("127.0.0.1", DEVICE_PORT), 10) as device:
        must(device.recv(4) == b"SSH-", "the device did not boot")
    call(f"{api}/reqs/{job.request}/close")
    return uid


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder of images for the block."""

    def handler(*words: Any) -> SimpleHTTPRequestHandler:
        return SimpleHTTPRequestHandler(*words, directory=str(folder))

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def furnish(card: Path) -> None:
    """Put the commands where Weles calls them, and prepare card, folders and images."""
    subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(COMMANDS)), check=True)
    subprocess.run(
        ("/usr/bin/python3", "-c", LAUNCH.format(folder=COMMANDS)),
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        check=True,
    )
    for path in (ARTIFACTS, Path("/var/images")):
        path.mkdir()
    (ARTIFACTS / "test.sh").write_text("#!/bin/sh\necho passed >/var/tmp/result\necho tested $1\n")
    (ARTIFACTS / "test.sh").chmod(0o755)
    archive = packed({"boot.img": BOOT, "rootfs.img": ROOT, "notes": b"for people"})
    Path("/var/images/image.tar.gz").write_bytes(archive)
    digest = hashlib.md5(archive).hexdigest()
    Path("/var/images/MD5SUMS").write_text(f"{digest}  image.tar.gz\n")
    table = partitioned(Path("/var/images/card"))
    with card.open("r+b") as device:
        device.write(table.read_bytes())
    subprocess.run(("chpasswd",), input=f"root:{PASSWORD}\n".encode(), check=True)


def device_under_test() -> tuple[str, ...]:
    """Return the command of an SSH server that stands for the device: root's password opens it."""
    options = (
        *("PermitRootLogin=yes", "PasswordAuthentication=yes", "PubkeyAuthentication=no"),
        *("UsePAM=no", "PidFile=none"),
    )
    words = (word for option in options for word in ("-o", option))
    return (*ssh_server(), "-p", str(DEVICE_PORT), *words)


async def main() -> None:
    """Play the job, and look at what it left."""
    card, compat = Path(sys.argv[1]), sys.argv[2] == "testflinger"
    add_group(STM_GROUP)
    furnish(card)
    daemons = {"sshd": ssh_server(), "device": device_under_test()}
    boards = (board(str(card), compat=compat),)
    async with (
        emulated_controller(STM_LINE) as controller,
        demo_farm(print, boards, daemons) as farm,
    ):
        worker = farm.workers[0]
        async with farm.farm.watch(worker=worker.uuid) as happenings:
            with served(Path("/var/images")) as images:
                api = f"{farm.url}/api/v1"
                if compat:
                    uid = await asyncio.to_thread(provision, api, farm.folder)
                else:
                    uid = await asyncio.to_thread(play, api, images, farm.folder)
            async for _ in happenings:
                found = await farm.farm.workers.get_worker_info(farm.farm.caller, worker.uuid)
                must(found.state != "FAILED", f"the board failed: {found.reason}")
                if found.state == "IDLE" and found.epoch > worker.epoch:
                    break
        see(controller, uid)
        see_images(card, compat=compat)
        print((farm.folder / "muxpi-1.log").read_text())
        print(f"isolation: {(found.facts or {})['Isolation']}")
    print(f"done: a whole job of {sys.argv[2]}")


def see_images(card: Path, *, compat: bool) -> None:
    """See that the card holds what was sent, and that results came back."""
    content = card.read_bytes()
    if compat:
        must(content.startswith(DISK), "the card is not as sent")
        return
    for place, data in ((FIRST, BOOT), (SECOND, ROOT)):
        start = place[0] * 512
        must(content[start : start + len(data)] == data, f"partition at {start} is not as sent")
    must((ARTIFACTS / "result").read_text() == "passed\n", "the result was not pulled")


def see(controller: EmulatedController, uid: str) -> None:
    """See that nothing is left on, and nobody there."""
    chip = controller.state
    must(not chip["relay"] and chip["card"] == "ts", f"the device was not reset: {chip}")
    must(not chip["damage"], f"a real controller would have been damaged: {chip['damage']}")
    must(not re.search(rf"\b{uid}\b", Path("/etc/passwd").read_text()), "the user is still there")


if __name__ == "__main__":
    asyncio.run(main())
