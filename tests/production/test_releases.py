"""A folder of releases: a pointer that always names a whole bundle, and the way back."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import tracer_spec as ts
from tests.runtime import bundles
from tracer_spec.errors import BundleError, TracerError, UsageError
from tracer_spec.production.releases import promote, rollback
from tracer_spec.production.way_back import undone_by
from tracer_spec.runtime import read_bundle
from tracer_spec.runtime.release import Canary, Release, read_release

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "release.v1.json").read_text())


def forged(path: Path, seed: int, **changes) -> Path:
    """Write a bundle that differs from others by its seed, and return its path."""
    provenance = {**bundles.manifest().provenance, "seed": seed}
    path.write_bytes(bundles.forge(bundles.manifest(provenance=provenance, **changes).document()))
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def made(tmp_path):
    """Return three bundles of one router."""
    return [forged(tmp_path / f"{seed}.tracer", seed) for seed in range(3)]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "releases"


def pointer(folder: Path) -> dict:
    document = json.loads((folder / "release.json").read_text())
    jsonschema.validate(document, SCHEMA)
    return document


# --- shadow ------------------------------------------------------------------------------------------------------------


def test_shadow_stays_until_a_promotion_ends_it(made, folder):
    """A pipeline that promotes the same bundle every night must not put a refuted one back to work."""
    promote(made[0], folder)
    assert "mode" not in pointer(folder)
    assert promote(folder, folder, shadow=True).is_change
    modes = []
    for act in (
        lambda: promote(made[0], folder),
        lambda: promote(made[1], folder, canary=0.1),
        lambda: promote(made[1], folder),
        lambda: rollback(folder),
        lambda: promote(made[2], folder, shadow=False),
        lambda: promote(made[1], folder),
    ):
        act()
        modes.append(pointer(folder).get("mode"))
    assert modes == ["shadow"] * 4 + [None] * 2


def test_a_pointer_with_a_mode_that_does_not_exist_is_refused(made, folder):
    promote(made[0], folder, shadow=True)
    document = pointer(folder)
    (folder / "release.json").write_text(json.dumps({**document, "mode": "off"}))
    with pytest.raises(BundleError, match="is 'off'; allowed: shadow"):
        read_release(folder)


# --- promote and rollback ----------------------------------------------------------------------------------------------


def test_the_pointer_names_what_was_promoted_and_remembers_what_was_there(made, folder):
    digests = [digest(each) for each in made]
    for each in made:
        assert promote(each, folder).is_change
    assert pointer(folder) == {
        "schema_version": 1,
        "current": digests[2],
        "canary": None,
        "history": digests[:2],
    }
    assert {path.name for path in folder.iterdir()} == {"release.json", *(f"{each}.tracer" for each in digests)}
    assert [digest(folder / f"{each}.tracer") for each in digests] == digests


def test_a_rollback_goes_back_one_by_one_and_says_to_which(made, folder):
    digests = [digest(promote(each, folder) and each) for each in made]
    for number in (1, 0):
        moved = rollback(folder)
        assert (moved.bundle.sha256, moved.before.sha256) == (digests[number], digests[number + 1])
        assert pointer(folder)["current"] == digests[number]
    with pytest.raises(TracerError, match="there is nothing to go back to: no bundle was promoted before") as raised:
        rollback(folder)
    assert f"promote {folder} {folder} --shadow" in raised.value.problems[0].hint
    assert promote(made[2], folder).release == Release(current=digests[2], history=(digests[0],))


def test_a_rollback_is_named_for_the_bundle_that_it_would_undo_alone(made, folder):
    promote(made[0], folder)
    assert [undone_by(read_bundle(each)) for each in (made[0], folder)] == [None, None]
    promote(made[1], folder)
    assert undone_by(read_bundle(folder)) == folder
    assert undone_by(read_bundle(folder / f"{digest(made[0])}.tracer")) is None
    promote(made[2], folder, canary=0.1)
    assert undone_by(read_bundle(folder)) is None
    assert undone_by(read_bundle(folder / f"{digest(made[2])}.tracer")) == folder
    (folder / "release.json").write_text("{")
    assert undone_by(read_bundle(folder / f"{digest(made[2])}.tracer")) is None


def test_promoting_what_is_there_changes_nothing(made, folder):
    promote(made[0], folder)
    promote(made[1], folder, canary=0.25)
    before = [(path.name, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())]
    assert not promote(made[1], folder, canary=0.25).is_change
    assert [(path.name, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())] == before
    promote(made[1], folder)
    assert not promote(made[1], folder).is_change


def test_a_canary_has_its_share_until_it_is_promoted_ended_or_taken_back(made, folder):
    one, two, three = (digest(each) for each in made)
    promote(made[0], folder)
    assert promote(made[1], folder, canary=0.25).release == Release(current=one, canary=Canary(two, 0.25))
    assert promote(made[1], folder, canary=0.5).release.canary == Canary(two, 0.5)
    assert promote(made[1], folder, canary=0).release == Release(current=one)
    assert promote(made[2], folder, canary=0.1).release.canary == Canary(three, 0.1)
    assert rollback(folder).release == Release(current=one)
    promote(made[1], folder, canary=0.5)
    assert promote(made[1], folder).release == Release(current=two, history=(one,))
    promote(made[2], folder, canary=0.5)
    assert promote(made[1], folder).release == Release(current=two, history=(one,))


def test_a_canary_that_makes_no_sense_is_refused(made, folder):
    with pytest.raises(UsageError, match="a canary needs a current bundle that decides the rest"):
        promote(made[0], folder, canary=0.5)
    promote(made[0], folder)
    with pytest.raises(UsageError, match="this bundle is the current one, and cannot be its own canary"):
        promote(made[0], folder, canary=0.5)
    with pytest.raises(UsageError, match="this bundle is not the canary, so there is none to end"):
        promote(made[1], folder, canary=0)
    assert pointer(folder)["canary"] is None


def test_old_bundles_stay_unless_a_number_to_keep_is_given(made, folder):
    one, two, three = (digest(each) for each in made)
    for each in made:
        promote(each, folder)
    rollback(folder)  # nothing needs the third any more
    (folder / "notes.txt").write_text("mine")
    (folder / "mine.tracer").write_text("mine")
    moved = promote(made[1], folder, keep=1)
    assert (moved.removed, moved.release) == ((three,), Release(current=two, history=(one,)))
    moved = promote(made[2], folder, canary=0.1, keep=0)
    assert (moved.removed, moved.release) == ((one,), Release(current=two, canary=Canary(three, 0.1)))
    names = {path.name for path in folder.iterdir()}
    assert names == {"release.json", "notes.txt", "mine.tracer", f"{two}.tracer", f"{three}.tracer"}


# --- what is checked ---------------------------------------------------------------------------------------------------


def test_what_is_not_certified_is_promoted_only_where_it_is_asked_for(tmp_path, folder):
    draft = forged(tmp_path / "draft.tracer", 0, status="draft")
    with pytest.raises(BundleError, match="is not certified, but draft"):
        promote(draft, folder)
    assert not folder.exists()
    promote(draft, folder, allow_uncertified=True)
    with pytest.raises(BundleError, match="is a draft"):
        ts.load(folder)


def test_a_damaged_bundle_and_one_of_another_router_leave_the_folder_as_it_was(tmp_path, made, folder):
    promote(made[0], folder)
    before = (folder / "release.json").read_bytes()
    made[1].write_bytes(made[1].read_bytes()[:-40] + bytes(40))
    with pytest.raises(BundleError):
        promote(made[1], folder)
    with pytest.raises(BundleError, match=f"{'0' * 64} was asked for"):
        promote(made[2], folder, sha256="0" * 64)
    other = forged(tmp_path / "other.tracer", 0, name="billing")
    with pytest.raises(
        TracerError, match="the folder is of the router 'support-intents', and the bundle is of 'billing'"
    ):
        promote(other, folder)
    assert (folder / "release.json").read_bytes() == before
    assert len(list(folder.iterdir())) == 2


def test_labels_that_come_and_go_are_told_and_what_an_app_must_bring_now(tmp_path, folder):
    promote(forged(tmp_path / "a.tracer", 0), folder)
    labels = ("card_arrival", "refund", "fraud_report")
    moved = promote(forged(tmp_path / "b.tracer", 0, labels=labels, embedder=bundles.LETTERS), folder)
    assert (moved.labels_added, moved.labels_removed) == (("refund",), ("top_up",))
    assert moved.asks_for == ("the embedder 'letters' of tracer-letters 1.0",)
    moved = promote(forged(tmp_path / "c.tracer", 0, labels=labels), folder)
    assert (moved.labels_added, moved.asks_for) == ((), ("vectors of 4 numbers",))


def test_a_rollback_to_a_bundle_that_is_gone_or_damaged_leaves_the_pointer(made, folder):
    for each in made:
        promote(each, folder)
    before, place = (folder / "release.json").read_bytes(), folder / f"{digest(made[1])}.tracer"
    place.write_bytes(made[0].read_bytes())
    with pytest.raises(BundleError, match=f"has the sha256 {digest(made[0])}, which is not its name"):
        rollback(folder)
    place.unlink()
    with pytest.raises(BundleError, match="there is no such file") as raised:
        rollback(folder)
    assert raised.value.problems[0].hint == (
        f"promote it again from a file of it: tracer-spec promote FILE {folder}; until then let the teacher answer everything: "
        f"tracer-spec promote {folder} {folder} --shadow"
    )
    assert (folder / "release.json").read_bytes() == before


def test_what_is_said_of_a_broken_pointer_mends_it(made, folder):
    promote(made[0], folder)
    pointer = folder / "release.json"
    pointer.write_text("{")
    with pytest.raises(BundleError) as raised:
        promote(made[0], folder)
    assert raised.value.problems[0].hint == f"move it away, and write it again: tracer-spec promote BUNDLE {folder}"
    pointer.rename(folder / "release.json.broken")
    assert promote(made[0], folder).is_change


def test_a_damaged_bundle_in_the_folder_is_mended_by_the_next_promotion_of_it(made, folder):
    promote(made[0], folder)
    place = folder / f"{digest(made[0])}.tracer"
    place.write_bytes(b"cut off")
    moved = promote(made[0], folder)
    assert (moved.is_change, moved.before, digest(place)) == (False, None, digest(made[0]))


def test_a_folder_that_is_none_is_told(tmp_path, made):
    (tmp_path / "file").write_text("")
    with pytest.raises(TracerError, match="the folder cannot be made: File exists"):
        promote(made[0], tmp_path / "file")
    with pytest.raises(UsageError, match="there is no such folder"):
        rollback(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"is a folder without release\.json"):
        rollback(tmp_path / "empty")


def test_one_folder_is_promoted_into_another(made, folder, tmp_path):
    promote(made[0], folder)
    promote(made[1], folder)
    assert promote(folder, tmp_path / "live").release == Release(current=digest(made[1]))


# --- several at once, and the one that is killed -----------------------------------------------------------------------

PROMOTE = """
import random, sys
from tracer_spec.production.releases import promote
folder, *made = sys.argv[1:]
rng = random.Random(made[0])
for _ in range(20):
    promote(rng.choice(made), folder, keep=rng.choice([0, 1, None]))
"""


def test_whoever_loads_while_many_promote_gets_a_whole_bundle(made, folder):
    promote(made[0], folder)
    orders = [made, made[::-1], [made[1], made[0], made[2]]]
    running = [
        subprocess.Popen([sys.executable, "-c", PROMOTE, str(folder), *map(str, order)], cwd=ROOT) for order in orders
    ]
    digests, seen = {digest(each) for each in made}, set()
    while any(each.poll() is None for each in running):
        seen.add(read_bundle(folder).sha256)
    assert [each.returncode for each in running] == [0, 0, 0]
    assert seen <= digests
    release = read_release(folder)
    assert all((folder / f"{each}.tracer").exists() for each in (release.current, *release.history))


# a promotion that ends with SIGKILL before its n-th operation on the files of the folder
DYING = """
import os, signal, sys
from tracer_spec.production.releases import promote

left = int(sys.argv[1])

def count_down(event, arguments):
    global left
    if event in ("open", "os.rename", "os.remove") and "releases" in str(arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(count_down)
promote(sys.argv[2], sys.argv[3], keep=0)
"""


def test_a_promotion_that_is_killed_anywhere_leaves_a_folder_that_loads(made, folder):
    promote(made[0], folder)
    digests = [digest(each) for each in made]
    for n_operations in itertools.count(1):
        target = made[1 + n_operations % 2]
        done = subprocess.run([sys.executable, "-c", DYING, str(n_operations), str(target), str(folder)], cwd=ROOT)
        assert read_bundle(folder).sha256 in digests
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert n_operations > 5
    assert read_bundle(folder).sha256 == digest(target)


def test_a_random_walk_of_promotions_always_loads_and_keeps_what_it_may_go_back_to(made, folder):
    rng = random.Random(0)
    promote(made[0], folder)
    for _ in range(150):
        moves = [
            lambda: promote(rng.choice(made), folder, canary=rng.choice([None, 0, 0.5]), keep=rng.choice([None, 2]))
        ]
        try:
            rng.choice([*moves, *moves, lambda: rollback(folder)])()
        except (UsageError, TracerError):
            continue
        release = read_release(folder)
        assert all((folder / f"{each}.tracer").exists() for each in (release.current, *release.history))
        assert release.canary is None or (folder / f"{release.canary.sha256}.tracer").exists()
        assert ts.load(folder).sha256 == release.current
