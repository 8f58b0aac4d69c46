"""Where each verb of a command lies; it is imported once it is wanted.

What is imported decides how soon the first line appears (issue 14), so a verb costs what it needs
itself and nothing of what stands beside it.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

ROOM: Final = "boruta_farm.cli."

WORDS: Final[Mapping[str, Any]] = {
    "ignore_unknown_options": True,
    "allow_interspersed_args": False,
}
"""For a verb that hands its words on: those that look like options are its command's."""

UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]
"""Wrong usage of any kind; Typer does not publish it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """Tell where a verb lies: ``module:function`` of this room.

    ``reader`` is ``module:class`` of a command that reads its arguments in its own way; ``help``
    takes the place of the function's docstring. ``elsewhere`` are words by which other systems
    call it: who types one is told ours.
    """

    place: str
    reader: str | None = None
    settings: Mapping[str, Any] | None = None
    help: str | None = None
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Carry verbs that stand behind one word."""

    help: str
    verbs: "Mapping[str, Verb | Family]"


class Verbs(TyperGroup):
    """Complain about wrong usage without repeating a token that was typed as an argument.

    Typer does not publish the types that reach these methods.
    """

    elsewhere: Mapping[str, str] = MappingProxyType({})
    """Our verbs by the words of other systems."""

    def resolve_command(self, ctx: Any, args: Any) -> Any:
        """Return the verb that is typed first; a word of another system's is told ours."""
        ours = self.elsewhere.get(args[0])
        if ours is not None and args[0] not in self.commands:
            raise UsageError(f"No such command {args[0]!r}. Did you mean {ours!r}?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the verbs with what each does, whole: lines are broken, not cut."""
        rows = [
            (name, command.get_short_help_str(len(command.help or "")))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the options before the verb."""
        with _concealed():
            return super().make_context(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Read what follows the verb, and run it."""
        with _concealed():
            return super().invoke(ctx)


@contextmanager
def _concealed() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        from boruta_farm.model.token import conceal

        error.message = conceal(error.message)
        raise


def group_of(verbs: Mapping[str, Verb | Family]) -> type[Verbs]:
    """Return a group of these verbs, for Typer to make."""

    class Declared(Verbs):
        elsewhere = MappingProxyType(
            {
                word: name
                for name, verb in verbs.items()
                if isinstance(verb, Verb)
                for word in verb.elsewhere
            }
        )

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = _Imported(verbs)

    return Declared


class _Imported(MutableMapping[str, Any]):
    """Hold commands by their names, each made when it is asked for."""

    def __init__(self, verbs: Mapping[str, Verb | Family]) -> None:
        self._verbs = verbs
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            wanted = self._verbs[name]
            self._made[name] = (
                _family(name, wanted) if isinstance(wanted, Family) else _command(name, wanted)
            )
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*self._verbs, *self._made)))

    def __len__(self) -> int:
        return len(set(self._verbs) | set(self._made))


def _command(name: str, verb: Verb) -> Any:
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    reader = None if verb.reader is None else _found(verb.reader)
    settings = None if verb.settings is None else dict(verb.settings)
    made = alone.command(name, help=verb.help, cls=reader, context_settings=settings)
    made(_found(verb.place))
    return get_command(alone)


def _family(name: str, family: Family) -> Any:
    return get_group(
        typer.Typer(
            name=name,
            help=family.help,
            no_args_is_help=True,
            rich_markup_mode=None,
            cls=group_of(family.verbs),
            pretty_exceptions_enable=False,
        )
    )


def _found(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(ROOM + module), name)
