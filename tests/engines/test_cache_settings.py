"""A user's settings of DVC, such as links into the cache in the place of copies, change nothing for a run."""

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("engine", ["dvc", "snakemake"])
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_outputs_that_are_links_into_the_cache_are_read_and_replaced_as_any(fresh, tmp_path, engine, kind):
    (tmp_path / "dvc").mkdir()
    (tmp_path / "dvc" / "config").write_text(f"[cache]\n    type = {kind}\n")
    settings = {"DVC_GLOBAL_CONFIG_DIR": str(tmp_path / "dvc")}
    assert fresh.run(engine, **settings).code == 0
    items = fresh.root / "data" / "items.parquet"
    assert items.is_symlink() or items.stat().st_nlink > 1
    first = fresh.outputs()
    for old, new in (("at_least: 0", "at_least: 4"), ("at_least: 4", "at_least: 0")):
        fresh.replace("params.yaml", old, new)
        run = fresh.run(engine, **settings)
        assert run.code == 0, run.output
    assert fresh.outputs() == first  # what the second run wrote has not gone into the cache of the first
    assert fresh.run(engine, **settings).stages == []
