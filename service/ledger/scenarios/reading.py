"""Reading a file of cases: YAML, strictly, and every complaint with its line."""

from collections import Counter
from collections.abc import Hashable
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, ScalarNode

from service.core.errors import InputError

CASES_BYTES_MAX: Final = 8 * 1024 * 1024
_VALUES_MAX: Final = 2_000_000
_DIGITS_MAX: Final = 100
_DEPTH_MAX: Final = 32

# The parser in C where PyYAML was built with it: ten times as fast, and the same language.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ScenarioError(InputError):
    """A case says something the runner does not know. The message names the case, the fact and the field."""


class _CaseLoader(_Loader):  # type: ignore[misc]  # chosen when the module is loaded
    """YAML 1.1 as people mean it: phone numbers and times of day stay as written, keys are unique."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Refuse a key that stands twice, of which PyYAML would drop the first."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, ScalarNode)):
            if key.value in seen:
                raise ConstructorError(None, None, f"the key {key.value[:64]!r} stands twice", key.start_mark)
            seen.add(key.value)
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return mapping


def _whole_number(loader: Any, node: ScalarNode) -> int | str:  # noqa: ANN401 - PyYAML ships no types
    """An integer; but +31612345678 is a phone number and 21:30 a time of day, not 1290."""
    text = loader.construct_scalar(node)
    if text.startswith("+") or ":" in text or len(text) > _DIGITS_MAX:
        return str(text)
    number: int = loader.construct_yaml_int(node)
    return number


def _day(loader: Any, node: ScalarNode) -> object:  # noqa: ANN401 - PyYAML ships no types
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        raise ConstructorError(None, None, "there is no such day", node.start_mark) from None


_CaseLoader.add_constructor("tag:yaml.org,2002:int", _whole_number)
_CaseLoader.add_constructor("tag:yaml.org,2002:timestamp", _day)


def read_cases(data: bytes) -> list[dict[str, Any]]:
    """Read a file of cases.

    Raises `ScenarioError`, with the line where there is one, for what is no list of cases with an id each.
    """
    if len(data) > CASES_BYTES_MAX:
        raise ScenarioError("a file of cases is at most 8 MiB", code="too_large")
    cases = _load(data)
    if cases is None or cases == []:
        raise ScenarioError("there are no cases in it", code="empty")
    if not isinstance(cases, list):
        raise ScenarioError("a file of cases is a list of them, each beginning with `- id:`", code="type")
    _refuse_bombs(cases)
    for place, case in enumerate(cases, 1):
        if not isinstance(case, dict):
            raise ScenarioError(f"case {place} is not a case: one begins with `- id:`", code="type")
        if not isinstance(case.get("id"), str | int) or not str(case["id"]).strip():
            raise ScenarioError(f"case {place} has no id", code="missing")
    _refuse_twins(cases)
    return cases


def _load(data: bytes) -> object:
    try:
        _refuse_depth(data)
        return yaml.load(data, Loader=_CaseLoader)  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise ScenarioError(f"{where}{error.problem or 'this is not YAML'}", code="yaml") from None
    except yaml.YAMLError:
        raise ScenarioError(
            "this is not YAML: it holds bytes that are no text in UTF-8", code="yaml"
        ) from None
    except (ValueError, TypeError, OverflowError):
        raise ScenarioError(
            "this is not YAML that is read here: a number or a key is out of range", code="yaml"
        ) from None


def _refuse_depth(data: bytes) -> None:
    """Refuse deep nesting before anything is composed of it, which is done by recursion, in C."""
    depth = 0
    for event in yaml.parse(data, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEPTH_MAX:
                raise ScenarioError("this is nested deeper than any case", code="yaml")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse_bombs(cases: list[Any]) -> None:
    """Count the values as they would be written out: aliases can stand for more than any machine holds."""
    waiting: list[Any] = [cases]
    counted = 0
    while waiting:
        value = waiting.pop()
        inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
        counted += len(inner)
        if counted > _VALUES_MAX:
            raise ScenarioError("there are more values in it than in any file of cases", code="too_large")
        waiting.extend(inner)


def _refuse_twins(cases: list[dict[str, Any]]) -> None:
    counts = Counter(str(case["id"]) for case in cases)
    twins = [name for name, count in counts.items() if count > 1]
    if twins:
        raise ScenarioError(f"two cases have the id {twins[0][:64]}", code="duplicate")
