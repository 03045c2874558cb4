"""Runs one stage: `python -m analysis.<chapter>.<stage>` in a workspace.

The runner looks the stage up in `dvc.yaml` by its command and fills the function's arguments by name:

- the stem of a declared input: the table (`.parquet`, `.csv`), array (`.npy`) or `metrics.json` content;
  for any other kind of file and for a folder, its path. Where several files share a stem, the name of their
  folder comes before it: `quality_checks_findings`;
- `parameters`: the stage's own section of params.yaml; any other section or key by its name, a dotted key
  (`baseline_resnet.input_px`) by its last part;
- the stem of a declared output that is a folder or a file that the runner cannot write (such as `.pt`): a
  path to write to, moved into place when the stage has succeeded;
  It is None if this dataset gave nothing to judge to the stage that makes it and the argument's default is
  None; a function whose argument has no default is not called then, and its stage is left out as well;
- `previous_<stem>`: what the stage's last run with the same code and parameters left in that output, or
  None;
- `arguments`: the words after the module in the stage's command, by which stages of one `matrix` differ;
- `root`: the folder that the images' paths start from, which CSV outputs leave out of them;
- `memory`: a folder that outlives the run, for what spares work and changes no result;
- `inputs`: every declared input that is data, as paths by stem; `tables`: the same, read;
- `outputs`: every declared output, as the path at which it will lie, by stem;
- `stages`: the DAG; `run_records`: what each stage's last run here took; for the report.

It writes what the returned `Artifacts` hold to the declared outputs, all of them to temporary names first.
Where the function raises `NothingToJudgeError`, they hold the reason (see `analysis.pipeline.unjudged`).
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from typing import Any

from analysis.contract import Artifacts, InputError, NothingToJudgeError
from analysis.dataset.root import root_of
from analysis.pipeline.arguments import Arguments
from analysis.pipeline.dag import Stage, load_stages
from analysis.pipeline.outputs import OutputWriter
from analysis.pipeline.parameters import read_parameters, validate
from analysis.pipeline.run_records import record_run


def run_stage(function: Callable[..., Any]) -> None:
    """A stage's main program. Exits with 1 and one sentence if the input needs mending."""
    try:
        _run(function)
    except InputError as error:
        sys.exit(f"{function.__name__}: {error}")
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        sys.exit(
            f"{function.__name__}: cannot read or write{place}: {error.strerror or error}. Earlier outputs "
            "are as they were; make room or give access, then run again."
        )


def _run(function: Callable[..., Any]) -> None:
    started = time.perf_counter()
    stages = load_stages()
    stage = _find(function, stages)
    content = read_parameters()
    sections = validate(content, stages.values())
    writer = OutputWriter(stage, root=root_of(content.get("dataset", {})))
    arguments = Arguments(stage, stages, content, sections, writer)
    try:
        artifacts = _judged(function, arguments, writer)
        reusable = arguments.reusable(function)
    except NothingToJudgeError as reason:
        artifacts, reusable = writer.write_reason(str(reason)), []
    seconds = time.perf_counter() - started
    record_run(stage, artifacts, seconds, reusable=reusable)
    said = f"{artifacts.summary}, since {artifacts.unjudged}" if artifacts.unjudged else artifacts.summary
    print(f"{stage.name}: {said}, {seconds:.1f} s", flush=True)
    if artifacts.failure:
        raise InputError(artifacts.failure)


def _judged(function: Callable[..., Any], arguments: Arguments, writer: OutputWriter) -> Artifacts:
    result = function(**arguments.fill(function))
    artifacts = writer.drain(result) if inspect.isgenerator(result) else result
    writer.write(artifacts)
    return artifacts


def _find(function: Callable[..., Any], stages: dict[str, Stage]) -> Stage:
    module = inspect.getmodule(function)
    if module is None or module.__spec__ is None:
        raise InputError("a stage runs as a module: python -m analysis.<chapter>.<stage>")
    wanted = [module.__spec__.name.removesuffix(".stage"), *sys.argv[1:]]
    for stage in stages.values():
        words = stage.command.split()
        if words[words.index("-m") + 1 :] == wanted:
            return stage
    raise InputError(
        f"no stage in dvc.yaml runs 'python -m {' '.join(wanted)}' (stages: {', '.join(stages)})"
    )
