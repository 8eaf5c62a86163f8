"""What changes from one bundle to the next: the data, the terminal, the Markdown, the rows that flip."""

import contextlib
import io
import json
import math
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from markdown_it import MarkdownIt

import tracer_spec as ts
from tests.zygote import call
from tracer_spec.cli.main import main
from tracer_spec.errors import Difference
from tracer_spec.report.changes import compare
from tracer_spec.report.changes_markdown import changes_markdown
from tracer_spec.report.changes_sentences import trust, verdict
from tracer_spec.runtime.bundle import read_bundle
from tracer_spec.stats.two_samples import two_proportions

SPEC = """\
version: 1
name: intents
traces: {use: jsonl, with: {path: traces.jsonl}, repeats: traffic}
embedder: {use: lsa, with: {dim: 8}}
zoo: [logreg]
families: [l2d]
target: {agreement: 0.9}
"""
HOSTILE = (
    "</code><script>alert(1)</script>",
    "a|b `tick` ``two``",
    "@octocat [x](http://example.com) **bold** #1",
    "![i](http://example.com/i.png)\n# head",
)
WORDS = ("card chip visa plastic", "loan borrow mortgage interest", "app login phone screen", "fee charge cost price")


def traces(labels, n=500, seed=0):
    """Draw traces of labels that can be told apart most of the time."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        at = int(rng.integers(len(labels)))
        words = [
            *rng.choice(WORDS[at].split(), 2),
            *rng.choice(["please", "tell", "me", "about", "my", "the", "a", "for"], 4),
        ]
        if rng.uniform() < 0.45:
            words += list(rng.choice(WORDS[int(rng.integers(len(labels)))].split(), 2))
        rows.append({"id": f"e{i}", "input": " ".join(words), "teacher": labels[at]})
    return rows


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with bundles: old; strict, at another target; other, of other labels and dimension; draft; hostile."""
    folder = tmp_path_factory.mktemp("changes")
    (folder / "router.yaml").write_text(SPEC)
    names = ["card", "loan", "app"]
    write(folder / "traces.jsonl", traces(names))

    def build(name, *overrides, **options):
        out = folder / f"{name}.tracer"
        result = ts.build(folder / "router.yaml", out=out, overrides=overrides, workers=1, **options)
        assert result.status != "refused", name
        (folder / "router.lock").unlink(missing_ok=True)

    build("old")
    build("strict", "target.agreement=0.95")
    build("draft", draft=True)
    write(folder / "traces.jsonl", traces(["card", "loan", "fee"]))
    build("other", "embedder.with.dim=6", "zoo=[logreg, dt]", "defer_labels=[loan]")
    write(folder / "traces.jsonl", traces(HOSTILE))
    build("hostile", "traces.labels.normalize=[strip]", "target.agreement=0.7")
    write(folder / "fresh.jsonl", traces(names, 200, seed=1))
    return folder


def bundle(folder, name):
    return read_bundle(folder / f"{name}.tracer")


def changes(folder, old, new):
    return compare(bundle(folder, old), bundle(folder, new))


def diff(folder, *args):
    """Run the command in this process, in a folder."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        code = main(["diff", *args])
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=error.getvalue())


# --- the data ---------------------------------------------------------------------------------------------------------


def test_rates_before_and_after_are_those_of_both_audits(folder):
    found = changes(folder, "old", "strict")
    audits = [json.loads(bundle(folder, name).members["audit.json"]) for name in ("old", "strict")]
    document = found.document()
    for side, audit in zip(("old", "new"), audits, strict=True):
        assert document["coverage"][side] == audit["handled"] / audit["n"]
        assert document["agreement"][side] == audit["agree"] / audit["handled"]
    by_label = [{row["label"]: row["handled"] / row["n"] for row in audit["labels"]} for audit in audits]
    for row in document["labels"]:
        assert row["delta"] == pytest.approx(by_label[1][row["label"]] - by_label[0][row["label"]])
    assert [row["delta"] for row in document["labels"]] == sorted(row["delta"] for row in document["labels"])
    assert json.loads(json.dumps(document)) == document


def test_two_proportions_is_fishers_exact_test():
    def brute(n, k, m, j):
        """Sum the chances of all tables with these margins that are no likelier than this one."""
        total, ways = k + j, math.comb(n + m, k + j)
        chances = [
            math.comb(n, i) * math.comb(m, total - i) / ways for i in range(max(0, total - m), min(n, total) + 1)
        ]
        here = math.comb(n, k) * math.comb(m, j) / ways
        return sum(each for each in chances if each <= here * (1 + 1e-9))

    for n, k, m, j in ((10, 8, 10, 2), (7, 7, 5, 1), (30, 12, 22, 12), (4, 0, 9, 0)):
        assert two_proportions(n, k, m, j) == pytest.approx(brute(n, k, m, j))
    assert two_proportions(0, 0, 5, 2) == 1.0
    with pytest.raises(ValueError, match="k must lie"):
        two_proportions(3, 4, 5, 2)


def test_only_what_is_more_than_noise_is_called_a_change(folder):
    found = changes(folder, "old", "strict")
    assert found.handled_less
    assert not found.handled_more
    flagged = {each.label for each in (*found.handled_less, *found.handled_more)}
    assert flagged == {each.label for each in found.labels if each.is_change}
    # the same models at two thresholds: rows only move one way, so the sign test, by Holm the least of m p-values m times
    assert found.is_nested
    assert "sign test" in found.noise
    for each in found.labels:
        assert each.p_value == min(1.0, 2 * 0.5 ** abs(each.new.handled - each.old.handled))
    assert min(each.p_value for each in found.handled_less) * len(found.labels) <= 0.05


def test_labels_that_come_and_go_and_what_the_bundle_was_made_from(folder):
    found = changes(folder, "old", "other")
    assert (found.added, found.gone) == (("fee",), ("app",))
    assert not found.is_nested
    spec = {each.address: (each.was, each.now) for each in found.values["spec"]}
    assert spec["zoo.dt"] == (None, "dt")
    assert spec["embedder.with.dim"] == ("8", "given by --set, not told") or "embedder.with.dim" in spec
    embedder = {each.address: (each.was, each.now) for each in found.values["embedder"]}
    assert embedder["dimension"] == (8, 6)
    assert {each.address for each in found.values["plugins"]} == {"surrogate dt"}
    assert ("defer_labels.loan", None, "always deferred") in {
        (each.address, each.was, each.now) for each in found.values["policy"]
    }
    assert found.values["libraries"] == ()


def test_verdict_and_trust_say_what_stands_and_what_does_not(folder):
    stricter = changes(folder, "old", "strict")
    assert verdict(stricter).startswith("certified → certified; agreement target 0.9 → 0.95; coverage ")
    assert f"{len(stricter.handled_less)} label" in verdict(stricter)
    assert trust(stricter)[0].startswith("Yes, for this much: with 95 % confidence")
    weaker = " ".join(trust(changes(folder, "strict", "old")))
    assert "The claim is weaker than before: target 0.95 → 0.9." in weaker
    draft = changes(folder, "old", "draft")
    assert trust(draft)[:2] == [
        "No: it is a draft: coverage and agreement are estimated from the rows it was made from, and nothing is certified.",
        "The old bundle's claim does not carry over.",
    ]
    # A draft counts answers off the list among fit rows alone, so that count differs over the same traces.
    old, counts = bundle(folder, "old"), {"kept": 500, "unknown_labels": 13}
    for status, told in (("draft", []), ("certified", ["unknown_labels"])):
        one, other = (
            replace(
                old, manifest=replace(old.manifest, status=each, provenance={"traces": counts | {"unknown_labels": n}})
            )
            for each, n in (("certified", 13), (status, 5))
        )
        assert [each.address for each in compare(one, other).values["traces"]] == told
    split = replace(draft, values={**draft.values, "traces": (Difference("fit", 300, 310),)})
    assert "Both were made from the same traces, split otherwise: fit 300 → 310." in trust(split)
    other = changes(folder, "old", "other")
    assert "1 label gone; 1 label added" in verdict(other)
    assert "Made from other traces than the old one" in " ".join(trust(other))


def test_one_bundle_with_itself_and_one_that_was_made_at_another_time(folder):
    found = changes(folder, "old", "old")
    assert (found.is_same_file, found.decides_alike, found.handled_less) == (True, True, ())
    assert verdict(found) == f"nothing changes: both are intents {found.new.version}"
    assert not any(found.values.values())


def test_a_bundle_that_counts_nothing_is_compared_as_far_as_it_goes(folder):
    old, new = bundle(folder, "old"), bundle(folder, "strict")
    silent = replace(old, members={**old.members, "audit.json": b'{"schema_version": 1}'})
    found = compare(silent, new)
    assert (found.old.rows, found.coverage_p, found.handled_less) == (None, None, ())
    assert "coverage" not in verdict(found)
    assert "is not known: a bundle has no audit" in changes_markdown(found)
    broken = replace(
        old, members={**old.members, "audit.json": b'{"labels": [{"label": "card", "n": 1, "handled": 2, "agree": 0}]}'}
    )
    with pytest.raises(ts.BundleError, match=r"labels\[0\] has agree, handled and n that are not in rising order"):
        compare(broken, new)


def test_a_bundle_that_decides_alike_is_said_to_whatever_it_was_made_with(folder):
    old = bundle(folder, "old")
    provenance = {**old.manifest.provenance, "libraries": {**old.manifest.provenance["libraries"], "numpy": "0.0.1"}}
    manifest = replace(old.manifest, provenance=provenance, name="renamed").sealed(old.members)
    found = compare(old, replace(old, manifest=manifest, sha256="a" * 64))
    assert verdict(found) == "certified → certified; agreement target 0.9 as before; every request is decided as before"
    assert "Made with other libraries than the old one." in trust(found)
    assert trust(found)[0].startswith("Yes, for this much: ")
    words = {**old.members, "embedder/words.txt": old.members["embedder/words.txt"] + b"x\n"}
    assert not compare(old, replace(old, manifest=old.manifest.sealed(words), members=words)).decides_alike
    assert not changes(folder, "old", "strict").decides_alike


# --- the rows that flip -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def flipped(folder):
    result = call("diff", "old.tracer", "strict.tracer", "--traces", "fresh.jsonl", "--json", cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)["flips"]


def test_the_rows_that_flip_are_those_that_two_routers_decide_differently(folder, flipped):
    rows = [json.loads(line) for line in (folder / "fresh.jsonl").read_text().splitlines()]
    old, new = (
        ts.load(folder / f"{name}.tracer").route_batch([row["input"] for row in rows]) for name in ("old", "strict")
    )
    expected = {at for at in range(len(rows)) if old.labels[at] != new.labels[at]}
    assert {row["row"] for row in flipped["rows"]} == expected
    assert expected
    for row in flipped["rows"]:
        assert (row["old"]["label"], row["new"]["label"]) == (old.labels[row["row"]], new.labels[row["row"]])
        assert (row["id"], row["teacher"]) == (rows[row["row"]]["id"], rows[row["row"]]["teacher"])
        assert "text" not in row
    assert flipped["kinds"] == {"label changed": 0, "newly handled": 0, "newly deferred": len(expected)}
    wrong = sum(old.labels[at] != rows[at]["teacher"] for at in expected)
    assert (flipped["worse"], flipped["better"]) == (0, wrong)
    assert flipped["agree"]["new"] == sum(new.labels[at] == row["teacher"] for at, row in enumerate(rows))
    assert sum(sum(row[kind] for kind in flipped["kinds"]) for row in flipped["labels"]) == len(expected)


def test_rows_of_a_build_are_counted_since_they_flatter_it(folder):
    write(folder / "mixed.jsonl", [*traces(["card", "loan", "app"])[:30], *traces(["card", "loan", "app"], 30, seed=7)])
    flips = json.loads(diff(folder, "old.tracer", "strict.tracer", "--traces", "mixed.jsonl", "--json").stdout)["flips"]
    assert flips["known_to_build"]["old"] == flips["known_to_build"]["new"] >= 30


def test_traces_without_a_teacher_are_decided_and_texts_show_only_where_asked_for(folder):
    rows = [{"input": row["input"]} for row in traces(["card", "loan", "app"], 60, seed=3)]
    write(folder / "bare.jsonl", rows)
    args = ("old.tracer", "other.tracer", "--traces", "bare.jsonl")
    flips = json.loads(diff(folder, *args, "--json").stdout)["flips"]
    assert (flips["n"], flips["labelled"], flips["worse"]) == (60, 0, 0)
    texts = {row["input"] for row in rows}
    told, quiet = diff(folder, *args, "--text", "-v").stdout, diff(folder, *args, "-v").stdout
    assert any(text in told for text in texts)
    assert not any(text in quiet for text in texts)
    assert "Whether flips are right is not known" in quiet


# --- the command line -------------------------------------------------------------------------------------------------


def test_exit_codes_tell_a_difference_from_damage(folder, tmp_path):
    assert diff(folder, "old.tracer", "old.tracer", "--exit-code").returncode == 0
    assert diff(folder, "old.tracer", "draft.tracer").returncode == 0
    assert diff(folder, "old.tracer", "draft.tracer", "--exit-code", "--json").returncode == 5
    damaged = bytearray((folder / "old.tracer").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "damaged.tracer").write_bytes(damaged)
    result = diff(folder, "old.tracer", str(tmp_path / "damaged.tracer"))
    assert result.returncode == 4
    assert "damaged.tracer" in result.stderr
    assert diff(folder, "old.tracer", "old.tracer", "--text").returncode == 2


def test_the_story_fits_a_screen_and_opens_with_the_verdict(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    result = diff(folder, "old.tracer", "other.tracer")
    lines = result.stdout.splitlines()
    assert lines[1].startswith("certified → certified; agreement target 0.9 as before; coverage ")
    assert len(lines) < 45
    assert max(map(len, lines)) < 130
    assert "\x1b" not in result.stdout


def test_no_secret_of_the_environment_reaches_a_diff(folder, tmp_path, monkeypatch):
    shutil.copy(folder / "fresh.jsonl", tmp_path / "traces.jsonl")
    for name, secret in (("a", "hunter2"), ("b", "hunter3")):
        where = "{preset: native, where: \"input != '${TOKEN}'\"}"
        (tmp_path / "router.yaml").write_text(SPEC.replace("jsonl}}", f"jsonl}}, format: {where}}}"))
        monkeypatch.setenv("TOKEN", secret)
        assert ts.build(tmp_path / "router.yaml", out=tmp_path / f"{name}.tracer", draft=True, workers=1).bundle
    for form in ("--json", "--markdown", "-v"):
        said = diff(tmp_path, "a.tracer", "b.tracer", form).stdout
        assert "hunter" not in said


# --- Markdown ---------------------------------------------------------------------------------------------------------


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.cells, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "tr":
            self.cells.append(0)
        if tag in ("td", "th"):
            self.cells[-1] += 1

    def handle_data(self, data):
        self.text.append(data)


def rendered(markdown):
    elements = Elements()
    elements.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
    return elements


def test_a_review_opens_with_the_verdict_and_answers_both_questions(folder):
    text = diff(folder, "old.tracer", "strict.tracer", "--markdown").stdout
    assert text.startswith("### intents: certified → certified; agreement target 0.9 → 0.95; coverage ")
    shown = "".join(rendered(text).text)
    for question in ("What changes for users?", "Can it be trusted?", "What is not known."):
        assert question in shown


@pytest.mark.parametrize(("old", "new"), [("old", "hostile"), ("hostile", "old"), ("hostile", "hostile")])
def test_nothing_in_a_label_is_live_in_a_review(folder, old, new):
    write(folder / "hostile.jsonl", traces(HOSTILE, 80, seed=5))
    args = ("--traces", "hostile.jsonl", "--text", "--markdown")
    text = diff(folder, f"{old}.tracer", f"{new}.tracer", *args).stdout
    elements = rendered(text)
    assert not {"script", "img", "a"} & set(elements.tags)
    assert set(elements.tags) <= {
        *("h3", "p", "strong", "code", "details", "summary", "table", "thead", "tbody", "tr", "th", "td")
    }
    if old != new:
        shown = "".join(elements.text)
        assert all(" ".join(label.split())[:12] in shown for label in HOSTILE)


def test_a_review_is_bounded_and_its_tables_are_whole(folder):
    found = changes(folder, "old", "strict")
    label = found.handled_less[0]
    many = replace(
        found,
        labels=tuple(replace(label, label=f"{'long label ' * 30}{number}") for number in range(2000)),
        gone=tuple(f"gone {'x' * 300} {number}" for number in range(2000)),
        values=dict.fromkeys(("policy", "traces", "plugins", "libraries"), ())
        | {"spec": tuple(Difference(f"key{i}", "a" * 500, "b|" * 300) for i in range(2000))},
    )
    text = changes_markdown(many)
    assert len(text) < 30_000
    assert "1,985 more labels" in text
    elements = rendered(text)
    assert set(elements.cells) == {3, 6}


def test_a_change_tells_what_the_new_claim_does_not_say(documents):
    def bundle(agree):
        audit = documents.audit(["card", "loan"])
        audit["labels"][1] = {"label": "loan", "n": 9, "handled": 9, "agree": agree}
        return documents.bundle(certificate=documents.certificate(), audit=audit)

    found = compare(bundle(9), bundle(1))
    said = "fit rows of rare labels answered with another label: 'loan' 8 of 9"
    assert f"F{said[1:]}." in trust(found)
    assert (found.old.document()["remarks"], found.new.document()["remarks"]) == ([], [said])


def test_of_changes_within_noise_the_largest_are_told_in_either_direction(folder):
    found = changes(folder, "old", "strict")
    label = found.handled_less[0]

    def moved(name, by):
        old, new = (label.old.model_copy(update={"n": 100, "handled": handled}) for handled in (50, 50 + by))
        return replace(label, label=name, old=old, new=new, is_change=False)

    text = changes_markdown(
        replace(found, labels=tuple(moved(*each) for each in (("falls", -1), ("unmoved", 0), ("rises", 9))))
    )
    assert "No single label changes by more than noise; those that change most" in text
    assert 0 < text.index("rises") < text.index("falls")
    assert "unmoved" not in text
