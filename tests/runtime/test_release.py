"""The pointer of a folder of releases, read with nothing taken on trust, and followed by whatever opens a bundle."""

from __future__ import annotations

import hashlib
import json

import pytest

import tracer_spec as ts
from tracer_spec.errors import BundleError
from tracer_spec.runtime import read_bundle
from tracer_spec.runtime.release import Canary, Release, read_release

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture
def folder(good, tmp_path):
    """Return a folder whose pointer names a bundle that loads."""
    digest = hashlib.sha256(good).hexdigest()
    (tmp_path / f"{digest}.tracer").write_bytes(good)
    (tmp_path / "release.json").write_bytes(Release(current=digest).to_json())
    return tmp_path


def test_a_pointer_comes_back_from_its_json(tmp_path):
    for release in (Release(current=ONE), Release(current=ONE, canary=Canary(TWO, 0.25), history=(TWO, ONE, TWO))):
        (tmp_path / "release.json").write_bytes(release.to_json())
        assert read_release(tmp_path) == release


def test_whatever_opens_a_bundle_follows_the_pointer(folder, good):
    digest = hashlib.sha256(good).hexdigest()
    bundle = read_bundle(folder)
    assert (bundle.sha256, bundle.where, bundle.is_pinned) == (digest, str(folder / f"{digest}.tracer"), False)
    assert ts.load(folder).route([2.0, 0.0, 0.0, 0.0]).label == "card_arrival"


def test_a_pin_of_the_caller_holds_whatever_the_pointer_says(folder, good):
    digest = hashlib.sha256(good).hexdigest()
    assert read_bundle(folder, sha256=digest).is_pinned
    with pytest.raises(BundleError, match=f"has the sha256 {digest}; {ONE} was asked for"):
        ts.load(folder, sha256=ONE)


def test_a_bundle_that_is_not_the_one_named_is_refused(folder, good, bundles):
    place = folder / f"{hashlib.sha256(good).hexdigest()}.tracer"
    other = bundles.forge(bundles.manifest(name="billing").document())
    place.write_bytes(other)
    with pytest.raises(BundleError) as caught:
        ts.load(folder)
    (problem,) = caught.value.problems
    assert problem.where == str(place)
    assert problem.what == f"has the sha256 {hashlib.sha256(other).hexdigest()}, which is not its name"
    place.unlink()
    with pytest.raises(BundleError, match="there is no such file"):
        ts.load(folder)


def test_a_folder_without_a_pointer_is_told(tmp_path):
    with pytest.raises(BundleError) as caught:
        ts.load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}\n  is a folder without release.json\n"
        "  hint: name a bundle's file, or put a bundle there: tracer-spec promote BUNDLE FOLDER"
    )


WHOLE = {"schema_version": 1, "current": ONE, "canary": None, "history": []}
BAD = {
    "current": (
        "../../etc/passwd",
        "release.json current",
        "is '../../etc/passwd', which does not match ^[0-9a-f]{64}$",
    ),
    "schema_version": (2, "release.json schema_version", "is 2, not a whole number from 1 to 1"),
    "canary": ({"sha256": ONE, "share": 1.5}, "release.json canary.share", "is 1.5, not in [0.0, 1.0]"),
    "history": ([ONE, 3], "release.json history[1]", "is 3, not a text"),
    "extra": (1, "release.json extra", "is a key that this library does not know"),
}


@pytest.mark.parametrize("key", BAD)
def test_a_pointer_that_is_none_is_refused_by_its_key(tmp_path, key):
    value, address, what = BAD[key]
    (tmp_path / "release.json").write_text(json.dumps({**WHOLE, key: value}))
    with pytest.raises(BundleError) as caught:
        ts.load(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.where, problem.address, problem.what) == (str(tmp_path), address, what)
    assert problem.hint == f"move it away, and write it again: tracer-spec promote BUNDLE {tmp_path}"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"current": 1, "current": 2}', "x" * 2_000_000])
def test_a_pointer_that_is_no_json_is_refused(tmp_path, text):
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(BundleError) as caught:
        read_release(tmp_path)
    assert caught.value.problems[0].address == "release.json"


def test_a_pointer_that_moves_on_while_a_bundle_is_pruned_is_followed(folder, good, monkeypatch):
    """The bundle that the pointer named a moment ago is gone; the pointer names another by now."""
    from tracer_spec.runtime import release

    real = release.read_release
    said = iter([Release(current=TWO)])
    monkeypatch.setattr(release, "read_release", lambda place: next(said, None) or real(place))
    assert read_bundle(folder).sha256 == hashlib.sha256(good).hexdigest()
