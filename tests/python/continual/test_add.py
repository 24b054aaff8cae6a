"""A skill is taught from where the method says, on what it says, and joins the line only if the gate lets it."""

import dataclasses
import shutil

import pytest
from retain.continual import Gate, Lesson, Workshop, add, create, merge_line, read, remove
from retain.continual.exam import ScoreExam
from retain.errors import ContinualError, MergeError
from retain.finetune.configuration import TrainingConfig

from .brought import (
    ALPHAS,
    begin,
    bits,
    bring,
    end_from,
    file_bytes,
    finetuned,
    floats,
    read_weights,
    weights,
    write_policy,
)
from .conftest import SKILLS

CONFIG = TrainingConfig(steps=3, batch_size=8, warmup=1, ema=0.5, save_every=1)
METHODS = ("anchored", "sequential", "parallel")


class DiedError(Exception):
    """Stands for a process that dies."""


def quiet(on_step=lambda _: None):
    return Workshop(threads=1, say=lambda _: None, warn=lambda _: None, on_step=on_step)


def lesson(demonstrations, skill, **settings):
    return Lesson(skill, skill, demonstrations[skill], **{"config": CONFIG} | settings)


def teach(root, demonstrations, skill, **settings):
    return add(root, lesson(demonstrations, skill, **settings), workshop=quiet())


def line_of(base, folder, method, demonstrations, skills, **settings):
    create(base, folder / method, method)
    for skill in skills:
        teach(folder / method, demonstrations, skill, **settings)
    return folder / method


def allow(marks, max_loss=1.0):
    """A gate before which policies have marks by the number of their change."""
    return Gate(ScoreExam(lambda policy, skill: marks[policy.parent.name[:3]], by_skill=False), max_loss)


@pytest.fixture(scope="module")
def lines(base, demonstrations, tmp_path_factory):
    """Method → a line of three skills. Tests must not change it."""
    folder = tmp_path_factory.mktemp("lines")
    return {method: line_of(base, folder, method, demonstrations, SKILLS) for method in METHODS}


def test_finetuning_starts_where_the_method_says(lines):
    for method, root in lines.items():
        line = read(root)
        first, second, third = line.skills
        assert first.start == line.base
        wanted = {
            "anchored": (first.finetuned, second.finetuned),
            "sequential": (first.policy, second.policy),
            "parallel": (line.base, line.base),
        }
        assert (second.start, third.start) == wanted[method]


def test_earlier_demonstrations_are_replayed_in_even_shares(lines, demonstrations):
    for method, root in lines.items():
        mixed = [[(one.skill, one.share) for one in skill.mixed] for skill in read(root).skills]
        anchored = [[], [(SKILLS[0], 0.3)], [(SKILLS[0], 0.15), (SKILLS[1], 0.15)]]
        assert mixed == (anchored if method == "anchored" else [[], [], []])
        assert read(root).skills[0].data.episodes == 2


@pytest.mark.parametrize("method", METHODS)
def test_the_policy_is_the_methods_merge_of_the_recorded_ends(lines, base, tmp_path, method):
    root = lines[method]
    line = read(root)
    ends = [root / skill.finetuned.path for skill in line.skills]
    alphas = [skill.alpha for skill in line.skills]
    merge_line(base, ends, alphas, method, tmp_path / "again", sync=False)
    assert bits(root / line.policy.path) == bits(tmp_path / "again")
    assert len({bits(end) for end in ends} | {bits(base)}) == 4


def test_the_state_to_resume_from_goes_when_it_is_of_no_more_use(lines):
    for root in lines.values():
        left = {path.name for path in root.rglob("*") if path.is_file()}
        assert "log.jsonl" in left
        assert "resume.safetensors" not in left


def test_retraining_without_a_skill_gives_the_line_that_never_had_it_bit_for_bit(base, demonstrations, tmp_path):
    root = line_of(base, tmp_path, "anchored", demonstrations, SKILLS)
    (tmp_path / "other").mkdir()
    never = line_of(base, tmp_path / "other", "anchored", demonstrations, [SKILLS[0], SKILLS[2]])
    change = remove(root, SKILLS[1], retrain=True, workshop=quiet())
    assert change.made
    after, wanted = read(root), read(never)
    assert bits(root / after.policy.path) == bits(never / wanted.policy.path)
    assert [(skill.name, skill.removed) for skill in after.skills] == [
        (SKILLS[0], False), (SKILLS[1], True), (SKILLS[2], False)
    ]  # fmt: skip
    assert [one.skill for one in after.skills[2].mixed] == [SKILLS[0]]
    # And it goes on from there.
    teach(root, demonstrations, SKILLS[1])
    assert read(root).skills[3].start == after.skills[2].finetuned


def test_an_interrupted_lesson_goes_on_and_ends_the_same(base, demonstrations, tmp_path, lines):
    root = tmp_path / "line"
    create(base, root, "sequential")

    def die(line):
        if line.step == 2:
            raise DiedError

    before = (root / "line.json").read_bytes()
    with pytest.raises(DiedError):
        add(root, lesson(demonstrations, SKILLS[0]), workshop=quiet(die))
    assert (root / "line.json").read_bytes() == before
    with pytest.raises(ContinualError, match=r"was begun with other options \(training\)"):
        teach(root, demonstrations, SKILLS[0], config=dataclasses.replace(CONFIG, steps=4))
    steps = []
    add(root, lesson(demonstrations, SKILLS[0]), workshop=quiet(lambda line: steps.append(line.step)))
    assert steps == [2, 3]  # the first step had been saved
    undisturbed = lines["sequential"]
    assert bits(root / read(root).policy.path) == bits(undisturbed / read(undisturbed).skills[0].policy.path)


def test_a_refused_skill_leaves_the_line_and_stays_aside_with_its_figures(base, demonstrations, tmp_path):
    root = line_of(base, tmp_path, "anchored", demonstrations, SKILLS[:1])
    before = (root / "line.json").read_bytes()
    trained = []

    def try_it(gate, **options):
        shop = quiet(lambda line: trained.append(line.step))
        return add(
            root,
            lesson(demonstrations, SKILLS[1], alpha=options.pop("alpha", None)),
            gate=gate,
            workshop=shop,
            **options,
        )

    change = try_it(allow({"001": 9.0, "002": 7.5}))
    assert (change.made, change.verdict.reasons) == (False, ("score: 9 → 7.5, a loss of 1.5, and 1 are allowed",))
    assert (root / "line.json").read_bytes() == before
    assert sorted(path.name for path in change.folder.iterdir()) == [
        "finetuned",
        "policy",
        "request.json",
        "verdict.json",
    ]
    assert trained == [1, 2, 3]
    # Another α merges the same finetuned policy anew.
    old = bits(change.policy)
    assert not try_it(allow({"001": 9.0, "002": 7.9}), alpha=0.2).made
    assert bits(change.policy) != old
    # A gate that is content, or --force, takes it.
    forced = try_it(allow({"001": 9.0, "002": 0.0}), alpha=0.2, force=True)
    assert forced.made
    assert trained == [1, 2, 3]
    skill = read(root).skills[1]
    assert (skill.forced, skill.gate["accepted"], skill.alpha) == (True, False, 0.2)


def test_an_accepted_skill_carries_what_it_cost(tmp_path):
    root = begin(tmp_path, "parallel")
    bring(root, 0)
    assert read(root).skills[0].gate is None
    assert bring(root, 1, gate=allow({"001": 5.0, "002": 4.5})).made
    skill = read(root).skills[1]
    assert (skill.forced, skill.gate["losses"][0]["value"]) == (False, 0.5)


def test_what_cannot_be_merged_is_found_before_anything_is_trained(base, demonstrations, tmp_path):
    root = tmp_path / "line"
    create(base, root, "anchored")
    before = file_bytes(root)
    for settings, error, sentence in [
        ({"alpha": 1.5}, MergeError, "outside"),
        ({"alpha": {"tongue": 0.5, "default": 1.0}}, MergeError, "this policy has no component 'tongue'"),
        ({"replay": 1.0}, MergeError, "the replay share is 1"),
    ]:
        with pytest.raises(error, match=sentence):
            teach(root, demonstrations, SKILLS[0], **settings)
    assert file_bytes(root) == before


def test_data_and_policies_that_changed_are_refused(base, demonstrations, tmp_path):
    data = shutil.copytree(demonstrations[SKILLS[0]], tmp_path / "data")
    root = tmp_path / "line"
    create(base, root, "anchored")
    add(root, dataclasses.replace(lesson(demonstrations, SKILLS[0]), data=data), workshop=quiet())
    readme = data / "meta" / "stats.json"
    readme.write_text(readme.read_text() + "\n")
    with pytest.raises(ContinualError, match="data was changed since the line recorded it: its SHA-256 is another"):
        teach(root, demonstrations, SKILLS[1])
    shutil.rmtree(data)
    with pytest.raises(ContinualError, match="a dataset of the line cannot be read"):
        teach(root, demonstrations, SKILLS[1])
    end = root / read(root).skills[0].finetuned.path / "model.safetensors"
    end.write_bytes(end.read_bytes()[:-4] + b"\x00\x00\x00\x00")
    with pytest.raises(ContinualError, match="finetuned was changed since the line recorded it"):
        teach(root, demonstrations, SKILLS[1], replay=0.0)


def test_a_policy_that_is_brought_must_have_started_where_the_method_says(lines, base, tmp_path):
    root = tmp_path / "line"
    create(base, root, "sequential")
    first, second, _ = (lines["anchored"] / skill.finetuned.path for skill in read(lines["anchored"]).skills)
    assert add(root, Lesson("a", "a", None, first), workshop=quiet()).made
    with pytest.raises(ContinualError, match=r"the next skill of this line starts from .*/policy; finetune from there"):
        add(root, Lesson("b", "b", None, second), workshop=quiet())


def test_a_brought_policy_that_does_not_say_is_taken_with_a_warning(tmp_path):
    root = begin(tmp_path, "anchored")
    bring(root, 0)
    warned = []
    shop = Workshop(threads=1, say=lambda _: None, warn=warned.append)
    end = end_from(tmp_path / "end0", tmp_path / "end1", seed=7)
    assert add(root, Lesson("cup", "cup", None, end, alpha=ALPHAS[0]), workshop=shop).made
    assert any(
        text.startswith(f"cannot tell what {end} was finetuned from; it should be {tmp_path / 'end0'}")
        for text in warned
    )


def test_a_lesson_needs_something_to_learn_from(base, demonstrations, tmp_path, lines):
    with pytest.raises(ContinualError, match="there is nothing to learn from; give --data DEMOS, or --finetuned DIR"):
        Lesson("cup", "cup", None)
    with pytest.raises(ContinualError, match="leave out what would be mixed in"):
        Lesson("cup", "cup", None, tmp_path, replay=0.5)
    root = tmp_path / "line"
    create(base, root, "anchored")
    end = lines["anchored"] / read(lines["anchored"]).skills[0].finetuned.path
    add(root, Lesson("a", "a", None, end), workshop=quiet())
    with pytest.raises(ContinualError, match="'a' was brought without demonstrations, so it cannot be replayed"):
        teach(root, demonstrations, SKILLS[1])
    with pytest.raises(ContinualError, match="the line has a skill 'a' already"):
        add(root, Lesson("a", "a", None, end), workshop=quiet())
    assert teach(root, demonstrations, SKILLS[1], replay=0.0).made


def test_other_data_is_mixed_in_and_recorded(base, demonstrations, tmp_path):
    root = tmp_path / "line"
    create(base, root, "sequential")
    teach(root, demonstrations, SKILLS[0], co_data=((demonstrations[SKILLS[2]], 0.25),))
    (mixed,) = read(root).skills[0].mixed
    assert (mixed.skill, mixed.share, mixed.data.path) == (None, 0.25, str(demonstrations[SKILLS[2]]))


def test_dtype_keeps_what_a_coarse_base_would_round_away(tmp_path):
    write_policy(tmp_path / "base", weights(), "BF16")
    create(tmp_path / "base", tmp_path / "line", "anchored", "float32")
    write_policy(tmp_path / "end0", finetuned(read_weights(tmp_path / "base" / "model.safetensors")), "BF16")
    bring(tmp_path / "line", 0)
    policy = tmp_path / "line" / read(tmp_path / "line").policy.path
    p, f = floats(tmp_path / "base"), floats(tmp_path / "end0")
    for name, values in floats(policy).items():
        assert values == pytest.approx(p[name] + ALPHAS[0] * (f[name] - p[name]), abs=1e-8)
