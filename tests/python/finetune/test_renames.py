import numpy as np
import pytest
from retain.errors import DatasetError, TrainingError
from retain.finetune.chunks import read_frames
from retain.finetune.renames import Renames
from retain.finetune.scratch import scratch_policy

from .conftest import record


def test_what_is_written_is_what_is_renamed():
    assert Renames.parse(["observation.images.top = front", "a=b"]).pairs == (("top", "front"), ("a", "b"))


@pytest.mark.parametrize("text", ["top", "=front", "top=", ""])
def test_what_is_no_renaming_is_refused(text):
    with pytest.raises(TrainingError, match="expected --rename RECORDED=POLICY"):
        Renames.parse([text])


def test_one_name_with_two_meanings_is_refused():
    with pytest.raises(TrainingError, match="gives top two names, front and back"):
        Renames.parse(["top=front", "top=back"])
    with pytest.raises(DatasetError, match="makes a and b of one dataset front"):
        Renames.parse(["a=front", "b=front"]).recorded("front", ["a", "b"])


def test_two_datasets_may_each_have_a_name_of_their_own_for_it():
    renames = Renames.parse(["a=front", "b=front"])
    assert [renames.recorded("front", present) for present in (["a"], ["b"], ["front"])] == ["a", "b", "front"]


def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(TrainingError, match="--rename up=top: no dataset has up; they have down, left"):
        Renames.parse(["up=top"]).check_used({"left", "down"})


def test_channels_are_renamed_too(dataset, sizes, tmp_path):
    spec = scratch_policy(dataset, sizes, seed=0)[0].spec
    other = record(tmp_path / "other", joints=("elbow_servo", "wrist"))
    frames = read_frames(other, spec, renames=Renames.parse(["elbow_servo=elbow"]))
    np.testing.assert_array_equal(frames.state, read_frames(dataset, spec).state)
    with pytest.raises(DatasetError, match="lacks the channel elbow, it has elbow_servo"):
        read_frames(other, spec)
