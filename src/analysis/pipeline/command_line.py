"""`deepsight`: audits a folder or a CSV of images, for people who know neither DVC nor Snakemake.

It makes a workspace, writes into its params.yaml where the dataset is, and calls an engine there. What is
done, and what need not be done again, is the engine's business.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import yaml

from analysis.contract import InputError, nearest
from analysis.cores import available_cores
from analysis.dataset.decisions import DECISIONS_FILE, take_over
from analysis.pipeline.dag import CHAPTERS, Stage, and_after, load_stages
from analysis.pipeline.dataset_tree import first_unhashable, unhashable_inputs
from analysis.pipeline.parameters import PARAMETERS_FILE, read_parameters
from analysis.pipeline.stale import stale_stages
from analysis.pipeline.workspace import (
    check_settings,
    is_workspace,
    prepare_workspace,
    settings_for,
    write_parameters,
)

HOME = Path(__file__).resolve().parents[3]  # the repository
DESCRIPTION = (
    "Audits a labelled image dataset: what is broken, odd, duplicated or mislabelled, and what to do first."
)
# commands that are programs of their own, as they read tables, which takes a second to import
PROGRAMS = {"compare": "analysis.comparison", "verify": "analysis.comparison.verification"}
REPORT = Path("analysis_outputs", "report", "index.html")


def main() -> None:
    if program := PROGRAMS.get("".join(sys.argv[1:2])):
        sys.exit(subprocess.run([sys.executable, "-m", program, *sys.argv[2:]], check=False).returncode)
    arguments = _parse_arguments()
    try:
        sys.exit(arguments.run(arguments))
    except InputError as error:
        sys.exit(f"deepsight: {error}")
    except OSError as error:
        sys.exit(f"deepsight: cannot read or write {error.filename}: {error.strerror}.")
    except KeyboardInterrupt:  # which the engine has been sent as well
        sys.exit(130)


def audit(arguments: argparse.Namespace) -> int:
    """Audit a dataset in a workspace of its own. Returns the engine's exit code."""
    dataset = arguments.path.expanduser().resolve()
    if not dataset.exists():
        raise InputError(
            f"{arguments.path} does not exist; name a folder of images, or a CSV that lists some."
        )
    name = dataset.stem if dataset.is_file() else dataset.name  # `photos.v1` and `photos.v2` are two
    workspace = (arguments.out or Path("audits", name)).absolute()
    if dataset in (workspace, *workspace.parents):
        raise InputError(
            f"{workspace} lies in the dataset, which is to stay as it is; give --out another folder."
        )
    watched = _set_up(
        workspace, dataset, is_named=arguments.out is not None, settings=_settings(arguments.set)
    )
    if arguments.decisions:
        n = take_over(arguments.decisions, workspace / DECISIONS_FILE)
        print(f"Taken over into {workspace / DECISIONS_FILE}: {n:,} new decisions.", flush=True)
    stages = load_stages(workspace)
    names = ["prepare"] if arguments.dry_run else arguments.only
    targets = [stage for name in names for stage in _stages_named(name, stages)]
    code = _run_engine(arguments.engine or _engine_for(watched), workspace, targets)
    if (workspace / REPORT).exists():
        print(f"Report: {workspace / REPORT}")
    return code


def _set_up(workspace: Path, dataset: Path, *, is_named: bool, settings: dict[str, Any]) -> Path:
    """Make the workspace audit the dataset. Returns the folder that holds every image."""
    base = workspace if is_workspace(workspace) else HOME
    section = read_parameters(base)["dataset"]
    if base == workspace and not is_named and section["path"] != str(dataset):
        raise InputError(
            f"{workspace} is the audit of {section['path']}; give --out a folder for that of {dataset}."
        )
    settings = settings_for(dataset, section, settings)
    is_changed = check_settings(base, settings, home=HOME)  # before anything is written
    watched = dataset if dataset.is_dir() else Path(settings["dataset.image_root"])
    if watched in workspace.parents:
        raise InputError(
            f"{workspace} lies in {watched}, where images lie that {dataset.name} names: DVC watches that "
            "folder as a whole, and the results would be in it. Give --out a folder outside, such as "
            f"--out ~/audits/{dataset.stem}."
        )
    prepare_workspace(workspace, HOME)
    added = write_parameters(workspace, settings, home=HOME) if is_changed else []
    if added:
        print(
            f"New settings, added to {workspace / PARAMETERS_FILE} with their defaults: {', '.join(added)}."
        )
    return watched


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise InputError(f"--set {pair}: expected KEY=VALUE, such as --set baseline_resnet.epochs=5.")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {pair}: the value is not valid YAML; put it in quotes.") from error
    return settings


def _stages_named(name: str, stages: dict[str, Stage]) -> list[Stage]:
    """The stage of that name, or all that a `foreach` or `matrix` of that name makes."""
    named = [stage for stage in stages.values() if name in (stage.name, stage.name.split("@")[0])]
    if not named:
        raise InputError(f"there is no stage '{name}'{nearest(name, list(stages))}.")
    return named


def _engine_for(watched: Path) -> str:
    problem = first_unhashable(watched)
    if problem:
        print(f"Running under Snakemake, because DVC cannot hash this dataset: {problem}.", flush=True)
    return "snakemake" if problem else "dvc"


def _run_engine(engine: str, workspace: Path, targets: list[Stage]) -> int:
    if engine == "dvc":
        words = ["analysis.pipeline.reproduce", *(stage.name for stage in targets)]
    else:
        words = ["snakemake", "--cores", str(available_cores()), *(stage.rule_name for stage in targets)]
    # stages are run as `python …`: let that be this one, whether or not its environment is activated
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    environment = os.environ | {"PATH": path}
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=workspace, env=environment, check=False
    ).returncode


def list_stages(arguments: argparse.Namespace) -> int:
    """Print every stage with what it answers and, where any has run, whether it is up to date."""
    workspace = arguments.workspace or (Path() if is_workspace(Path()) else HOME)
    stages = load_stages(workspace)
    states = _states(workspace, stages)
    width = max(map(len, stages))
    for chapter in CHAPTERS.values():
        members = [stage for stage in stages.values() if stage.chapter == chapter]
        if members:
            print(chapter)
        for stage in members:
            print(f"  {stage.name:<{width}}  {stage.description}{states.get(stage.name, '')}")
    return 0


def _states(workspace: Path, stages: dict[str, Stage]) -> dict[str, str]:
    if not (workspace / "dvc.lock").exists():
        return {}
    unhashable = unhashable_inputs(stages, workspace)
    stale = stale_stages(workspace, except_for=unhashable)
    waiting = and_after(stages, stale)
    states = dict.fromkeys(stages, " [up to date]")
    states |= dict.fromkeys(waiting, " [after a stale one]")
    states |= dict.fromkeys(unhashable, " [not recorded]")
    return states | {name: f" [stale: {reason}]" for name, reason in stale.items()}


def open_report(arguments: argparse.Namespace) -> int:
    """Open a workspace's report in a browser and print where it is."""
    report = (arguments.workspace / REPORT).absolute()
    if not report.exists():
        raise InputError(
            f"there is no report in {arguments.workspace.absolute()}; run `deepsight audit` first."
        )
    print(report)
    webbrowser.open(report.as_uri())
    return 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="deepsight", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=importlib.metadata.version("deepsight"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_audit(commands)

    stages = commands.add_parser("stages", help="list what an audit consists of and what each part answers")
    stages.add_argument(
        "workspace", type=Path, nargs="?", help="the folder of an audit, to see what in it is stale"
    )
    stages.set_defaults(run=list_stages)

    commands.add_parser("compare", help="tell what a change did, and whether it is more than luck")
    commands.add_parser("verify", help="run stages again and hold what they make against what is recorded")

    report = commands.add_parser("open", help="open the report of an audit in a browser")
    report.add_argument(
        "workspace", type=Path, nargs="?", default=Path(), help="its folder (default: this one)"
    )
    report.set_defaults(run=open_report)
    return parser.parse_args()


def _add_audit(commands: Any) -> None:
    text = "Audit a dataset. It is only ever read; settings and results stand in a folder of their own."
    command = commands.add_parser("audit", help="audit a dataset and write a report", description=text)
    command.add_argument(
        "path",
        type=Path,
        help="a folder with one folder of images a class (perhaps within train, val and test folders), "
        "or a CSV with the columns path and label (and perhaps split)",
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="the audit's folder (default: audits/<name of PATH>)"
    )
    command.add_argument(
        "--engine",
        choices=["dvc", "snakemake"],
        help="what runs it (default: dvc, if it can hash the dataset)",
    )
    command.add_argument(
        "--only",
        nargs="+",
        action="extend",
        default=[],
        metavar="STAGE",
        help="run these and what they need (see deepsight stages)",
    )
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="only say what the dataset was taken for: its classes, its splits, what is left out",
    )
    command.add_argument(
        "--decisions",
        type=Path,
        metavar="FILE",
        help="first append the decisions that the report exported to those in the audit's folder",
    )
    command.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="first change params.yaml in the audit's folder, such as baseline_resnet.epochs=5",
    )
    command.set_defaults(run=audit)
