"""Numbers of any length are read, or an error; they never end in an internal one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakepy.cli.units import parse_duration, parse_size
from bakepy.diagnostics import BakeError
from bakepy.drivers.container_options import READERS
from bakepy.planner.quantities import QuantityError, size, ulimit
from bakepy.quantities import MOST, scaled, whole
from tests.evaluator.evaluating import value_of
from tests.planner.definitions import defined, selected

LONG = [
    "9" * 400,
    "9" * 5000,
    "-" + "9" * 5000,
    "9" * 400 + ".5",
    "1e400",
    "1e9999999999",
    "1e500000000",
    str(2**63),
    str(2**64),
]
ATTRIBUTES = (
    "shm-size",
    "ulimits",
    "resources",
    "args",
    "no-cache",
    "pull",
    "cache-to",
    "output",
    "secret",
    "attest",
    "policy",
    "context",
    "platforms",
    "network",
    "tags",
    "labels",
    "extra-hosts",
    "call",
)
FIELDS = (
    "shm_size: {}",
    "ulimits: {{nofile: {}}}",
    "ulimits: {{nofile: {{soft: {}, hard: {}}}}}",
    "no_cache: {}",
    "args: [{}]",
    "args: {{A: {}}}",
    "privileged: {}",
    "platforms: [{}]",
    "extra_hosts: {{a: {}}}",
    "provenance: {}",
    "network: {}",
)


@given(st.integers())
def test_whole_numbers_of_64_bits_are_read(value: int) -> None:
    """What 64 bits do not hold is no number."""
    assert whole(str(value)) == (value if -(2**63) <= value < 2**63 else None)


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000, str(2**63), "-" + "9" * 5000])
def test_numbers_beyond_64_bits_are_none(text: str) -> None:
    """The count of digits does not matter."""
    assert whole(text) is None
    assert scaled(text, 1024) is None


def test_leading_zeros_do_not_count() -> None:
    """A number may have any count of them."""
    assert whole("0" * 5000 + "7") == 7
    assert whole("-" + "0" * 5000 + "7") == -7


@pytest.mark.parametrize("text", ["9" * 400, "9" * 5000, "9" * 400 + "gb", "8192p"])
def test_sizes_out_of_range_are_errors(text: str) -> None:
    """All readers of sizes say so."""
    with pytest.raises(QuantityError, match="out of range"):
        size(text)
    with pytest.raises(BakeError, match="invalid size"):
        parse_size(text)
    with pytest.raises(ValueError, match="64 bits"):
        READERS["memory"](text)


@pytest.mark.parametrize("text", ["9" * 400 + "s", "9" * 5000 + "h", "1h" + "9" * 300 + "ns", "300000h" * 10])
def test_durations_out_of_range_are_errors(text: str) -> None:
    """Nanoseconds have 64 bits."""
    with pytest.raises(BakeError, match="invalid duration"):
        parse_duration(text)
    assert parse_duration("2562047h") < MOST


@pytest.mark.parametrize("limit", ["9" * 400, "9" * 5000, "1:" + "9" * 5000, str(2**63)])
def test_limits_out_of_range_are_errors(limit: str) -> None:
    """Limits have 64 bits."""
    with pytest.raises(QuantityError, match="out of range"):
        ulimit(f"nofile={limit}")


@pytest.mark.parametrize("number", LONG)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize(
    "shape", ["{}", '"{}"', '["{}"]', '["nofile={}"]', '{{ memory = "{}" }}', "{{ cpu-shares = {} }}"]
)
def test_attributes_take_any_number_or_refuse_it(attribute: str, shape: str, number: str) -> None:
    """An attribute with a long number is a target or an error."""
    run(lambda: selected(f'target "default" {{\n  {attribute} = {shape.format(number)}\n}}\n'))


@pytest.mark.parametrize("number", LONG)
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("quotes", ["", '"'])
def test_compose_fields_take_any_number_or_refuse_it(field: str, quotes: str, number: str) -> None:
    """A field with a long number is a target or an error, also behind a variable."""
    text = "services:\n  default:\n    build:\n      context: .\n      "
    given = quotes + number + quotes
    run(lambda: defined(text + field.format(given, given) + "\n", name="compose.yaml"))
    run(lambda: defined(text + field.format("$N", "$N") + "\n", name="compose.yaml", N=number))


@pytest.mark.parametrize("number", LONG)
@pytest.mark.parametrize(
    "call",
    [
        'semvercmp("1.2.3-{}", "1.2.3-1")',
        'semvercmp("{}.0.0", "1.2.3-1")',
        'timeadd("2024-01-01T00:00:00Z", "{}s")',
        'timeadd("2024-01-01T00:00:00Z", "0.{}s")',
        'cidrhost("10.0.0.0/{}", 1)',
        'cidrhost("10.0.0.0/8", {})',
        'regex_replace("a", "a", "${{{}}}")',
        'format("%{}d", 1)',
        'format("%.{}d", 1)',
        'format("%[{}]d", 1)',
        'parseint("{}", 10)',
        'parseint("{}", 62)',
        "abs({})",
        "floor({})",
        "range({})",
        'substr("abc", {}, 1)',
        "element([1], {})",
        'indent({}, "a")',
        "pow({}, {})",
        "int({})",
        "chunklist([1], {})",
        "log({}, 10)",
    ],
)
def test_functions_take_any_number_or_refuse_it(call: str, number: str) -> None:
    """A call with a long number has a value or an error."""
    _, faults = value_of(call.format(number, number))
    assert not any("4300" in fault.detail for fault in faults)


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000])
@pytest.mark.parametrize(
    "words",
    [
        "ls --timeout {}s",
        "prune -f --reserved-space {}",
        "prune -f --max-used-space {}gb",
        "prune -f --filter until={}h",
        "create --driver-opt memory={}",
        "create --driver-opt cpu-shares={}",
        "create --driver-opt restart-policy=on-failure:{}",
        "create --driver remote tcp://localhost:{}",
        "ls --format {{{{{}}}}}",
        "build --print --set *.shm-size={}",
        "build --print --set *.ulimits=nofile={}",
        "build --print --set *.resources.memory={}",
        "build --set *.shm-size={}",
        "build --print --set *.resources.cpu-shares={}",
        "build --print --var N={}",
        "plan --set *.shm-size={}",
    ],
)
def test_commands_take_any_number_or_refuse_it(words: str, number: str, tmp_path: Path) -> None:
    """No option ends in an internal error."""
    (tmp_path / "docker-bake.hcl").write_text('variable "N" { default = 1 }\ntarget "default" {}\n')
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    environment = {"HOME": str(tmp_path), "PATH": "", "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    done = subprocess.run(
        [sys.executable, "-m", "bakepy", *words.format(number).split()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr[-500:]


def run(action: Callable[[], object]) -> None:
    """Let a definition be refused, and nothing else happen."""
    try:
        action()
    except BakeError as error:
        message = str(error)
    else:
        message = ""
    assert "4300" not in message
