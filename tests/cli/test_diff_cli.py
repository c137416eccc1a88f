"""`evalprov diff` on real records: what a person, a pipe, a program and a pull request see."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from typing import Any

import pytest
from conftest import Project
from diffing import OTHER, Edit, answers, called, put, record
from markdown_it import MarkdownIt

from evalprov.record.form import encode, history_line
from evalprov.record.manifest import Manifest
from evalprov.views.diff_screen import COLUMNS

A, B = "20260920T143000Z", "20260921T143000Z"
WARM = put("model_config/temperature", 0.7)
NASTY = "a|b`c`\n# <script>alert(1)</script> @octocat [x](http://evil) #1 \x1b[31m\u202e ![i](http://evil/i.png)"

OURS = ("h2", "ul", "li", "code", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "p")


def keep(project: Project, *runs: Manifest) -> None:
    """Put runs into the store, as if they had been recorded."""
    for run in runs:
        project.write(f"metrics/runs/{run['run_id']}.json", encode(run))
        with (project.path / "metrics/eval_history.jsonl").open("ab") as file:
            file.write(history_line(run))


@pytest.fixture
def two(project: Project) -> Project:
    """Two runs: the second is warmer and scores less."""
    keep(project, record(), record(WARM, run=1, metrics=answers(100)))
    return project


def said(project: Project, *words: str, code: int = 0) -> str:
    """Return what `evalprov diff` prints into a pipe."""
    ended, out, err = called(project, *words)
    assert (ended, err) == (code, "")
    return out


def document(project: Project, *words: str) -> dict[str, Any]:
    """Return what --json prints."""
    found: dict[str, Any] = json.loads(said(project, *words, "--json"))
    return found


def seen(project: Project, *words: str, columns: int = 80, colour: bool = False) -> str:
    """Return what a person at a terminal of some width sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        patch.delenv("NO_COLOR", raising=False)
        if not colour:
            patch.setenv("NO_COLOR", "1")
        code, out, err = called(project, *words, columns=columns)
    assert (code, err) == (0, "")
    return out if colour else re.sub(r"\x1b\[[01]m", "", out)  # bold is no colour


def rows(text: str) -> list[dict[str, str]]:
    """Return plain lines by their columns."""
    heading, *lines = (line.split("\t") for line in text.splitlines())
    assert tuple(heading) == COLUMNS
    return [dict(zip(heading, line, strict=True)) for line in lines]


def test_a_person_reads_the_answer_first(two: Project) -> None:
    """The first line says what moved, whether it is real, and what did it; then the metrics and what changed."""
    text = seen(two, A, B)
    first, rest = text.split("\n\ncompared\n")
    assert first.replace("\n", " ") == (
        "correct_mean is worse for real, 0.75 -> 0.5: of what is recorded, only the model changed "
        "(temperature 0 -> 0.7); "
        "a run that was off as a whole looks the same"
    )
    assert re.search(r"correct_mean +0\.75 +0\.5 +-0\.25 +-0\.\d+ to -0\.\d+ +high +worse", rest)
    assert "correct_mean by scenario: 0 up, 50 down" in rest
    assert re.search(r"changed +model\n", rest)
    assert re.search(r"model: changed\n +temperature +0\.0 -> 0\.7\n", rest)
    assert "top.k" not in rest
    assert "\x1b" not in text


def test_no_line_is_wider_than_the_terminal(two: Project) -> None:
    """Long names and values are cut in the middle or go on in the next line, at any width."""
    long = put("model_config/system", "x" * 500)
    name = put("model_config/" + "n" * 300, 1)
    keep(two, record(long, name, WARM, run=2, metrics=answers(90, name="m" * 100)))
    for columns in (80, 200):
        text = seen(two, A, "20260922", columns=columns)
        assert max(map(len, text.splitlines())) <= columns
        assert "xxx...xxx" in text


@pytest.mark.parametrize("columns", [80, 200])
def test_a_real_terminal_sees_the_same(two: Project, columns: int) -> None:
    """The screen is made for the terminal that it is printed on."""
    text = two.on_terminal("diff", A, B, columns=columns)
    assert re.sub(r"\x1b\[[01]m", "", text) == seen(two, A, B, columns=columns)


def test_colour_is_for_terminals_that_have_it(two: Project) -> None:
    """The answer stands out where colour is wanted."""
    assert "\x1b[1mcorrect_mean is worse" in seen(two, A, B, colour=True)


def test_a_pipe_gets_stable_columns_and_the_answer_first(two: Project) -> None:
    """Every line has the same columns; kinds and verdicts are words for programs."""
    found = rows(said(two, A, B))
    assert found[0]["kind"] == "answer"
    assert found[0]["verdict"] == "attributed"
    assert found[0]["name"].startswith("correct_mean is worse for real")
    (metric,) = (row for row in found if row["kind"] == "metric")
    assert (metric["name"], metric["a"], metric["b"], metric["delta"]) == ("correct_mean", "0.75", "0.5", "-0.25")
    assert (metric["of"], metric["verdict"]) == ("higher", "worse")
    assert float(metric["low"]) < -0.25 < float(metric["high"]) < 0
    assert float(metric["p"]) < 0.001
    layers = {row["name"]: row["verdict"] for row in found if row["kind"] == "layer"}
    assert layers == {**dict.fromkeys(layers, "equal"), "model": "changed"}
    assert len(layers) == 9
    (change,) = (row for row in found if row["kind"] == "change")
    assert (change["of"], change["name"], change["a"], change["b"]) == ("model", "temperature", "0.0", "0.7")
    assert sum(row["kind"] == "scenario" for row in found) > 0


def test_json_has_all_of_it_under_stable_names(two: Project) -> None:
    """The document is versioned; its parts are those of the record and of the contract."""
    found = document(two, A, B)
    assert found["version"] == 1
    assert list(found["answer"]) == [
        *("kind", "sentence", "moved", "unclear", "levers", "unknown", "named", "undeclared", "caveats")
    ]
    assert found["answer"]["moved"] == ["correct_mean"]
    assert found["differs"] is True
    assert (found["a"]["run_ids"], found["b"]["run_ids"]) == ([A], [B])
    assert found["metrics"][0]["interval"][1] < 0
    assert found["scenarios"] == {"both": 200, "only_a": 0, "only_b": 0, "first_a": [], "first_b": []}
    assert found["layers"]["model"] == {"state": "changed", "reason": None}
    assert found["changes"] == [
        {"layer": "model", "item": "model", "field": "temperature", "kind": "changed", "a": 0.0, "b": 0.7}
    ]
    assert found["decision_spec"]["differences"] == {"model.temperature": [0.0, 0.7]}
    assert found["infra_mismatch"] == []


def test_only_a_part_is_shown_on_request(two: Project) -> None:
    """The answer stays; the other part goes."""
    assert {row["kind"] for row in rows(said(two, A, B, "--only", "metrics"))} == {
        "answer",
        "about",
        "metric",
        "scenario",
        "more",
    }
    assert {row["kind"] for row in rows(said(two, A, B, "--only", "layers"))} == {"answer", "layer", "change"}
    assert "layers" not in document(two, A, B, "--only", "metrics")
    assert "metrics" not in document(two, A, B, "--only", "layers")


def test_what_is_the_same_is_hidden_and_counted(two: Project) -> None:
    """Equal metrics and facts are out of sight until asked for."""
    both = [{f"t{i}": {"correct": i < right, "steps": 3} for i in range(200)} for right in (150, 100)]
    keep(two, record(run=2, metrics=both[0]), record(WARM, run=3, metrics=both[1]))
    text = seen(two, "20260922", "20260923")
    assert "steps_mean" not in text
    assert "1 metric is the same (--all)" in text
    whole = seen(two, "20260922", "20260923", "--all")
    assert "steps_mean" in whole
    assert re.search(r"conf/eval.yaml top\.k +5\n", whole)
    assert {"same"} < {row["verdict"] for row in rows(said(two, "20260922", "20260923", "--all"))}


def test_many_metrics_and_changes_are_bounded(two: Project) -> None:
    """Hundreds of lines do not bury the answer; all are there with --all."""
    names = [f"metric {i}" for i in range(60)]
    wide = [
        {f"t{i}": {name: (i + at) % 60 < right for at, name in enumerate(names)} for i in range(60)}
        for right in (59, 10)
    ]
    more = put("software/packages", {f"package-{i}": "2.0" for i in range(80)})
    keep(
        two, record(run=2, metrics=wide[0]), record(more, put("software/packages_hash", OTHER), run=3, metrics=wide[1])
    )
    text = seen(two, "20260922", "20260923")
    assert "60 metrics moved for real: " in text
    assert "and 40 more (--all)" in text
    assert re.search(r"packages +2 removed, 80 added", text)
    assert "and 67 more (--all)" in text
    assert len(text.splitlines()) < 90
    assert len(seen(two, "20260922", "20260923", "--all").splitlines()) > 140


def test_packages_are_said_to_be_up_or_down(two: Project) -> None:
    """Plain version numbers are put in order; of others only the change is told."""
    before = {"up": "1.9.0", "down": "2.0", "dev": "1.0.dev1", "same": "1.0", "local": "1.0+cpu"}
    after = {"up": "1.10", "down": "1.26.4", "dev": "1.0.dev2", "same": "1.0.0", "local": "1.0+cu12"}
    runs = [record(put("software/packages", one), put("software/packages_hash", sha), run=run)
            for run, one, sha in ((2, before, OTHER), (3, after, "sha256:" + "c" * 64))]  # fmt: skip
    keep(two, *runs)
    text = seen(two, "20260922", "20260923")
    assert "package up     1.9.0 -> 1.10 (upgraded)" in text
    assert "package down   2.0 -> 1.26.4 (downgraded)" in text
    assert "package dev    1.0.dev1 -> 1.0.dev2\n" in text
    assert "package local  1.0+cpu -> 1.0+cu12\n" in text


def test_limits_are_told_with_their_unit(two: Project) -> None:
    """A memory limit reads as one; one that was not there before is not guessed."""
    keep(
        two,
        record(put("infra/memory/hard_limit_mb", 512), run=2),
        record(put("infra/memory/hard_limit_mb", None), run=3),
    )
    assert "memory hard_limit_mb  2048 -> 512 MB" in seen(two, A, "20260922")
    assert "memory hard_limit_mb  not recorded -> 512 MB" in seen(two, "20260923", "20260922")


def test_scenarios_of_one_side_are_named(two: Project) -> None:
    """How many each side alone has, and the first of them."""
    keep(two, record(run=2, metrics={f"u{i}": {"correct": True} for i in range(30)} | answers(10, 10)))
    text = seen(two, A, "20260922")
    assert re.search(r"in both +10\n +only in A +190: t10, t11, t12, t13, t14 and 185 more\n", text)
    assert re.search(r"only in B +30: u0, u1, u2, u3, u4 and 25 more", text)


def test_metrics_of_one_side_and_missing_values_are_shown(two: Project) -> None:
    """A metric that one run lacks, or has as null, is a line like any other."""
    keep(
        two, record(put("metrics", {}), put("metric_summary", {"correct_mean": None, "new": True, "odd": 1e300}), run=2)
    )
    found = {row["name"]: row for row in rows(said(two, A, "20260922")) if row["kind"] == "metric"}
    assert found["correct_mean"]["b"] == "-"
    assert (found["new"]["a"], found["new"]["b"], found["new"]["verdict"]) == ("-", "true", "one_sided")
    assert "new" in seen(two, A, "20260922")
    assert "`new`" in said(two, A, "20260922", "--markdown")


@pytest.mark.parametrize(
    ("edits", "right", "code"),
    [
        ((), 150, 0),
        ((), 149, 0),
        ((), 100, 1),
        ((WARM,), 150, 1),
        ((put("software/packages_hash", None),), 150, 1),
        ((put("status", "timed_out"),), 150, 1),
        ((put("observed/user", "eve"),), 150, 0),
    ],
    ids=["same", "noise", "moved", "changed", "unknown", "failed", "beside"],
)
def test_the_exit_code_is_zero_only_where_nothing_is_known_to_differ(
    two: Project, edits: tuple[Edit, ...], right: int, code: int
) -> None:
    """As `git diff --exit-code`: 1 for a real move, a changed layer, or one that nobody knows."""
    keep(two, record(*edits, run=2, metrics=answers(right)))
    said(two, A, "20260922", "--exit-code", code=code)


def test_without_the_option_a_difference_is_no_failure(two: Project) -> None:
    """Only --exit-code makes it one."""
    said(two, A, B, code=0)


def test_trials_are_taken_together(two: Project) -> None:
    """With --trials all runs of a repeat stand on their side, whichever of them was named."""
    for first, right in ((2, 150), (5, 100)):
        for trial in range(3):
            repeat = {"id": f"202609{20 + first}T143000Z-0123abcd", "trial": trial + 1, "of": 3, "seed": trial + 1}
            edits = [put("repeat", repeat)] + [WARM] * (first == 5)
            keep(two, record(*edits, run=first + trial, metrics=answers(right + trial)))
    found = document(two, "20260923", "latest", "--trials")
    assert found["a"]["run_ids"] == [f"202609{day}T143000Z" for day in (22, 23, 24)]
    assert found["b"]["run_ids"] == [f"202609{day}T143000Z" for day in (25, 26, 27)]
    assert found["answer"]["kind"] == "attributed"
    alone = document(two, "20260923", "latest")
    assert (alone["a"]["run_ids"], alone["b"]["run_ids"]) == (["20260923T143000Z"], ["20260927T143000Z"])
    assert "and 2 further trials" in seen(two, "20260923", "latest", "--trials")
    assert document(two, A, B, "--trials")["a"]["run_ids"] == [A]


def test_the_history_is_read_no_further_back_than_the_first_trial(two: Project) -> None:
    """Trials that are not there do not make us look through all that was ever run."""
    repeat = {"id": "20260922T143000Z-0123abcd", "trial": 1, "of": 5, "seed": 1}
    older = dict(repeat, trial=2)
    keep(two, record(put("repeat", repeat), run=2), record(put("repeat", repeat | {"trial": 3}), run=3))
    line = history_line(record(put("repeat", older)))
    history = two.path / "metrics/eval_history.jsonl"
    history.write_bytes(line.replace(A.encode(), b"20250101T000000Z") + history.read_bytes())
    assert document(two, A, "latest", "--trials")["b"]["run_ids"] == ["20260922T143000Z", "20260923T143000Z"]


def test_runs_are_named_in_every_way(two: Project) -> None:
    """Ids, beginnings, latest, paths and baselines are runs."""
    shutil.copytree(two.path / "metrics/runs", two.path / "kept")
    for a, b in ((A, B), ("20260920", "2026-09-21"), ("latest~1", "latest"), (f"kept/{A}.json", f"kept/{B}.json")):
        assert document(two, a, b)["answer"]["kind"] == "attributed"
    found = document(two, "latest", "latest")
    assert found["answer"]["sentence"].startswith("A and B are the same run")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nope", A), "not a run: 'nope'"),
        ((A, "19990101"), "no run 19990101"),
        ((A, "baseline:main"), "baseline"),
        ((".", A), "the present state can only be the second of the two"),
        ((A, B, "--only", "x"), "--only is metrics or layers, not 'x'"),
        ((A, B, "--json", "--markdown"), "--json and --markdown cannot be used together"),
        (("gone.json", A), "no such record: gone.json"),
    ],
)
def test_wrong_input_is_one_clear_line(two: Project, words: tuple[str, ...], message: str) -> None:
    """What cannot be compared is said in a line, with exit code 2."""
    code, out, err = called(two, *words)
    assert (code, out) == (2, "")
    assert message in err.splitlines()[0]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"schema": 3', b'"schema": 99'),
        lambda data: b"[" * 100_000,
        lambda data: data.replace(b'"metrics": {', b'"metrics": 7, "x": {'),
    ],
    ids=["empty", "truncated", "newer", "deep", "wrong type"],
)
def test_a_record_that_cannot_be_read_is_one_clear_line(two: Project, spoil: Any) -> None:
    """A damaged or newer record is an error and never a guess, on either side."""
    two.write("bad.json", spoil(encode(record())))
    code, out, err = called(two, A, "bad.json")
    assert (code, out) == (2, "")
    assert "bad.json" in err
    assert "Traceback" not in err


def nasty() -> Manifest:
    """Return a run whose every text wants to be markup."""
    edits = [
        put("scenario", NASTY),
        put("model_config", {NASTY.replace("/", ""): NASTY, "temperature": 0.0}),
        put("observed/user", NASTY),
        put("observed/ci", {"run_url": "javascript:alert(1)"}),
        put("git/untracked", [NASTY]),
        put("git/counts", {"untracked": 1}),
    ]
    return record(*edits, run=2, metrics={f"{NASTY} {i}": {NASTY: i < 20} for i in range(60)})


def test_markdown_answers_in_its_heading_and_folds_the_rest_away(two: Project) -> None:
    """It is a heading, a table of metrics, and what changed, by layer."""
    text = said(two, A, B, "--markdown")
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert html.startswith(
        "<h2>correct_mean is worse for real, 0.75 -&gt; 0.5: of what is recorded, only the model changed"
    )
    assert re.search(r"<td><code>correct_mean</code></td>\s*<td[^>]*>0.75</td>", html)
    assert "<details><summary>model: changed</summary>" in html
    assert "<code>0.0 -&gt; 0.7</code>" in html
    assert html.count("<details>") == html.count("</details>")


def test_nothing_that_is_quoted_can_steer_markdown(two: Project) -> None:
    """Names and values of a hostile record stay text: no tag, link, image, mention, heading or further cell."""
    keep(two, nasty(), record(put("scenario", "x"), run=3, metrics={f"{NASTY} {i}": {NASTY: i < 1} for i in range(60)}))
    for words in ((A, "20260922"), ("20260922", "20260923"), ("20260923", "20260922")):
        text = said(two, *words, "--markdown")
        assert "\x1b" not in text
        assert "\u202e" not in text
        html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
        tags = set(re.findall(r"<(/?\w+)", html))
        assert tags <= {
            f"{slash}{tag}"
            for tag in (
                "h2",
                "ul",
                "li",
                "code",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "details",
                "summary",
                "p",
            )
            for slash in ("", "/")
        }, tags
        assert html.count("<h2>") == 1
        assert {row.count("<td") for row in re.findall(r"<tr>.*?</tr>", html, re.DOTALL)} <= {0, 7}
        outside_code = re.sub(r"<code>.*?</code>", "", html, flags=re.DOTALL)
        assert "@octocat" not in outside_code
        assert "http://" not in outside_code


def test_nothing_that_is_quoted_can_steer_a_terminal(two: Project) -> None:
    """Control characters of a hostile record are spelled out."""
    keep(two, nasty())
    text = seen(two, A, "20260922")
    assert "\x1b" not in text
    assert "\u202e" not in text
    for line in said(two, A, "20260922").splitlines():
        assert line.count("\t") == len(COLUMNS) - 1


def test_markdown_fits_a_comment_whatever_is_in_it(project: Project) -> None:
    """GitHub takes 65,536 letters: long names are cut, parts that have no room are counted, and none is torn."""
    long = {f"{number} {NASTY * 20}": number for number in range(80)}
    for run in (0, 1):
        values = {name: number + run for name, number in long.items()}
        keep(
            project,
            record(put("scenario", NASTY * 2_000), run=run, metrics={f"{n} {NASTY}": values for n in range(8)}),
        )
    text = said(project, A, B, "--markdown", "--all")
    assert len(text.encode()) < 65_536
    assert re.search(r"And [\d]+ more parts \(there is no room for them here: evalprov diff\)", text)
    assert "and 20 more metrics" in text
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert html.count("<details>") == html.count("</details>")


def test_lines_of_a_prompt_are_folded_into_the_markdown(project: Project) -> None:
    """What was changed in it can be read in a pull request, and nothing in it ends the block of code it stands in."""
    project.write("evalprov.toml", '[prompts]\nplan = "plan.txt"\n')
    project.write("plan.txt", "You help.\nBe brief.\n")
    project.commit_all()
    project.run("true")
    project.write("plan.txt", "You help.\n````\n</details><script>alert(1)</script> @octocat\n" + "x" * 10**6)
    project.run("true")
    text = project.evalprov("diff", "latest~1", "latest", "--markdown").stdout.decode()
    assert "<details><summary>prompts: plan.txt  changed (+3 -1)</summary>\n\n`````diff\n@@ -1 +1 @@\n You" in text
    html = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    assert html.count("<script>") == 0
    assert html.count("<details>") == html.count("</details>")
    assert len(text) < 65_536


def test_a_link_to_the_ci_run_is_in_the_markdown(two: Project) -> None:
    """The run's page is linked where its address is a plain one."""
    url = "https://github.com/o/r/actions/runs/7/attempts/1"
    keep(two, record(put("observed/ci", {"run_url": url}), run=2))
    assert f"([run](<{url}>))" in said(two, A, "20260922", "--markdown")


def test_links_to_artifacts_are_in_the_markdown(two: Project) -> None:
    """What the eval says it left can be opened from a pull request; what is no plain address is no link."""
    artifacts = [
        {"name": "report", "url": "https://example.org/a/1"},
        {"name": None, "url": "https://example.org/b"},
        {"name": "x](evil)", "url": "javascript:alert(1)"},
    ]
    keep(two, record(put("output/artifacts", artifacts), run=2))
    text = said(two, A, "20260922", "--markdown")
    assert "([report](<https://example.org/a/1>), [artifact](<https://example.org/b>))" in text
    assert "javascript" not in text


def test_the_commits_and_files_between_are_told(project: Project) -> None:
    """Where the repository has both commits: how many lie between, the first of them, and the files of the code."""
    project.write("eval.py", "import json; print(json.dumps({'accuracy': 0.5}))\n")
    project.write("evalprov.toml", '[config]\nfiles = ["c.json"]\n')
    project.write("c.json", '{"a": 1}')
    project.commit_all()
    run = ("python3", "eval.py")
    assert project.run(*run, options=("--quiet",)).returncode == 0
    project.write("eval.py", "import json; print(json.dumps({'accuracy': 0.6}))\n")
    project.write("c.json", '{"a": 2}')
    project.commit_all()
    project.git("commit", "-q", "--amend", "-m", "better \x1b[31m eval")
    project.write("scratch.txt", "x")
    assert project.run(*run, options=("--quiet",)).returncode == 0
    text = seen(project, "latest~1", "latest")
    assert re.search(r"files +eval\.py \(\+1 -1\), scratch\.txt added \(\+1 -0\)\n", text)
    assert re.search(r"not committed in B +scratch\.txt", text)
    assert re.search(r"-> \w{12}, 1 commit later\n +\w{12}  better \\x1b\[31m eval", text)
    found = document(project, "latest~1", "latest")
    assert (found["commits"]["ahead"], found["commits"]["behind"]) == (1, 0)
    assert {file["path"] for file in found["commits"]["files"]} == {"c.json", "eval.py"}
    assert found["answer"]["levers"] == ["config", "code"]


def test_a_repository_without_the_commits_is_no_error(two: Project) -> None:
    """What the repository does not have is said."""
    two.write("x", "")
    two.commit_all()
    keep(two, record(put("git_sha", "2" * 40), run=2))
    assert "does not have commit 111111111111 nor 222222222222" in seen(two, A, "20260922", columns=200)


def test_help_has_an_example(project: Project) -> None:
    """The help shows how it is used."""
    assert "evalprov diff latest~1 latest" in said(project, "--help")


def test_nothing_heavy_is_loaded_that_is_not_needed(two: Project) -> None:
    """What costs time to load is not loaded for a question that needs none of it."""
    code = (
        "import sys; from evalprov.cli import main; main(sys.argv[1:]); "
        "heavy = ('scipy.stats', 'git', 'evalprov.capture', 'rich.table'); "
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, "diff", A, B, "--json"], cwd=two.path, capture_output=True)
    assert done.stderr == b"[]\n"
