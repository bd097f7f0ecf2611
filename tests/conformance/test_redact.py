"""The redact step keeps what every step must."""

from tests.unit.formats.edi_health import PEOPLE, interchange
from waypost.core.component import Failed
from waypost.core.message import Message
from waypost.testing.step_kit import StepConformance, build_step, messages_of

COVERS = {("step", "redact")}
OPTIONS = "{secret: a secret of the tests, keep: [diagnoses]}"


class TestRedact(StepConformance):
    step, options = "redact", OPTIONS
    bodies = (interchange("837").decode(), interchange("270").decode(), "no interchange", {"a": "document"})
    outcomes = (Message, Failed)


def test_the_body_goes_on_without_what_names_somebody() -> None:
    bodies = (interchange("835"), interchange("835").decode())
    results = build_step("redact", OPTIONS, {}).process(messages_of(bodies))
    for body, result in zip(bodies, results, strict=True):
        assert isinstance(result, Message) and type(result.body) is type(body)
        text = result.body if isinstance(result.body, str) else result.body.decode()
        assert PEOPLE["surname"] not in text and "CLP*" in text
