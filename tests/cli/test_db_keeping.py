"""`cluster4npu db`: importing, and keeping the store, as its users call it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli


def test_import_query_and_keep(cli_here: Cli, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "a.json").write_text(
        json.dumps({"model": "m", "device": "cpu", "latency_ms": 5.25, "wobble": 3})
    )
    (folder / "bad.json").write_text("{")
    told = cli_here("db", "import", folder, "--json")
    assert told.code == 0
    assert told.json["outcomes"] == {"imported": 1, "unreadable": 1}
    assert told.json["measurements"] == 1
    text = cli_here("db", "import", folder).text
    assert "already imported" in text and "unreadable" in text
    answer = cli_here("db", "query", "SELECT value, unit FROM imported_measurements", "--json")
    assert answer.json["rows"] == [{"value": 5.25, "unit": "ms"}]
    cut = cli_here("db", "query", "SELECT * FROM range(9)", "--rows", "2", "--timeout", "5", "--json").json
    assert (len(cut["rows"]), cut["truncated"]) == (2, True)
    assert cli_here("db", "check", "--json").json["ok"] is True
    assert cli_here("db", "snapshot", "s.duckdb").code == 0
    assert cli_here("db", "export", "exported").code == 0
    assert (
        cli_here("db", "restore", "exported", "--store", "copy.duckdb", "--json").json["rows"]["imports"] == 1
    )
    assert cli_here("db", "compact").code == 0


def test_nothing_is_deleted_without_yes(cli_here: Cli, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"model": "m", "device": "cpu", "latency_ms": 5.25}))
    refused = cli_here("db", "import", file, "--remove-files")
    assert refused.code == 2 and "--yes" in refused.err and file.exists()
    assert cli_here("db", "import", file).code == 0
    assert "Nothing was" in cli_here("db", "prune", "--import", "a.json").out
    assert cli_here("db", "info", "--json").json["rows"]["imports"] == 1
    assert cli_here("db", "prune").code == 2
    assert cli_here("db", "prune", "--run", "nope", "--yes").code == 2
    assert cli_here("db", "snapshot", "s.duckdb").code == 0
    assert cli_here("db", "restore", "s.duckdb").code == 2
    assert cli_here("db", "prune", "--import", "a.json", "--yes").code == 0
    assert cli_here("db", "info", "--json").json["rows"]["imports"] == 0
    kept = cli_here("db", "restore", "s.duckdb", "--yes", "--json").json["kept"]
    assert Path(kept).is_file()
    assert cli_here("db", "import", file, "--remove-files", "--yes").code == 0
    assert not file.exists()


def test_wrong_input_is_told(cli_here: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli_here("db", "import", "empty").code == 2
    missing = cli_here("db", "import", "nowhere.json", "--json")
    assert missing.code == 2 and missing.json["files"][0]["reason"]
    assert cli_here("db", "restore", "nowhere", "--store", "new.duckdb").code == 2
    assert not (tmp_path / "new.duckdb").exists()
