"""``inspect``: at most twenty lines for people, one document for programs."""

from __future__ import annotations

import hashlib
import json
import re


def test_the_story_of_a_bundle_fits_on_twenty_lines(run, bundle):
    result = run("inspect", str(bundle))
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) <= 20
    assert max(map(len, result.stdout.splitlines())) <= 128


def test_the_whole_story_of_a_bundle_is_true(run, bundle):
    result = run("inspect", "-v", str(bundle))
    assert re.match(r"certified  small [0-9a-f]{12}\n", result.stdout)
    assert re.search(rf"^  sha256 +{hashlib.sha256(bundle.read_bytes()).hexdigest()}$", result.stdout, re.MULTILINE)
    assert re.search(
        r"^  embedder +lsa \(tracer-spec [^)]+\), 48 dimensions, in the bundle$", result.stdout, re.MULTILINE
    )
    assert re.search(r"^  traces +1,\d{3} read, 1,500 kept; dropped: \d+ duplicate id; ", result.stdout, re.MULTILINE)
    assert re.search(r"^  built with +.*scikit-learn \d", result.stdout, re.MULTILINE)


def test_inspect_and_build_tell_the_same(run, bundle, built):
    story = run("inspect", str(bundle)).stdout
    told = built.stdout.splitlines()
    assert [line for line in story.splitlines()[1:] if line not in told] == []


def test_what_the_claim_does_not_say_is_noted_for_people_and_programs(run, bundle, built):
    (said,) = json.loads(run("inspect", str(bundle), "--json").stdout)["remarks"]
    assert re.fullmatch(
        r"fit rows of rare labels answered with another label: '\w+' \d+ of \d+(, '\w+' \d+ of \d+)*",
        said,
    )
    for story in (run("inspect", str(bundle)), built):
        assert f"  note        {said}\n" in story.stdout


def test_the_document_of_a_bundle_pins_the_file_and_holds_manifest_and_certificate(run, bundle):
    result = run("inspect", str(bundle), "--json")
    document = json.loads(result.stdout)
    assert (document["schema_version"], document["verified"]) == (1, True)
    assert document["file"]["sha256"] == hashlib.sha256(bundle.read_bytes()).hexdigest()
    assert document["file"]["bytes"] == bundle.stat().st_size
    assert document["manifest"]["name"] == "small"
    assert document["certificate"]["status"] == "certified"


def test_a_bundle_that_is_not_there_is_said_to_be_made_by_build(run):
    result = run("inspect", "nowhere.tracer")
    assert result.returncode == 4
    assert result.stderr.startswith("nowhere.tracer\n  there is no such file\n  hint: make it with 'tracer-spec build'")
