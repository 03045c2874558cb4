"""The rules of the house, held by the syntax tree: what may import what, and what stands where."""

import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from analysis.pipeline.code_inputs import imported_files
from analysis.pipeline.dag import CHAPTERS, load_stages

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src"
FILES = sorted(SOURCE.rglob("*.py"))
STAGES = load_stages(REPOSITORY)
MAX_FILES = 15  # more than that are not seen at a glance
MAX_LINES = 60  # of a function; past them something wants a name
# Rooms from the floor up; each may use those before it.
FLOORS = ("contract", "cores", "progress", "drawing", "statistics", "dataset", "models")


def parts(file: Path) -> tuple[str, ...]:
    return file.relative_to(SOURCE).with_suffix("").parts


def room(file: Path) -> str:
    """A chapter, a floor, or the pipeline."""
    names = parts(file)
    if names[0] == "models":
        return "models"
    return names[min(1, len(names) - 1)]


def arrows() -> list[tuple[Path, Path]]:
    return [(file, used) for file in FILES for used in imported_files(file, SOURCE)]


def named(arrow: tuple[Path, Path]) -> str:
    return " -> ".join(".".join(parts(file)) for file in arrow)


def is_self_test(file: Path) -> bool:
    """Its subject is the checks, which it runs on what it has planted."""
    return parts(file)[1:3] == ("scrub", "self_test")


def test_there_is_no_import_circle():
    uses = {file: imported_files(file, SOURCE) for file in FILES}
    left = set(FILES)
    while ready := {file for file in left if not uses[file] & left}:
        left -= ready
    assert sorted(".".join(parts(file)) for file in left) == []


def test_no_chapter_imports_another():
    wrong = [
        named((file, used))
        for file, used in arrows()
        if room(file) in CHAPTERS and room(used) in CHAPTERS and room(file) != room(used)
        if not is_self_test(file)
    ]
    assert wrong == []


def test_a_stage_uses_another_by_its_parameters_and_kinds_of_findings_alone():
    folders = {SOURCE.joinpath(*stage.module_name.split(".")) for stage in STAGES.values()}
    wrong = [
        named((file, used))
        for file, used in arrows()
        for mine in folders & set(file.parents)
        for others in folders & set(used.parents)
        if mine != others and used.name not in {"parameters.py", "findings.py"} and not is_self_test(file)
    ]
    assert wrong == []


def test_arrows_point_down():
    height = {name: i for i, name in enumerate(FLOORS)}
    above = len(FLOORS)
    wrong = [
        named((file, used))
        for file, used in arrows()
        if room(file) in height and height.get(room(used), above) > height[room(file)]
    ]
    assert wrong == []


def test_of_the_pipeline_chapters_know_what_is_for_all_and_the_report_the_dag():
    wrong = [
        named((file, used))
        for file, used in arrows()
        if room(file) in CHAPTERS and room(used) == "pipeline" and file.name != "__main__.py"
        if (room(file), used.stem) != ("report", "dag")
    ]
    assert wrong == []


def test_nothing_imports_its_own_stage():
    wrong = [
        named((file, used))
        for file, used in arrows()
        if used.name == "stage.py" and file.name != "__main__.py" and not is_self_test(file)
    ]
    assert wrong == []


def test_parameters_import_the_contract_other_parameters_and_the_names_of_splits_only():
    wrong = [
        named((file, used))
        for file, used in arrows()
        if file.name == "parameters.py" and room(file) != "pipeline"
        if used.name != "parameters.py" and room(used) != "contract" and used.name != "splits.py"
    ]
    assert wrong == []


def test_holding_all_parameters_against_their_models_imports_nothing_heavy():
    code = (
        "import sys; from analysis.pipeline.dag import load_stages;"
        "from analysis.pipeline.parameters import read_parameters, validate;"
        "sections = validate(read_parameters(), load_stages().values());"
        "heavy = {'torch', 'scipy', 'sklearn', 'matplotlib', 'cv2', 'faiss'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy or len(sections) < 20 else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def functions_that_import_ours(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [
        f"{'.'.join(parts(file))}.{function.name}"
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OURS
    ]


OURS = {"analysis", "models"}


def test_imports_of_our_own_modules_stand_at_the_top():
    assert [name for file in FILES for name in functions_that_import_ours(file)] == []


def test_no_function_is_longer_than_a_screen():
    found = [
        f"{'.'.join(parts(file))}.{node.name}: {node.end_lineno - node.lineno + 1} lines"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > MAX_LINES
    ]
    assert found == []


def test_no_folder_of_code_holds_more_than_can_be_seen_at_a_glance():
    counts = Counter(file.parent.relative_to(REPOSITORY).as_posix() for file in FILES)
    assert {folder: n for folder, n in counts.items() if n > MAX_FILES} == {}


@pytest.mark.parametrize("name", sorted({stage.name.split("@")[0] for stage in STAGES.values()}))
def test_a_stage_has_one_name_in_every_place(name: str):
    stage = next(stage for stage in STAGES.values() if stage.name.split("@")[0] == name)
    folder = SOURCE.joinpath(*stage.module_name.split("."))
    assert folder.name == name
    assert {"__init__.py", "__main__.py", "stage.py"} <= {file.name for file in folder.glob("*.py")}
    assert (REPOSITORY / "tests" / folder.parent.name / name).is_dir()
    mine = [out for out in stage.outs if out.parts[0] == "analysis_outputs"]
    assert {out.parts[1] for out in mine} <= {name}
    assert set(stage.parameters) <= {"seed", *map_sections(stage.parameters)}


def map_sections(keys):
    """Sections of params.yaml by the names of stages, but for that of the dataset."""
    sections = {key.split(".")[0] for key in keys}
    return {key for key in keys if key.split(".")[0] in {*STAGES, "dataset", "compare_models"} & sections}


@pytest.mark.parametrize("name", sorted({stage.name.split("@")[0] for stage in STAGES.values()}))
def test_a_stage_opens_with_words_only(name: str):
    stage = next(stage for stage in STAGES.values() if stage.name.split("@")[0] == name)
    init = SOURCE.joinpath(*stage.module_name.split("."), "__init__.py")
    body = ast.parse(init.read_text(encoding="utf-8")).body
    assert [type(node) for node in body] == [ast.Expr]
    assert stage.words.splitlines()[0].endswith("?")


def definitions(name: str) -> list[str]:
    """The modules that give a name at their top level a value of its own."""
    found = []
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                found.append(".".join(parts(file)))
    return found


@pytest.mark.parametrize(
    ("name", "homes"),
    [
        ("SPLITS", ["analysis.dataset.splits"]),
        ("READABLE", ["analysis.dataset.readable"]),
        ("MEASURED", []),  # it is called READABLE
    ],
)
def test_one_fact_has_one_home(name: str, homes: list[str]):
    assert definitions(name) == homes


def test_words_that_lost_stay_gone():
    lost = {
        "charts": "figures",
        "utils": "a name for what it holds",
        "helpers": "the same",
        "common": "the same",
    }
    found = [
        f"{'.'.join(parts(file))}: say {lost[word]}"
        for file in FILES
        for word in lost
        if word in file.stem.split("_")
    ]
    assert found == []


def test_fields_of_parameters_are_annotated():
    """`key: Annotated[float, Field(ge=0)]`: a field that is assigned looks like a default."""
    found = [
        f"{'.'.join(parts(file))}:{node.lineno}"
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Call)
        if isinstance(node.value.func, ast.Name) and node.value.func.id == "Field"
    ]
    assert found == []


LOST_NAMES = {
    "find_copies": "search_copies (the search) or path_of_copy",
    "paired_difference_interval": "newcombe_interval or tango_interval",
    "did_you_mean": "nearest",
    "is_left": "is_not_dropped",
    "home_of": "cache_device_of",
    "seeded_weights": "seeded_torch",
    "find_start": "find_initial_weights",
    "Setting": "inputs, by what they are",
    "SAID": "what is said",
    "told": "found, or what was found",
    "image_id": "item_id",
    "data_quality": "duplicates",
    "test_characterization": "split_comparison",
}


def test_names_that_lost_stay_gone():
    found = [
        f"{'.'.join(parts(file))}: not {name} but {LOST_NAMES[name]}"
        for file in FILES
        for name in identifiers(ast.parse(file.read_text(encoding="utf-8"))) & LOST_NAMES.keys()
    ]
    assert found == []


def identifiers(tree: ast.AST) -> set[str]:
    """Whatever has a name in code; words of texts and comments are not among them."""
    fields = ("id", "arg", "attr", "name", "asname")
    return {getattr(node, field, None) for node in ast.walk(tree) for field in fields} - {None}


def test_what_shared_rooms_name_is_named_so_nowhere_else():
    """One word is one thing, at least where many look."""
    homes: dict[str, list[Path]] = {}
    for file in FILES:
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(file)
    twins = [
        f"{name}: {', '.join('.'.join(parts(file)) for file in files)}"
        for name, files in homes.items()
        if len(files) > 1 and name != "main" and any(room(file) not in CHAPTERS for file in files)
    ]
    assert twins == []


TEXTS = [
    *FILES,
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *sorted((REPOSITORY / "benchmarks").iterdir()),
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")),
]
ADDRESS = re.compile(r"`((?:analysis|models)(?:\.\w+)+)`")


def resolves(address: str) -> bool:
    """Whether there is such a module or package, or such a definition in one."""
    names = address.split(".")
    for n in range(len(names), 0, -1):
        place = SOURCE.joinpath(*names[:n])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if place.is_dir() or file.is_file():
            rest = names[n:]
            return not rest or (file.is_file() and rest[0] in defined_in(file))
    return False


def defined_in(file: Path) -> set[str]:
    names = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


def test_addresses_in_words_lead_somewhere():
    assert resolves("analysis.dataset.readable.readable_images")
    assert not resolves("models.image_data.readable_images")
    assert not resolves("analysis.dataset.readable.no_such_name")
    wrong = [
        f"{file.relative_to(REPOSITORY)}: {address}"
        for file in TEXTS
        if file.is_file()
        for address in ADDRESS.findall(file.read_text(encoding="utf-8"))
        if not resolves(address)
    ]
    assert wrong == []


def test_every_assignment_of_readable_statuses_is_the_one():
    """`("ok", "truncated")` written out is a second home of READABLE."""
    found = []
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Tuple | ast.List | ast.Set):
                values = {item.value for item in node.elts if isinstance(item, ast.Constant)}
                if len(node.elts) == 2 and values == {"ok", "truncated"}:
                    found.append(".".join(parts(file)))
    assert found == ["analysis.dataset.readable"]


def names_given(module: str) -> set[str]:
    """What a module of ours defines at its top level; of a package, its modules."""
    file = SOURCE.joinpath(*module.split(".")).with_suffix(".py")
    if not file.exists():
        folder = file.with_suffix("")
        return {path.stem for path in folder.glob("*.py")}
    nodes = ast.parse(file.read_text(encoding="utf-8")).body
    defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        name.id
        for node in nodes
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name)
    }
    return defined | assigned


@pytest.mark.parametrize("file", sorted((REPOSITORY / "benchmarks").glob("*.py")), ids=lambda file: file.stem)
def test_benchmarks_import_what_is_there(file: Path):
    """They need peers that no test has: that ours have moved would show on the day they are run."""
    gone = [
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS
        for alias in node.names
        if alias.name not in names_given(node.module)
    ]
    assert gone == []


def test_the_way_of_the_data_tells_of_every_stage_in_order():
    table = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", table)
    declared = re.findall(r"(?m)^  (\w+):$", (REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))
    of_stage = {stage.name.split("@")[0]: stage.chapter for stage in STAGES.values()}
    stages = [name for name in declared if name in of_stage or name == "train_recipe"]
    assert told == [(name, of_stage.get(name, "Model")) for name in stages]


@pytest.mark.parametrize("name", ["default", "slurm"])
def test_profiles_name_stages_that_are_there(name: str):
    text = (REPOSITORY / "workflow" / "profiles" / name / "config.yaml").read_text(encoding="utf-8")
    profile = yaml.safe_load(text)
    named = {stage for key in ("set-threads", "set-resources") for stage in profile[key]}
    assert named <= {stage.rule_name for stage in STAGES.values()}


def test_advice_is_of_options_that_there_are_not_of_a_file_to_edit():
    """What stages say to a person holds in a workspace of `deepsight audit` as in a checkout."""
    content = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    known = {
        f"{section}.{key}" for section, keys in content.items() if isinstance(keys, dict) for key in keys
    }
    calls = [
        (file, node)
        for file in FILES
        if room(file) != "pipeline"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    of_a_file = [
        f"{'.'.join(parts(file))}:{node.lineno}"
        for file, node in calls
        if node.func.id == "InputError" and "in params.yaml" in ast.unparse(node)
    ]
    keys = [node.args[0] for _, node in calls if node.func.id in {"to_set", "option_for"}]
    unknown = {key.value for key in keys if isinstance(key, ast.Constant)} - known
    assert (of_a_file, unknown) == ([], set())
