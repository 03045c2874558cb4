"""What each stage's last run took, and by which code: a memory that no result depends on."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

from analysis.contract import Artifacts
from analysis.pipeline.dag import STATE_DIR, Stage
from analysis.pipeline.outputs import write_json


def recipe_of(stage: Stage) -> str:
    """Digest of everything but the data that decides a stage's result: its code and its parameters."""
    digest = hashlib.blake2b(digest_size=16)
    for dep in sorted(dep for dep in stage.deps if stage.is_code(dep)):
        files = [dep]
        if dep.is_dir():
            files = sorted(file for file in dep.rglob("*") if "__pycache__" not in file.parts)
        for file in files:
            digest.update(file.as_posix().encode() + b"\0" + (file.read_bytes() if file.is_file() else b""))
    digest.update(json.dumps(stage.parameters, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "blake2b").hexdigest()


def record_run(stage: Stage, artifacts: Artifacts, seconds: float, *, reusable: list[Path]) -> None:
    """Remember a run outside its outputs: were the code's digest in them, a new comment would change them."""
    folder = STATE_DIR / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "seconds": round(seconds, 2),
        "finished": time.strftime("%Y-%m-%d %H:%M:%S"),
        "summary": artifacts.summary,
        "recipe": recipe_of(stage),
        "contents": {out.as_posix(): digest_of(out) for out in reusable},
    }
    partial = folder / f"{stage.name}.partial"
    write_json(partial, record)
    partial.replace(folder / f"{stage.name}.json")


def read_run_records() -> dict[str, dict[str, Any]]:
    """What each stage's last run in this workspace took, by stage name."""
    files = sorted((STATE_DIR / "runs").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
