"""The command ``waypost``: every verb in its group, and one boundary where errors become texts and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from waypost.cli import failure
from waypost.cli.option import expanded
from waypost.cli.verb import (
    chaining,
    checking,
    describing,
    doctor,
    edi,
    edi_acknowledging,
    edi_attachments,
    edi_checking,
    edi_generating,
    edi_naming,
    edi_partner,
    edi_redacting,
    expecting,
    grouping,
    keeping,
    legal_holding,
    looking,
    making,
    mapping,
    measuring,
    partner,
    partner_checking,
    partner_judging,
    partner_number,
    partner_work,
    reference_data,
    repairing,
    running,
    showing,
    steering,
    testing,
    tracing,
)

Verb = tuple[str, Callable[..., Any]]

VERBS: dict[str, tuple[Verb, ...]] = {
    "Make a project": (
        ("init", making.init),
        ("new", making.new),
        ("check", checking.check),
        ("test", testing.test),
        ("snapshot", testing.snapshot),
        ("case", testing.case),
        ("map", mapping.map_),
        ("describe", describing.describe),
    ),
    "Run it": (
        ("demo", showing.demo),
        ("run", running.run),
        ("status", running.status),
        ("send", running.send),
        ("stop", steering.stop),
    ),
    "Find and understand": (
        ("messages", looking.messages),
        ("files", looking.files),
        ("show", looking.show),
        ("lineage", tracing.lineage),
        ("dead", looking.dead),
        ("expectations", expecting.expectations),
    ),
    "Look into EDI files": (
        ("edi show", edi.show),
        ("edi roundtrip", edi.roundtrip),
        ("edi check", edi_checking.check),
        ("edi explain", edi_partner.explain),
        ("edi view", edi_partner.view),
        ("edi ack", edi_acknowledging.ack),
        ("edi attachments", edi_attachments.attachments),
        ("edi redact", edi_redacting.redact),
        ("edi generate", edi_generating.generate),
        ("edi names", edi_naming.names),
        ("edi import", edi_checking.import_),
    ),
    "Follow business chains": (
        ("chain orders", chaining.orders),
        ("chain claims", chaining.claims),
        ("chain questions", chaining.questions),
    ),
    "Work with partners": (
        ("partner new", partner.new),
        ("partner list", partner.list_),
        ("partner show", partner.show),
        ("partner diff", partner.diff),
        ("partner check", partner_checking.check),
        ("partner samples", partner_checking.samples),
        ("partner guide", partner_checking.guide),
        ("partner token", partner_checking.token),
        ("partner score", partner_judging.score),
        ("partner scorecard", partner_judging.scorecard),
        ("partner certificates", partner_checking.certificates),
        ("partner challenge", partner_checking.challenge),
        ("partner acks", expecting.acks),
        ("partner simulate", partner_work.simulate),
        ("partner infer", partner_work.infer),
        ("partner resend", partner_work.resend),
        ("partner numbers", partner_number.numbers),
        ("partner set-number", partner_number.set_number),
    ),
    "Repair": (
        ("retry", repairing.retry),
        ("resend", repairing.resend),
        ("replay", repairing.replay),
        ("hold", repairing.hold),
        ("release", repairing.release),
        ("cancel", repairing.cancel),
        ("groups", grouping.groups),
    ),
    "Steer": (
        ("pause", steering.pause),
        ("resume", steering.resume),
        ("reload", steering.reload),
        ("activate", steering.activate),
        ("versions", steering.versions),
        ("schedule", steering.schedule),
    ),
    "Keep reference data": (
        ("reference list", reference_data.list_),
        ("reference show", reference_data.show),
        ("reference set", reference_data.set_),
        ("reference remove", reference_data.remove),
        ("reference import", reference_data.import_),
        ("reference export", reference_data.export),
        ("reference approve", reference_data.approve),
        ("reference reject", reference_data.reject),
        ("reference history", reference_data.history),
        ("reference where-used", reference_data.where_used),
        ("reference waiting", reference_data.waiting),
    ),
    "Look after the store": (
        ("legal-hold", legal_holding.legal_hold),
        ("backup", keeping.backup),
        ("restore", keeping.restore),
        ("verify", keeping.verify),
        ("doctor", doctor.doctor),
        ("bench", measuring.bench),
    ),
}


class Grouped(TyperGroup):
    """Lists the verbs under the headings of ``VERBS``."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for heading, commands in self.headings().items():
            with formatter.section(heading):
                limit = formatter.width - 16
                formatter.write_dl([(name.ljust(10), command.get_short_help_str(limit)) for name, command in commands])

    def headings(self) -> dict[str, list[tuple[str, Any]]]:
        """The commands with their names under each heading, in the order given; a verb of two words is one of them."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for name, command in self.commands.items():
            inner = getattr(command, "commands", {})
            for whole, one in [(f"{name} {word}", one) for word, one in inner.items()] or [(name, command)]:
                found.setdefault(getattr(one, "rich_help_panel", "") or "", []).append((whole, one))
        return found


def build(arguments: Sequence[str] | None = None) -> TyperGroup:
    """The whole command, made from ``VERBS``. For ``arguments`` only the verbs they may mean have their options; the
    others have their sentence, which is all that the list of verbs shows."""
    app = typer.Typer(
        name="waypost", cls=Grouped, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True,
        add_completion=False, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip
    app.callback()(top)
    groups: dict[str, typer.Typer] = {}
    for heading, verbs in VERBS.items():
        for name, function in verbs:
            first, _, word = name.partition(" ")
            if word and first not in groups:
                groups[first] = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
                app.add_typer(groups[first], name=first, help=f"{heading}.", rich_help_panel=heading)
            place = groups[first] if word else app
            meant = arguments is None or first in arguments or "--pages" in arguments  # the pages tell of all
            place.command(word or name, rich_help_panel=heading)(expanded(function) if meant else _named(function))
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def _named(function: Callable[..., Any]) -> Callable[[], None]:
    """A command with the sentence of ``function`` and nothing else."""

    def call() -> None:
        raise AssertionError("the arguments name another verb")

    call.__doc__ = function.__doc__
    return call


def _print_version(wanted: bool) -> None:
    if wanted:
        from waypost import __version__

        print(f"waypost {__version__}")
        raise typer.Exit


def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Integrations that can be proved, found, explained and replayed.

    Start with: waypost init my-project
    """


def main(arguments: Sequence[str]) -> int:
    """Perform one command line; the exit code: 0 done, 1 the thing asked for failed, 2 wrong usage, 130 interrupted."""
    try:
        all_verbs = any(word.startswith("--pages") for word in arguments)  # the reference has every one of them
        code = build(None if all_verbs else arguments).main(args=arguments, prog_name="waypost", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        return _wrong_usage(error, arguments)
    except (KeyboardInterrupt, typer.Abort):
        return failure.INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a person must never be shown a traceback
        return failure.report(error, arguments)


def _wrong_usage(error: typer.TyperException, arguments: Sequence[str]) -> int:
    context = getattr(error, "ctx", None)
    text = error.format_message()
    if context is not None and not arguments:
        print(text)
        return failure.WRONG_USAGE
    usage = f"{context.get_usage()}\nTry '{context.command_path} --help'." if context is not None else ""
    return failure.report_usage(text, usage, arguments)


def run() -> None:
    """The entry point of the installed command."""
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has left: nothing is wrong, and there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = failure.FAILED
    sys.exit(code)


if __name__ == "__main__":
    run()
