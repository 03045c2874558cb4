"""`deepsight`, with the engines' toy pipeline in place of the real one."""

import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest
import yaml

from analysis.dataset.decisions import COLUMNS, read_decisions
from analysis.pipeline import command_line

REPOSITORY = Path(__file__).resolve().parents[2]
ALL = ["collect", "measure@letters", "measure@vowels-only", "report"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Stands for the repository; the tests work in a folder beside it."""
    home = tmp_path / "home"
    shutil.copytree(REPOSITORY / "tests" / "engines" / "toy", home)
    shutil.copy(REPOSITORY / ".dvcignore", home)
    (home / ".dvc").mkdir()
    (home / ".dvc" / "config").write_text("[core]\n    no_scm = True\n")
    (home / "workflow").symlink_to(REPOSITORY / "workflow")
    monkeypatch.setattr(command_line, "HOME", home)
    monkeypatch.setenv("PYTHONPATH", f"{home / 'src'}{os.pathsep}{REPOSITORY / 'src'}")
    monkeypatch.syspath_prepend(home / "src")  # as the installed package is
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no environment is activated
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return home


@pytest.fixture
def texts(home):
    """Somebody's own dataset, at a path with a space and an umlaut."""
    folder = home.parent / "my täxts"
    shutil.copytree(home / "texts", folder)
    return folder


@pytest.fixture
def deepsight(home, monkeypatch, capfd):
    """Call it as from a shell: exit code and all that was printed, by the engine too."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["deepsight", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            command_line.main()
        code = stopped.value.code
        printed = capfd.readouterr()
        said = code if isinstance(code, str) else ""
        return (1 if said else code or 0), printed.out + printed.err + said

    return call


def ran(output):
    return sorted(
        name for name in ALL if f"\n{name}: " in f"\n{output}" and f"{name}: unchanged" not in output
    )


def files(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.slow
def test_audit_runs_everything_in_a_workspace_and_leaves_the_data_alone(deepsight, texts):
    before = files(texts)
    code, output = deepsight("audit", texts)
    workspace = Path("audits/my täxts").absolute()
    assert code == 0, output
    assert ran(output) == ALL
    assert output.rstrip().endswith(f"Report: {workspace}/analysis_outputs/report/index.html")
    assert files(texts) == before
    assert (workspace / "data" / "items.parquet").exists()

    (workspace / "params.yaml").write_text(
        (workspace / "params.yaml").read_text().replace("at_least: 0", "at_least: 4  # my own remark")
    )
    code, output = deepsight("audit", texts, "--engine", "snakemake")
    assert ran(output) == [*ALL[1:3], "report"]
    assert "# my own remark" in (workspace / "params.yaml").read_text()
    assert "# a comment that stays" in (workspace / "params.yaml").read_text()

    code, output = deepsight("audit", texts)
    assert (code, ran(output)) == (0, [])


@pytest.mark.slow
def test_audit_is_quiet_but_for_what_the_stages_say(deepsight, texts):
    _, output = deepsight("audit", texts)
    *said, report = output.splitlines()
    assert [line.split(": ")[0] for line in said] == ALL
    assert report.startswith("Report: ")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["dvc", "snakemake"])
def test_only_runs_the_stages_named_and_what_they_need(deepsight, texts, engine):
    code, output = deepsight("audit", texts, "--only", "measure@vowels-only", "--engine", engine)
    assert (code, ran(output)) == (0, ["collect", "measure@vowels-only"])
    assert "Report:" not in output


@pytest.mark.slow
def test_only_takes_a_whole_matrix_by_its_name(deepsight, texts):
    _, output = deepsight("audit", texts, "--only", "measure", "--out", "here")
    assert ran(output) == ALL[:3]


@pytest.mark.slow
def test_failure_of_the_engine_is_passed_on(deepsight, texts):
    code, output = deepsight("audit", texts, "--set", "measure.at_least=many")
    assert code != 0
    assert "'measure.at_least' is 'many'" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_dataset_that_dvc_cannot_hash_runs_under_snakemake(deepsight, texts):
    (texts / "gone.txt").symlink_to("nowhere")
    code, output = deepsight("audit", texts)
    assert code == 0, output
    assert "Running under Snakemake" in output
    assert "gone.txt is a link that leads nowhere" in output
    assert ran(output) == ALL


@pytest.mark.slow
def test_audit_within_a_git_repository_leaves_that_alone(deepsight, texts):
    subprocess.run(["git", "init", "-q"], check=True)
    code, output = deepsight("audit", texts, "--only", "collect")
    assert code == 0, output
    staged = subprocess.run(["git", "diff", "--cached", "--name-only"], check=True, capture_output=True)
    assert staged.stdout == b""
    assert not Path(".gitignore").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere does not exist"),
        (["{texts}", "--only", "collct"], "there is no stage 'collct', did you mean 'collect'?"),
        (
            ["{texts}", "--set", "measure.at_leest=3"],
            "no parameter 'measure.at_leest', did you mean 'measure.at_least'?",
        ),
        (["{texts}", "--set", "measure.at_least=many"], "'measure.at_least' is 'many'"),
        (["{texts}", "--set", "measure.at_least"], "expected KEY=VALUE"),
        (["{texts}", "--set", "measure.at_least=[3"], "not valid YAML"),
        (["{texts}", "--out", "{texts}/audit"], "lies in the dataset, which is to stay as it is"),
        (["{texts}", "--out", "{home}"], "holds something else than an audit"),
        (["{texts}", "--out", "{home}/texts"], "holds something else than an audit"),
    ],
)
def test_slip_is_one_sentence_and_runs_nothing(deepsight, home, texts, words, message):
    before = files(home)
    code, output = deepsight("audit", *(word.format(texts=texts, home=home) for word in words))
    assert code == 1
    assert message in output
    assert len(output.splitlines()) == 1
    assert {file: content for file, content in files(home).items() if file in before} == before


def test_two_datasets_of_one_name_do_not_share_an_audit(deepsight, texts, tmp_path):
    deepsight("audit", texts, "--set", "measure.at_least")  # makes nothing
    assert not Path("audits").exists()
    deepsight("audit", texts, "--only", "no such stage")  # makes the workspace
    other = shutil.copytree(texts, tmp_path / "other" / texts.name)
    _, output = deepsight("audit", other)
    assert f"is the audit of {texts}; give --out a folder for that of {other}" in output


def test_set_may_be_given_more_than_once(deepsight, texts):
    first, second = ["--set", "measure.at_least=3"], ["--set", "report.title=mine"]
    deepsight("audit", texts, *first, *second, "--only", "no such stage")
    parameters = yaml.safe_load(Path("audits", texts.name, "params.yaml").read_text())
    assert (parameters["measure"]["at_least"], parameters["report"]["title"]) == (3, "mine")


def test_repository_may_move_without_loss(deepsight, home, texts, monkeypatch):
    deepsight("audit", texts, "--set", "measure.at_least=3", "--only", "no such stage")
    moved = home.rename(home.with_name("moved"))
    monkeypatch.setattr(command_line, "HOME", moved)
    deepsight("audit", texts, "--only", "no such stage")
    workspace = Path("audits", texts.name)
    assert (workspace / "dvc.yaml").resolve() == moved / "dvc.yaml"
    assert "at_least: 3" in (workspace / "params.yaml").read_text()


def test_workspace_that_was_begun_is_completed(deepsight, texts):
    deepsight("audit", texts, "--only", "no such stage")
    Path("audits", texts.name, "params.yaml").unlink()
    deepsight("audit", texts, "--only", "no such stage")
    parameters = yaml.safe_load(Path("audits", texts.name, "params.yaml").read_text())
    assert parameters["dataset"]["path"] == str(texts)


def test_older_audit_gets_the_settings_that_are_new(deepsight, home, texts):
    deepsight("audit", texts, "--only", "no such stage", "--set", "measure.at_least=3")
    parameters = Path("audits", texts.name, "params.yaml")
    older = parameters.read_text().replace("  title: toy\n", "").replace("report:\n", "")
    parameters.write_text(older.replace("  image_root", "  # image_root"))
    _, output = deepsight("audit", texts, "--only", "no such stage")
    assert "added to" in output
    assert "with their defaults: dataset.image_root, report." in output
    content = yaml.safe_load(parameters.read_text())
    assert (content["measure"]["at_least"], content["report"]["title"]) == (3, "toy")
    assert "# a comment that stays" in parameters.read_text()
    written = parameters.stat().st_mtime_ns
    _, output = deepsight("audit", texts, "--only", "no such stage")
    assert "added to" not in output
    assert parameters.stat().st_mtime_ns == written


def test_audit_among_the_images_of_its_csv_is_refused_before_anything_is_made(deepsight, texts, monkeypatch):
    (texts / "labels.csv").write_text("path,label\na.txt,x\ndeep/b.txt,x\n")
    monkeypatch.chdir(texts)
    code, output = deepsight("audit", "labels.csv")
    assert code == 1
    assert "--out ~/audits/labels" in output
    assert not (texts / "audits").exists()


def test_audit_beside_its_csv_watches_only_the_folder_of_images(deepsight, texts, monkeypatch):
    (texts / "deep" / "more").mkdir()
    (texts / "deep" / "more" / "c.txt").touch()
    (texts / "labels.csv").write_text("path,label\ndeep/b.txt,x\ndeep/more/c.txt,x\n")
    monkeypatch.chdir(texts)
    _, output = deepsight("audit", "labels.csv", "--only", "no such stage")
    assert "there is no stage" in output
    dataset = yaml.safe_load(Path("audits/labels/params.yaml").read_text())["dataset"]
    assert dataset["image_root"] == str(texts / "deep")


def test_folder_of_images_that_a_person_has_named_stays(deepsight, texts, tmp_path):
    (texts / "labels.csv").write_text("path,label\na.txt,x\n")
    audit = ("audit", texts / "labels.csv", "--only", "no such stage")
    named = tmp_path / "pictures"
    deepsight(*audit, "--set", f"dataset.image_root={named}")
    deepsight(*audit)
    dataset = yaml.safe_load(Path("audits/labels/params.yaml").read_text())["dataset"]
    assert dataset["image_root"] == str(named)


def test_folders_whose_names_differ_after_a_dot_are_two_audits(deepsight, texts):
    for name in ("photos.v1", "photos.v2"):
        texts.with_name(name).mkdir()
        _, output = deepsight("audit", texts.with_name(name), "--only", "no such stage")
        assert "there is no stage" in output
    assert {path.name for path in Path("audits").iterdir()} == {"photos.v1", "photos.v2"}


def test_csv_is_read_from_its_own_folder(deepsight, texts):
    (texts / "labels.csv").write_text("path,label\na.txt,x\n")
    deepsight("audit", texts / "labels.csv", "--only", "no such stage")
    text = Path("audits/labels/params.yaml").read_text()
    expected = {"source": "csv", "path": f"{texts}/labels.csv", "image_root": str(texts)}
    assert yaml.safe_load(text)["dataset"] == expected
    assert "# a comment that stays" in text


def test_decisions_are_taken_over_and_outlast_the_next_audit(deepsight, texts):
    Path("export.csv").write_text(f"{','.join(COLUMNS)}\n,a.png,,keep,,fine\n")
    audit = ("audit", texts, "--only", "no such stage")
    _, output = deepsight(*audit, "--decisions", "export.csv")
    assert "1 new decisions." in output
    deepsight(*audit)
    assert read_decisions(Path("audits", texts.name, "decisions.csv"))["path"].tolist() == ["a.png"]


def test_decisions_of_the_repository_are_not_those_of_an_audit(deepsight, home, texts):
    (home / "decisions.csv").write_text(f"{','.join(COLUMNS)}\n,a.png,,keep,,fine\n")
    deepsight("audit", texts, "--only", "no such stage")
    assert read_decisions(Path("audits", texts.name, "decisions.csv")).empty


def test_broken_parameters_of_an_audit_are_one_sentence(deepsight, texts):
    deepsight("audit", texts, "--only", "no such stage")
    Path("audits", texts.name, "params.yaml").write_text("dataset: [\n")
    code, output = deepsight("audit", texts)
    assert code == 1
    assert "params.yaml is not valid YAML" in output
    assert len(output.splitlines()) == 1


def test_stages_lists_what_each_answers_by_chapter(deepsight):
    _, output = deepsight("stages")
    lines = output.splitlines()
    assert lines[:2] == ["Obtain", "  collect              Which texts are there?"]
    assert "  measure@vowels-only  How long is each text in vowels-only?" in lines


@pytest.mark.slow
def test_stages_says_what_is_stale(deepsight, texts):
    deepsight("audit", texts, "--only", "collect")
    _, output = deepsight("stages", f"audits/{texts.name}")
    assert "Which texts are there? [up to date]" in output
    assert "What should a person do first? [stale: it has not run yet]" in output


def test_open_prints_and_opens_the_report(deepsight, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    code, output = deepsight("open")
    assert code == 1
    assert "there is no report in" in output
    page = Path("analysis_outputs/report/index.html").absolute()
    page.parent.mkdir(parents=True)
    page.touch()
    assert deepsight("open") == (0, f"{page}\n")
    assert opened == [page.as_uri()]


def test_version_is_that_of_the_package(deepsight):
    code, output = deepsight("--version")
    assert code == 0
    assert output.strip()[0].isdigit()
