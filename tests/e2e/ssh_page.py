"""Run what docs/ssh.md tells people to type, as it stands there: ``./run prove ssh``, as root.

It is done in a room: there `farm` is a host and port 8022 is free, the board is a system user
behind the system's sshd, and `~` is nobody's home. Each step that was done is printed.
"""

import argparse
import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.demo.farm import DemoProcesses, make_idle
from boruta_farm.demo.plain_ssh import opened_door
from boruta_farm.demo.room import ssh_server
from tests.cli.screen import at_screen
from tests.dryad.rooms import ROOM
from tests.ports import free_port

HOME: Final = Path("/home/me")
FOLDER: Final = Path("/home/farm")
ANSIBLE: Final = Path("/run/ansible")
DOOR: Final = 8022
WITHIN: Final = 60.0
SHIPPED: Final = Path(__file__).parents[2] / "packaging" / "sshd" / "boruta.conf"
BOARD: Final = DemoBoard(
    name="lab-rpi4",
    caps={"board": "rpi4", "arch": "arm64"},
    driver="linux",
    settings={"ssh_address": "127.0.0.1:22"},
    user={"name": "boruta-user", "uids": "70000-70099"},
)
CONFIG: Final = """\
Host *.farm short
    StrictHostKeyChecking yes
Host *
    BatchMode yes
    StrictHostKeyChecking accept-new
    LogLevel ERROR
Host short
    HostName rpi4.farm
    User boruta-user
    ProxyJump farm:8022
    UserKnownHostsFile ~/.ssh/known_hosts
"""
SERVED: Final = """\
cd "$(mktemp -d)"; echo from the board > told
python3 -u -c '
import http.server, os
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
if os.fork(): print(server.server_port); os._exit(0)
os.setsid(); [os.close(number) for number in (0, 1, 2)]
os.open("/dev/null", os.O_RDWR); os.dup(0); os.dup(0)
server.serve_forever()'
"""
"""What an editor does at first: a server of its own on the board, which says its port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the page, what is typed into it, what is to be seen then or by ``look``.

    ``first`` makes what the page takes for granted. ``needs`` is a program that may be missing.
    ``alone`` wants the only board free, ``numbered`` means the request that runs by 42.
    """

    text: str
    given: str = ""
    says: str = ""
    first: str = ""
    look: str = ""
    needs: str = "ssh"
    alone: bool = False
    numbered: bool = False


ECHO: Final = "echo it is $(whoami)\n"
IT_IS: Final = "it is boruta-user"
LINES: Final = (
    Line(text="ssh -J farm:8022 boruta-user@rpi4", given=ECHO, says=IT_IS),
    Line(
        text="scp -o ProxyJump=farm:8022 image.bin boruta-user@rpi4:",
        look="ssh -J farm:8022 boruta-user@rpi4 wc -c image.bin",
        says="300000 image.bin",
    ),
    Line(
        text="ssh -J farm:8022 boruta-user@rpi4 ./flash image.bin",
        first="echo 'echo flashing $1' | ssh -J farm:8022 boruta-user@rpi4 "
        "'cat > flash; chmod +x flash'",
        says="flashing image.bin",
    ),
    Line(text="ssh -p 8022 farm", says="lab-rpi4  rpi4"),
    Line(text="ssh -p 8022 farm help", says="what is free, who holds what, your requests"),
    Line(text="ssh -p 8022 farm known-hosts >> ~/.ssh/known_hosts"),
    Line(text="ssh -J farm:8022 boruta-user@rpi4.farm", given=ECHO, says=IT_IS),
    Line(
        text="ssh -p 8022 farm ssh-config farm >> ~/.ssh/config",
        look="cat ~/.ssh/config",
        says="Host *.farm",
    ),
    Line(text="ssh rpi4.farm", given=ECHO, says=IT_IS),
    Line(text="ssh -o ConnectTimeout=0 rpi4.farm", given=ECHO, says=IT_IS),
    Line(text="scp image.bin rpi4.farm:", look="ssh rpi4.farm ls", says="image.bin"),
    Line(
        text="rsync -a out/ rpi4.farm:out/",
        look="rsync -a rpi4.farm:out/ back/; cat back/deep/result",
        says="the result",
        needs="rsync",
    ),
    Line(text="sftp rpi4.farm", given="ls out/deep\n", says="out/deep/result", needs="sftp"),
    Line(
        text="git push rpi4.farm:work main",
        first="ssh rpi4.farm git init -q --bare work",
        look="ssh rpi4.farm git --git-dir=work log --oneline main",
        says="the first",
        needs="git",
    ),
    Line(
        text="sshfs rpi4.farm: mnt",
        look="cat mnt/out/deep/result; echo there > mnt/written; fusermount3 -u mnt; "
        "ssh rpi4.farm cat written",
        says="the result\nthere",
        needs="sshfs",
    ),
    Line(text="ssh -p 8022 rpi4@farm", given=ECHO, says=IT_IS, alone=True),
    Line(
        text="scp -P 8022 image.bin rpi4@farm:",
        look="ssh -p 8022 rpi4@farm ls",
        says="image.bin",
    ),
    Line(text="boruta ssh rpi4 --via https", given=ECHO, says=IT_IS, alone=True),
    Line(text="boruta new rpi4 --wait 10m", alone=True),
    Line(text="boruta cp --via https image.bin 42:", numbered=True),
    Line(
        text="boruta acquire 42 --via https --save there; ssh -F there/config boruta-42",
        given="wc -c image.bin\n",
        says="300000 image.bin",
        numbered=True,
    ),
    Line(text="boruta new rpi4 --key ~/.ssh/id_ed25519.pub --wait 10m", alone=True),
    Line(
        text="ssh -o 'ProxyCommand=boruta proxy %h' -o \"KnownHostsCommand=$(command -v boruta) "
        'proxy --host-key %H" boruta-user@r42',
        given=ECHO,
        says=IT_IS,
        numbered=True,
    ),
)
"""What the page tells people to type, in this order."""


class Page:
    """A farm, and somebody who reads the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.desk = folder / "desk"
        self.url = ""

    async def serve(self, processes: DemoProcesses) -> None:
        """Start sshd, a farm with a door, and one board."""
        await processes.start("sshd", ssh_server())
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        os.environ["BORUTA_SERVER"] = self.url
        await processes.start_server(
            port, ssh_addr=f":{DOOR}", allow_anonymous="true", ssh_linger="30s"
        )
        await processes.start_agent(BOARD, self.url)
        async with connect(ClientConfig(server=self.url)) as farm:
            await processes.unless_failed(make_idle(farm, 1), "the board to be IDLE")
            await processes.unless_failed(opened_door(farm), "the front door to open")

    def furnish(self) -> None:
        """Make a home, and a desk with what the page's commands take for granted."""
        (HOME / ".ssh").mkdir(mode=0o700, parents=True)
        (HOME / ".ssh/config").write_text(CONFIG)
        passwd = Path("/etc/passwd")
        lines = passwd.read_text().splitlines()
        root = next(line for line in lines if line.startswith("root:"))
        fields = root.split(":")
        # By this, and not by HOME, ssh finds its files.
        fields[5] = str(HOME)
        passwd.write_text("\n".join(":".join(fields) if x == root else x for x in lines) + "\n")
        os.environ["HOME"] = str(HOME)
        with Path("/etc/hosts").open("a") as hosts:
            hosts.write("127.0.0.1 farm\n")
        shutil.copy(SHIPPED, "/etc/ssh/sshd_config.d/boruta.conf")
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "boruta").write_text(
            f'#!/bin/sh\nexec {sys.executable} -m boruta_farm.cli "$@"\n'
        )
        (programs / "boruta").chmod(0o755)
        os.environ["PATH"] = f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin"
        self.desk.mkdir()
        script = (
            "ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519; head -c 300000 /dev/zero > "
            "image.bin; mkdir -p out/deep mnt; echo the result > out/deep/result; "
            "git init -q -b main; git -c user.name=me -c user.email=me@example.org "
            "commit -q --allow-empty -m 'the first'"
        )
        subprocess.run(("sh", "-ec", script), check=True, cwd=self.desk, timeout=WITHIN)

    async def sh(self, script: str, given: str = "") -> str:
        """Run a script at the desk; it must succeed. Returns all that it printed."""
        process = await asyncio.create_subprocess_exec(
            *("sh", "-ec", script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.desk,
        )
        async with asyncio.timeout(WITHIN):
            printed, _ = await process.communicate(given.encode())
        text = printed.decode(errors="replace")
        assert process.returncode == 0, f"{script}: {process.returncode}: {text}"
        return text

    async def follow(self, line: Line) -> None:
        """Type a line of the page."""
        if shutil.which(line.needs) is None:
            print(f"skipped, {line.needs} is missing: {line.text}", flush=True)
            return
        if line.alone:
            await self.give_back()
        if line.first:
            await self.sh(line.first)
        typed = line.text
        if line.numbered:
            typed = typed.replace("42", (await self.running())[-1])
        text = await self.sh(typed, line.given)
        if line.look:
            text = await self.sh(line.look)
        assert line.says in text, f"{line.text}: {text}"
        print(f"done: {line.text}", flush=True)

    async def running(self) -> list[str]:
        """Return the requests that run, as the door tells them."""
        return re.findall(r"^r(\d+): in progress", await self.sh("ssh -p 8022 farm"), re.MULTILINE)

    async def give_back(self) -> None:
        """Free the board."""
        for number in await self.running():
            await self.sh(f"ssh -p 8022 farm close {number}")

    async def jump_by_configuration(self) -> None:
        """Come by a host of one's own with ProxyJump, known by the authority's line alone."""
        assert IT_IS in await self.sh("ssh short", ECHO)
        print("done: ProxyJump", flush=True)

    async def have_it_written(self) -> None:
        """Have `boruta ssh-config --write` tell ssh all, and know the board by its certificate."""
        config = HOME / ".ssh/config"
        await self.sh("boruta ssh-config --write")
        assert "Include boruta.config" in config.read_text()
        assert IT_IS in await self.sh("ssh rpi4.farm", ECHO)
        assert IT_IS in await self.sh("ssh -o KnownHostsCommand=none rpi4.farm", ECHO)
        config.write_text(config.read_text().replace("Include boruta.config\n", ""))
        print("done: boruta ssh-config --write", flush=True)

    async def share_a_connection(self) -> None:
        """Have one connection carry many sessions (ControlMaster)."""
        control = "-o ControlMaster=auto -o ControlPath=~/.ssh/c -o ControlPersist=30"
        await self.sh(f"ssh {control} rpi4.farm true; ssh {control} -O check rpi4.farm")
        texts = await asyncio.gather(
            *[self.sh(f"ssh {control} rpi4.farm 'echo {n}-$(whoami)'") for n in range(8)]
        )
        assert [text.strip() for text in texts] == [f"{n}-boruta-user" for n in range(8)]
        await self.sh(f"ssh {control} -O exit rpi4.farm")
        print("done: ControlMaster", flush=True)

    async def edit_from_afar(self) -> None:
        """Do what VS Code does: a server by `bash -s`, a forwarded port, more connections."""
        port = int((await self.sh("ssh -T rpi4.farm bash -s", SERVED)).split()[-1])
        near, proxy = free_port(), free_port()
        forwards = f"-L {near}:127.0.0.1:{port} -D {proxy}"
        tunnel = await asyncio.create_subprocess_exec(
            *("sh", "-c", f"exec ssh -T {forwards} rpi4.farm 'echo open; cat'"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert tunnel.stdin is not None
        assert tunnel.stdout is not None
        async with asyncio.timeout(WITHIN):
            assert await tunnel.stdout.readline() == b"open\n"
            fetch = "curl -sf --noproxy '' "
            by_port = self.sh(f"{fetch} http://127.0.0.1:{near}/told")
            by_proxy = self.sh(
                f"{fetch} -x socks5h://127.0.0.1:{proxy} http://127.0.0.1:{port}/told"
            )
            beside = self.sh("ssh rpi4.farm whoami")
            texts = await asyncio.gather(by_port, by_proxy, beside)
            assert list(texts) == ["from the board\n", "from the board\n", "boruta-user\n"]
            tunnel.stdin.close()
            assert await tunnel.wait() == 0
        print("done: VS Code", flush=True)

    async def stay_in_tmux(self) -> None:
        """Have a shell outlive its connection (--persist)."""
        await self.give_back()
        environment = {**os.environ, "TERM": "xterm"}

        def sit() -> None:
            with at_screen(environment, "ssh", "rpi4", "--persist") as screen:
                screen.until("boruta-user@", WITHIN)
                screen.type("kept=$((6*7)); echo now-$kept in $TERM_PROGRAM\r")
                screen.until("now-42 in tmux", WITHIN)
                pid = screen.process.pid
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                for child in map(int, children):
                    if Path(f"/proc/{child}/comm").read_text().strip() == "ssh":
                        os.kill(child, signal.SIGKILL)
                screen.until("the connection to the board is lost", WITHIN)
                # tmux draws anew what stood there.
                screen.until("now-42 in tmux", WITHIN)
                screen.type("echo still-$kept\r")
                screen.until("still-42", WITHIN)
                screen.type("exit\r")
                assert screen.status() == 0

        await asyncio.to_thread(sit)
        print("done: tmux", flush=True)

    async def play_a_book(self) -> None:
        """Have Ansible's forks come, by the short name alone."""
        book = self.desk / "book.yml"
        book.write_text(
            "- hosts: all\n"
            "  gather_facts: false\n"
            "  tasks:\n"
            "    - ansible.builtin.copy: {content: played, dest: book}\n"
            "    - ansible.builtin.command: cat book\n"
            "      register: found\n"
            "    - ansible.builtin.assert: {that: found.stdout == 'played'}\n"
        )
        hosts = self.desk / "hosts"
        hosts.write_text("".join(f"{n} ansible_host=rpi4.farm\n" for n in ("one", "two", "three")))
        text = await self.sh(
            f"ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 {ANSIBLE}/bin/python -m ansible playbook "
            "-f 5 -i hosts book.yml"
        )
        assert text.count("ok=3") == 3, text
        print("done: Ansible", flush=True)


def clear_away(ansible: Path | None) -> None:
    """Have an empty /tmp: boards are cleaned there, and this machine's may be large."""
    if ansible is not None:
        ANSIBLE.mkdir()
        subprocess.run(("mount", "--bind", str(ansible), str(ANSIBLE)), check=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", "/tmp"), check=True)
    os.environ["TMPDIR"] = "/tmp"


async def main(ansible: Path | None, *, whole: bool) -> None:
    """Follow the page from the top; the whole is with tmux and Ansible."""
    clear_away(ansible)
    FOLDER.mkdir()
    page = Page(FOLDER)
    (FOLDER / "farm").mkdir()
    processes = DemoProcesses(FOLDER / "farm")
    page.furnish()
    try:
        await page.serve(processes)
        for line in LINES:
            await page.follow(line)
        await page.give_back()
        await page.jump_by_configuration()
        await page.have_it_written()
        await page.share_a_connection()
        await page.edit_from_afar()
        if ansible is not None:
            await page.play_a_book()
        if whole and shutil.which("tmux"):
            await page.stay_in_tmux()
    except BaseException:
        for log in (FOLDER / "farm").glob("*.log"):
            print(f"{log.name}:\n{log.read_text()[-2000:]}", file=sys.stderr)
        raise
    finally:
        await processes.end()


def ansible_in(folder: Path) -> Path | None:
    """Return an environment of its own with Ansible, None where it cannot be had."""
    venv.create(folder, with_pip=True)
    pip = (str(folder / "bin" / "pip"), "install", "-q", "ansible-core>=2.17,<3")
    done = subprocess.run(pip, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        print(f"skipped, Ansible cannot be had here: {done.stderr.strip()[-300:]}", flush=True)
        return None
    return folder


def whole_page() -> int:
    """Do all of it in a room, as ``./run prove ssh`` does, and return how it ended."""
    with tempfile.TemporaryDirectory(prefix="boruta-ansible-") as place:
        ansible = ansible_in(Path(place))
        words = () if ansible is None else (str(ansible),)
        inside = (sys.executable, "-m", "tests.e2e.ssh_page", "--inside", "--whole", *words)
        return subprocess.run((sys.executable, "-m", ROOM, *inside), check=False).returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--whole", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("ansible", nargs="?", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        sys.exit(whole_page())
    asyncio.run(main(options.ansible, whole=options.whole))
