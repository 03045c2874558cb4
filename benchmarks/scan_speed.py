"""How fast is the scan, beside cleanvision and imagededup, and how much memory does it take?

    python benchmarks/scan_speed.py --peers PYTHON --small FOLDER --full FOLDER

`--peers` is the Python of an environment of its own with cleanvision and imagededup, `--small` a folder of
small JPEG files such as CIFAR-10's test images, `--full` a larger one, for what concerns DeepSight alone.
benchmarks/README.md says how to get them. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
N_PHOTOGRAPHS = 400
N_WARM_UP = 64
SAMPLE_SECONDS = 0.1  # between two looks at the memory of all processes

# Each program scans a folder of a few images to warm up, so that neither imports nor the start of a process
# pool are compared, then the folder it is asked for; it prints the seconds that took.
DEEPSIGHT, CLEANVISION, IMAGEDEDUP = "DeepSight scan", "cleanvision, default checks", "imagededup, PHash"
PROGRAMS = {
    DEEPSIGHT: """
import pandas as pd
from pathlib import Path
from analysis.obtain.scan.stage import scan

def check(folder):
    paths = sorted(Path(folder).rglob("*.jpg"))
    manifest = pd.DataFrame([(str(path), path.stat().st_size) for path in paths], columns=["path", "bytes"])
    for part in scan(manifest.assign(item_id=manifest.index, content_hash=None, status="ok")):
        assert (part["scan"]["status"] == "ok").all()
""",
    CLEANVISION: """
from cleanvision import Imagelab

def check(folder):
    Imagelab(data_path=folder, verbose=False).find_issues(verbose=False)
""",
    IMAGEDEDUP: """
from imagededup.methods import PHash

def check(folder):
    PHash(verbose=False).encode_images(folder, recursive=True)
""",
}
MAIN = """
import sys, time
check(sys.argv[1])
started = time.perf_counter()
check(sys.argv[2])
print("seconds", time.perf_counter() - started)
"""


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.peers and arguments.small:
            compare(arguments, Path(scratch))
        if arguments.full:
            measure_full(arguments.full, Path(scratch), arguments.runs)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--peers", type=Path, help="Python of an environment with cleanvision and imagededup")
    parser.add_argument("--small", type=Path, help="folder of small JPEG files")
    parser.add_argument("--photographs", type=Path, help="folder of JPEG photographs (default: made ones)")
    parser.add_argument("--full", type=Path, help="larger folder, class folders within split folders or not")
    parser.add_argument("--runs", type=int, default=5, help="of which the median is taken (default: 5)")
    return parser.parse_args()


# ---- beside others ----------------------------------------------------------------------------------------


def compare(arguments: argparse.Namespace, scratch: Path) -> None:
    photographs = arguments.photographs or make_photographs(scratch / "made photographs")
    print(f"\n{machine()}. {versions(sys.executable, 'pillow numpy opencv-python-headless')};")
    print(f"{versions(arguments.peers, 'cleanvision imagededup pillow numpy')}.")
    print(
        f"Images a second (median of {arguments.runs} runs in turn), most memory of all processes together,"
    )
    print("and how many times as fast as cleanvision:\n")
    print("| images | " + " | ".join(PROGRAMS) + " |")
    print("|---|" + "---|" * len(PROGRAMS))
    for folder in (arguments.small, photographs):
        warm_up = copy_some(folder, scratch / f"warm-up {folder.name}")
        commands = {
            name: [
                sys.executable if name == DEEPSIGHT else str(arguments.peers),
                "-c", code + MAIN, str(warm_up), str(folder),
            ]
            for name, code in PROGRAMS.items()
        }  # fmt: skip
        print(comparison_row(folder, commands, arguments.runs), flush=True)


def machine() -> str:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return f"{n_cores()} cores of {models[0].split(': ')[1] if models else platform.machine()}"


def versions(python: str | Path, packages: str) -> str:
    code = (
        "import sys, importlib.metadata as m; print(*(f'{p} {m.version(p)}' for p in sys.argv[1:]), sep=', ')"
    )
    command = [str(python), "-c", code, *packages.split()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def comparison_row(folder: Path, commands: dict[str, list[str]], n_runs: int) -> str:
    n_images = sum(1 for _ in folder.rglob("*.jpg"))
    peaks = {name: peak_memory(command) for name, command in commands.items()}
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(n_runs):
        for name, command in commands.items():
            seconds[name].append(reported_seconds(command))
    rates = {name: n_images / statistics.median(values) for name, values in seconds.items()}
    cells = [
        f"{rates[name]:,.0f} /s, {peaks[name] / 2**20:,.0f} MiB, {rates[name] / rates[CLEANVISION]:.1f}×"
        for name in commands
    ]
    return f"| {n_images:,} JPEG, {usual_size(folder)} | " + " | ".join(cells) + " |"


def usual_size(folder: Path) -> str:
    sizes = []
    for path in folder.rglob("*.jpg"):
        with Image.open(path) as image:
            sizes.append(image.size)
    width, height = np.median(sizes, axis=0).astype(int)
    return f"{width}×{height} (median)"


def reported_seconds(command: list[str]) -> float:
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("seconds ")]
    return float(line.split()[1])


def copy_some(folder: Path, target: Path) -> Path:
    target.mkdir()
    for i, path in enumerate(sorted(folder.rglob("*.jpg"))[:N_WARM_UP]):
        shutil.copy(path, target / f"{i}.jpg")
    return target


def make_photographs(folder: Path) -> Path:
    """JPEG files of about 500×600 pixels, cut from the two photographs that come with scikit-learn.

    Each is another piece at another scale, exposure and orientation, with a camera's noise, at quality 90.
    """
    from sklearn.datasets import load_sample_images

    rng = np.random.default_rng(0)
    sources = [Image.fromarray(image) for image in load_sample_images().images]  # 640 × 427
    folder.mkdir()
    for i in range(N_PHOTOGRAPHS):
        source = sources[i % 2]
        height = rng.uniform(300, source.height)
        width = height * 5 / 6
        left, upper = rng.uniform(0, source.width - width), rng.uniform(0, source.height - height)
        size = (int(rng.integers(480, 521)), int(rng.integers(580, 621)))
        piece = source.resize(size, Image.Resampling.BICUBIC, (left, upper, left + width, upper + height))
        pixels = np.asarray(piece) * rng.uniform(0.7, 1.2) + rng.normal(0, 4, (size[1], size[0], 3))
        pixels = pixels[:, :: rng.choice([-1, 1])]
        picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        picture.save(folder / f"{i:03}.jpg", quality=90)
    return folder


# ---- DeepSight by itself ----------------------------------------------------------------------------------


def measure_full(folder: Path, scratch: Path, n_runs: int) -> None:
    """The stage as a user runs it: process start, reading and writing included."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    rng = np.random.default_rng(0)
    rng.shuffle(paths)
    print(f"\n{machine()}. The stage `scan` as a whole, from its command's start to its end:\n")
    print("| images | seconds (median) | images a second | peak memory of all processes |")
    print("|---|---|---|---|")
    for n in (len(paths) // 4, len(paths) // 2, len(paths)):
        workspace = make_workspace(scratch / f"{n}", folder, paths[:n])
        command = stage_command("scan")
        peak = peak_memory(command, workspace)
        seconds = statistics.median(timed(command, workspace, forget=True) for _ in range(n_runs))
        print(f"| {n:,} | {seconds:.1f} | {n / seconds:,.0f} | {peak / 2**20:,.0f} MiB |", flush=True)
    measure_growth(folder, paths, scratch, whole_seconds=seconds)


def measure_growth(folder: Path, paths: list[Path], scratch: Path, *, whole_seconds: float) -> None:
    known = len(paths) * 99 // 100
    workspace = make_workspace(scratch / "growing", folder, paths[:known])
    timed(stage_command("scan"), workspace)
    unchanged = timed(stage_command("scan"), workspace)
    link(paths[known:], folder, workspace / "images")
    timed(stage_command("prepare"), workspace)
    grown = timed(stage_command("scan"), workspace)
    share = (grown - unchanged) / (whole_seconds - unchanged)
    print(f"\n{known:,} images known, {len(paths) - known:,} added: {grown:.2f} s, {share:.1%} of the work.")
    print(f"(All of them from nothing: {whole_seconds:.2f} s; nothing new: {unchanged:.2f} s.)")


def make_workspace(workspace: Path, folder: Path, paths: list[Path]) -> Path:
    """A folder in which the stages run as in the repository, on links to some of the images."""
    workspace.mkdir()
    link(paths, folder, workspace / "images")
    for name in ("src", "dvc.yaml"):
        (workspace / name).symlink_to(REPOSITORY / name)
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    content["dataset"].update(source="folder", path="images")
    (workspace / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--no-scm", "--quiet"], cwd=workspace, check=True)
    timed(stage_command("prepare"), workspace)
    return workspace


def link(paths: list[Path], folder: Path, target: Path) -> None:
    for path in paths:
        place = target / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.hardlink_to(path)
        except OSError:  # another file system
            shutil.copy(path, place)


def stage_command(stage: str) -> list[str]:
    return [sys.executable, "-m", f"analysis.obtain.{stage}"]


def timed(command: list[str], workspace: Path, *, forget: bool = False) -> float:
    if forget:
        (workspace / "data" / "scan.parquet").unlink(missing_ok=True)
    started = time.perf_counter()
    result = subprocess.run(command, cwd=workspace, capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr)
    return time.perf_counter() - started


# ---- memory -----------------------------------------------------------------------------------------------


def peak_memory(command: list[str], workspace: Path | None = None) -> int:
    """Most bytes that a command and all of its processes held at once, shared pages counted once (PSS)."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    peak = 0
    with subprocess.Popen(command, cwd=workspace, start_new_session=True, **quiet) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(proportional_set_size, session_members(process.pid))))
            time.sleep(SAMPLE_SECONDS)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def session_members(session: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if session_of(pid) == session]


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:  # ended since it was listed
        return None


def proportional_set_size(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # ended since it was listed
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def n_cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
