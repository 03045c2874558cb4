"""Every command that a page, a comment in params.yaml or a message gives is one that works.

Each is held against the parser of its own program, and its settings, stages, files and targets against ours.
What is cheap is run, where a person would run it: in the workspace of an audit.
"""

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from analysis.comparison import command as comparison
from analysis.comparison import verification
from analysis.pipeline import command_line
from analysis.pipeline.dag import load_stages
from analysis.pipeline.workspace import check_settings

REPOSITORY = Path(__file__).parents[1]
PAGES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/README.md", "params.yaml")),
    *sorted((REPOSITORY / "docs").glob("*.md")),
]
MESSAGES = sorted((REPOSITORY / "src").rglob("*.py"))
PROGRAMS = ("deepsight", "dvc", "snakemake", "make", "python")
STARTS = re.compile(rf"(?:[A-Z_]+=\S+ )*(?:\S*/)?(?:{'|'.join(PROGRAMS)}) (?=\S)")
QUOTED = re.compile(r"`([^`]+)`")
SETTING = re.compile(r"--set ('[^']+'|[\w.]+=[^\s.,;:)`]+)")
BARE_SETTING = re.compile(r"[a-z_]+(?:\.[a-z_]+)+=\S+")
NAMES = ("deepsight audit", "dvc exp", "dvc exp run -S")  # of commands, in sentences about them
UNKNOWN = "\x00"  # where a message fills in a value
STAGES = load_stages(REPOSITORY)


# ---- where commands stand --------------------------------------------------------------------------------


def commands_of_page(text: str) -> Iterator[str]:
    """Those of indented blocks, whose lines may go on after a backslash, and those in back-quotes."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("    "):
            command, *alternative = line.split("# ")[0].split(" && "), *line.split("or: ")[1:]
            yield from (word.strip() for word in (*command, *alternative))
        yield from QUOTED.findall(line)


def texts_of_module(source: str) -> Iterator[str]:
    """Strings, with `UNKNOWN` for what is filled in; those within an f-string are parts of it."""
    tree = ast.parse(source)
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else UNKNOWN for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in within:
            yield node.value


@cache
def messages() -> list[tuple[str, str]]:
    """Every string of every module, and the module's name."""
    return [
        (module.name, text)
        for module in MESSAGES
        for text in texts_of_module(module.read_text(encoding="utf-8"))
    ]


@cache
def documented() -> dict[str, str]:
    """Commands as they stand, and where."""
    found = {}
    for page in PAGES:
        for command in commands_of_page(page.read_text(encoding="utf-8")):
            if STARTS.match(command.strip()):
                found.setdefault(" ".join(command.split()), page.name)
    for place, text in messages():
        for command in QUOTED.findall(" ".join(text.split())):
            if STARTS.match(command) and UNKNOWN not in command:
                found.setdefault(command, place)
    return {command: place for command, place in found.items() if "<" not in command and command not in NAMES}


def documented_settings() -> dict[str, str]:
    """`--set KEY=VALUE` or a quoted KEY=VALUE, and where; a value that is filled in is another matter."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        bare = [quoted for quoted in QUOTED.findall(text) if BARE_SETTING.fullmatch(quoted)]
        for setting in (*SETTING.findall(text), *bare):
            found.setdefault(shlex.split(setting)[0], page.name)
    for place, text in messages():
        for setting in SETTING.findall(text):
            if UNKNOWN not in setting:
                found.setdefault(shlex.split(setting)[0], place)
    return found


# ---- what holds of each program's --------------------------------------------------------------------------


def check_deepsight(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["photos" if word == "--help" else word for word in words]  # which would end the test
    programs = {"compare": comparison.compare_parser, "verify": verification.verify_parser}
    if words[0] in programs:
        programs[words[0]]().parse_args(words[1:])
        return
    monkeypatch.setattr(sys, "argv", ["deepsight", *words])
    arguments = command_line._parse_arguments()
    check_pairs(getattr(arguments, "set", []))
    for name in getattr(arguments, "only", None) or []:
        command_line._stages_named(name, STAGES)


def check_pairs(pairs: list[str]) -> None:
    check_settings(REPOSITORY, command_line._settings(pairs), home=REPOSITORY)


def check_dvc(words: list[str]) -> None:
    from dvc.cli.parser import get_main_parser

    arguments = get_main_parser().parse_args(words)
    if words[0] in ("repro", "commit"):
        for target in arguments.targets or []:
            command_line._stages_named(target, STAGES)
    if words[:2] == ["exp", "run"]:
        check_pairs(arguments.set_param or [])


def check_snakemake(words: list[str]) -> None:
    from snakemake.cli import get_argument_parser

    arguments = get_argument_parser([]).parse_args(words)
    for target in arguments.targets:
        command_line._stages_named(target, STAGES)
    profile = arguments.workflow_profile
    assert profile is None or (REPOSITORY / profile).is_dir(), profile


def check_make(words: list[str]) -> None:
    said = subprocess.run(
        ["make", "--dry-run", *words], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


def check_python(words: list[str]) -> None:
    if words[0] != "-m":
        assert (REPOSITORY / words[0]).is_file(), words[0]
        text = (REPOSITORY / words[0]).read_text(encoding="utf-8")
        options = [word for word in words[1:] if word.startswith("--")]
        assert [option for option in options if f'"{option}"' not in text] == []
        return
    assert importlib.util.find_spec(words[1]) is not None, words[1]


def check(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command, comments=True)
    while re.fullmatch(r"[A-Z_]+=\S+", words[0]):
        words.pop(0)
    program, *words = Path(words[0]).name, *words[1:]
    if program == "deepsight":
        check_deepsight(words, monkeypatch)
    else:
        {"dvc": check_dvc, "snakemake": check_snakemake, "make": check_make, "python": check_python}[program](
            words
        )


@pytest.mark.parametrize("command", sorted(documented()))
def test_documented_command_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check(command, monkeypatch)


@pytest.mark.parametrize("setting", sorted(documented_settings()))
def test_documented_setting_is_valid(setting: str) -> None:
    check_pairs([setting])


@pytest.mark.parametrize(
    "command",
    [
        "deepsight audit photos --set baseline_resnet.epoch=30",
        "deepsight audit photos --set baseline_resnet.epochs=many",
        "deepsight audit photos --only duplicate",
        "deepsight audits photos",
        "deepsight compare main --fail-at accuracy",
        "dvc repro scans",
        "dvc exp run -S clean.aply=true",
        "dvc metric diff",
        "snakemake --cores all compare_model",
        "snakemake --core-count all",
        "make reports",
        "python -m analysis.obtain.scans",
        "python benchmarks/duplicate.py",
        "python benchmarks/duplicates.py cifar10 --peer x",
    ],
)
def test_slip_in_a_command_is_seen(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises((Exception, SystemExit)):
        check(command, monkeypatch)


def test_commands_are_found_where_they_stand() -> None:
    found = documented()
    assert found["deepsight audit photos --decisions FILE"] == "README.md"
    assert found["dvc exp run -S clean.apply=true"]
    assert set(found.values()) >= {"README.md", "training.md", "findings.py"}
    assert list(commands_of_page("    dvc repro && dvc exp show\n    make \\\n    lint\nsee `make x`")) == [
        "dvc repro",
        "dvc exp show",
        "make      lint",
        "make x",
    ]
    text = 'f"take `dvc repro {name}` or " "--set a.b=1."\n"--set \'c.d=[1]\'"'
    assert [SETTING.findall(part) for part in texts_of_module(text)] == [["a.b=1"], ["'c.d=[1]'"]]


def test_messages_and_parameters_ask_for_no_git() -> None:
    """They are read in the workspace of an audit, which is under none."""
    needs_git = re.compile(r"`dvc (?:exp|params|plots diff|metrics diff)[^`]*`")
    texts = {
        place: text
        for place, text in messages()
        if needs_git.search(text) and "as `dvc exp run -S` takes them" not in text
    }
    assert texts == {}
    assert needs_git.findall((REPOSITORY / "params.yaml").read_text(encoding="utf-8")) == []


# ---- in a workspace --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cheap_commands_run_in_the_workspace_of_an_audit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(
                tmp_path / "photos" / label / f"{i}.png"
            )
    deepsight = [sys.executable, "-c", "from analysis.pipeline.command_line import main; main()"]
    workspace = tmp_path / "audits" / "photos"

    def run(*words: str, cwd: Path) -> str:
        said = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout + said.stderr

    said = run(*deepsight, "audit", "photos", "--dry-run", "--set", "baseline_resnet.epochs=30", cwd=tmp_path)
    assert "cat" in said
    assert "10 images" in said
    assert yaml.safe_load((workspace / "params.yaml").read_text())["baseline_resnet"]["epochs"] == 30
    assert "scan" in run(*deepsight, "stages", "audits/photos", cwd=tmp_path)
    assert "scan" in run(sys.executable, "-m", "dvc", "status", cwd=workspace)
    assert "scan" in run(sys.executable, "-m", "snakemake", "-n", cwd=workspace)
