import os

import pytest

from analysis.pipeline.dataset_tree import first_unhashable, tree_digest


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "cats" / "young").mkdir(parents=True)
    (tmp_path / "cats" / "young" / "Mieze Ä.png").write_bytes(b"meow")
    (tmp_path / "labels.csv").write_text("path,label\n")
    return tmp_path


def test_tree_digest_is_the_same_for_the_same_tree(tree):
    assert tree_digest(tree) == tree_digest(tree)


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "resized", "touched", "link_added"])
def test_tree_digest_sees_every_change_however_deep(tree, change):
    before = tree_digest(tree)
    cat = tree / "cats" / "young" / "Mieze Ä.png"
    match change:
        case "added":
            (cat.parent / "kitten.png").touch()
        case "removed":
            cat.unlink()
        case "renamed":
            cat.rename(cat.with_name("Felix.png"))
        case "resized":
            times = cat.stat()
            cat.write_bytes(b"meow!")
            os.utime(cat, ns=(times.st_atime_ns, times.st_mtime_ns))
        case "touched":
            os.utime(cat, ns=(1, 1))
        case "link_added":
            (cat.parent / "gone.png").symlink_to("nowhere")
    assert tree_digest(tree) != before


def test_tree_digest_of_a_file_sees_its_change(tree):
    before = tree_digest(tree / "labels.csv")
    (tree / "labels.csv").write_text("path,label\na.png,cat\n")
    assert tree_digest(tree / "labels.csv") != before


def test_links_to_folders_are_not_followed(tree, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "deep").mkdir()
    (tree / "up").symlink_to(tree)
    (tree / "out").symlink_to(elsewhere)
    before = tree_digest(tree)
    (elsewhere / "deep" / "new.png").touch()
    assert tree_digest(tree) == before


def test_ordinary_tree_can_be_hashed(tree):
    (tree / "link to a file.png").symlink_to(tree / "labels.csv")
    assert first_unhashable(tree) is None


def test_dangling_link_is_named(tree):
    (tree / "cats" / "gone.png").symlink_to("/nowhere/gone.png")
    assert first_unhashable(tree) == f"{tree}/cats/gone.png is a link that leads nowhere"


def test_link_in_a_circle_is_named(tree):
    (tree / "loop").symlink_to("loop")
    assert first_unhashable(tree).endswith("loop is a link that leads nowhere")


def test_name_that_is_not_utf8_is_named_in_printable_letters(tree):
    (tree / os.fsdecode(b"caf\xe9.png")).touch()
    problem = first_unhashable(tree)
    assert problem.endswith(r"caf\xe9.png has a name that is not UTF-8")
    problem.encode("utf-8")


def test_pipe_is_named(tree):
    os.mkfifo(tree / "pipe.png")
    assert first_unhashable(tree).endswith("pipe.png is neither a file nor a folder")


def test_absent_root_is_no_problem_of_hashing(tmp_path):
    assert first_unhashable(tmp_path / "absent") is None
    assert tree_digest(tmp_path / "absent") == tree_digest(tmp_path / "also absent")
