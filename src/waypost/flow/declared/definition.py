"""A project as written: waypost.yaml, environments, connections and flows, parsed and still unconnected."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any

from waypost.agreements.load import Partner
from waypost.core.binding import split_listen
from waypost.core.key import DEFAULT_RULES, KeyRule
from waypost.core.registry import Component
from waypost.core.spec import Duration, Expression, Option, OptionFault, PartnerRef
from waypost.core.yamlfile import Path, YamlFile
from waypost.flow.declared.service import SelfTestOptions

PROJECT_FORMAT = 1


class ConnectionClass(StrEnum):
    """Which kind of system a connection reaches; ``prod`` is refused outside environment class prod."""

    TEST = "test"
    PROD = "prod"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionOptions:
    """How long messages are kept, by what became of them."""

    delivered: Annotated[Duration, Option("Age at which delivered, filtered and cancelled messages may go.")] = (
        Duration(30 * 86400)
    )
    dead: Annotated[Duration, Option("Age at which dead and parked messages may go.")] = Duration(90 * 86400)
    exchanges: Annotated[
        Duration,
        Option(
            "Age at which what was exchanged with partners leaves the ledger: numbers and verdicts, without bodies."
        ),
    ] = Duration(400 * 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenOptions:
    """Where the one HTTP listener listens."""

    address: Annotated[str, Option("Host and port; loopback only.", example="127.0.0.1:8080")] = "127.0.0.1:8080"

    def faults(self) -> Iterator[OptionFault]:
        try:
            split_listen(self.address)
        except ValueError as error:
            yield OptionFault("address", f"found {self.address!r}: {error}", "host and port, such as 127.0.0.1:8080")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOptions:
    """``waypost.yaml``: the project as a whole."""

    name: Annotated[str, Option("The project's name.", example="order-to-cash")]
    format: Annotated[int, Option("Version of the project's layout.", minimum=1)] = PROJECT_FORMAT
    description: Annotated[str, Option("What the project is for, in a sentence.")] = ""
    store: Annotated[str, Option("Folder of the message store, relative to the project.")] = ".waypost"
    listen: Annotated[ListenOptions, Option("The one HTTP listener.")] = field(default_factory=ListenOptions)
    self_test: Annotated[
        SelfTestOptions | None, Option("Lets partners try their files in a browser, over HTTP or AS2; off without it.")
    ] = None
    retention: Annotated[RetentionOptions, Option("How long messages are kept.")] = field(
        default_factory=RetentionOptions
    )
    libraries: Annotated[
        dict[str, Any],
        Option(
            "Maps, schemas, lookups and templates of others, by name: a folder, or {package: NAME}.",
            example={"shared": "../shared"},
        ),
    ] = field(default_factory=dict)
    values: Annotated[
        dict[str, str], Option("Values every environment must give: name and type (text, number, flag).")
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """A business key: where it is found and what of its value does not matter."""

    path: Annotated[
        Expression, Option("Expression that gives the value, or a list of values.", example="order.number")
    ] = Expression("this")
    header: Annotated[
        str, Option("Header that holds the value instead, such as one read from a file's name.", example="file.po")
    ] = ""
    ignore: Annotated[tuple[KeyRule, ...], Option("What does not matter when the key is looked for.")] = tuple(
        sorted(DEFAULT_RULES)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryOptions:
    """When a delivery that failed for a passing reason is tried again."""

    attempts: Annotated[int, Option("Tries before the message is a dead letter.", minimum=1, maximum=1000)] = 8
    first: Annotated[Duration, Option("Pause after the first failure; it doubles with each further one.")] = Duration(1)
    limit: Annotated[Duration, Option("Longest pause between two tries.")] = Duration(300)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """Rules that hold for every target of the flow."""

    order_by: Annotated[str, Option("Name of the key whose messages keep their order at each target.")] = ""
    retry: Annotated[RetryOptions, Option("Retries of failed deliveries.")] = field(default_factory=RetryOptions)
    max_open: Annotated[int, Option("Undelivered messages at which the source pauses.", minimum=1)] = 1_000_000
    max_message_bytes: Annotated[int, Option("Largest single message; a larger one is refused.", minimum=1)] = 64 << 20


_EXPECTED = re.compile("x12/(TA1|277CA|[0-9]{3})|edifact/[A-Z]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectOptions:
    """What must follow each message of the flow: from a partner, or from us to it. Written ``from``, not ``source``."""

    what: Annotated[
        str,
        Option(
            "The acknowledgement, or the document, such as `x12/855` or `edifact/DESADV`, that has a business key in "
            "common with what it follows.",
            example="x12/997",
        ),
    ]
    after: Annotated[tuple[str, ...], Option("Only for messages of these sets; empty: for all.", example="850")] = ()
    by: Annotated[str, Option("The business key a document is known by; empty: any key that both have.")] = ""
    source: Annotated[PartnerRef, Option("The partner that owes it to us, for what the flow sends.")] = PartnerRef("")
    to: Annotated[PartnerRef, Option("The partner we owe it to, for what the flow receives.")] = PartnerRef("")
    within: Annotated[Duration, Option("How long it may take.", example="24h")] = Duration(86400)
    calendar: Annotated[str, Option("Count only working time of this calendar; empty: every hour.")] = ""

    def faults(self) -> Iterator[OptionFault]:
        if not _EXPECTED.fullmatch(self.what):
            expected = "x12/ and a set, TA1 or 277CA, or edifact/ and a message, such as x12/997"
            yield OptionFault("what", f"found {self.what!r}", expected)
        if bool(self.source) == bool(self.to):
            yield OptionFault(
                "what", f"{self.what}: {'both' if self.to else 'neither'} of 'from' and 'to'", "one of them"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOptions:
    """A flow: one source, steps, named targets, and the rules of delivery."""

    flow: Annotated[str, Option("The flow's name, unique in the project.", example="acme-orders")]
    description: Annotated[str, Option("What the flow does, in a sentence.")]
    owner: Annotated[str, Option("The team that answers for it.")]
    source: Annotated[dict[str, Any], Option("Where messages come from: one connector and its options.")]
    format: Annotated[
        Any, Option("How the source's bytes are read: a format's name, or the format with its options.")
    ] = "json"
    keys: Annotated[dict[str, Any], Option("Business keys: name and expression, or name and options.")] = field(
        default_factory=dict
    )
    steps: Annotated[tuple[Any, ...], Option("What happens to each message, in order.")] = ()
    targets: Annotated[dict[str, Any], Option("Where messages go: name, and one connector with its options.")] = field(
        default_factory=dict
    )
    delivery: Annotated[DeliveryOptions, Option("Rules of delivery.")] = field(default_factory=DeliveryOptions)
    expect: Annotated[tuple[ExpectOptions, ...], Option("What must follow each message, and until when.")] = ()
    enabled: Annotated[bool, Option("Whether the flow runs.")] = True
    tags: Annotated[tuple[str, ...], Option("Words to find flows by.")] = ()
    support: Annotated[str, Option("The group that supports it.")] = ""
    business: Annotated[str, Option("The business contact.")] = ""
    data_class: Annotated[str, Option("The class of the data it carries.", example="personal")] = ""
    amount: Annotated[str, Option("The field that holds the money at stake.")] = ""
    sla: Annotated[str, Option("The promise made for it, in words.")] = ""
    priority: Annotated[str, Option("How much it matters against others.")] = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A component in use: its declaration, its options, and where that was written."""

    component: Component
    options: Any
    file: YamlFile
    path: Path
    name: str

    @property
    def traits(self) -> Any:
        return self.component.traits_of(self.options)


@dataclass(frozen=True, slots=True)
class TargetUse:
    """A named target: connector, format of its bytes, and what is kept of the answer."""

    use: Use
    format: Use
    keep_sent: bool = False
    answer_keys: Mapping[str, KeyOptions] = field(default_factory=dict)
    produced_keys: Mapping[str, KeyOptions] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.use.name


@dataclass(frozen=True, slots=True)
class FlowDefinition:
    """One flow, parsed and linted. ``file`` is where it was written."""

    options: FlowOptions
    source: Use
    format: Use
    keys: Mapping[str, KeyOptions]
    steps: tuple[Use, ...]
    targets: Mapping[str, TargetUse]
    file: YamlFile

    @property
    def name(self) -> str:
        return self.options.flow


@dataclass(frozen=True, slots=True)
class FaultyFlow:
    """What could be read of a flow that has faults, so that its other faults are found too. None: not readable."""

    options: FlowOptions
    source: Use | None
    format: Use | None
    keys: Mapping[str, KeyOptions]
    steps: tuple[Use | None, ...]
    targets: Mapping[str, TargetUse | None]
    file: YamlFile

    @property
    def name(self) -> str:
        return self.options.flow


@dataclass(frozen=True, slots=True)
class ConnectionDefinition:
    """A named system of ``connections.yaml``."""

    name: str
    use: Use
    connection_class: ConnectionClass | None


@dataclass(frozen=True, slots=True)
class Project:
    """A whole project under one environment. ``version`` is the digest of its files; ``files`` their bytes by path."""

    options: ProjectOptions
    environment: str
    version: str
    flows: Mapping[str, FlowDefinition]
    connections: Mapping[str, ConnectionDefinition]
    files: Mapping[str, bytes]
    partners: Mapping[str, Partner] = field(default_factory=dict)
    environment_class: ConnectionClass = ConnectionClass.TEST
    root: pathlib.Path = pathlib.Path()
    """Its folder, from which files of the machine are named."""
