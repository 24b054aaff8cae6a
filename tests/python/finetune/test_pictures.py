import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.data import Dataset, DatasetWriter, camera, vector
from retain.errors import DatasetError
from retain.finetune.pictures import DecodedPictures, open_pictures, read_pictures
from retain.finetune.renames import Renames
from retain.policy.spec import CameraSpec

CAMERA = "observation.images.front"
FRAME = 16 * 16 * 3


def record(path, dtype):
    rng = np.random.default_rng(0)
    features = {CAMERA: camera(16, 16, dtype), "action": vector(["x"])}
    with DatasetWriter(path, fps=10, robot_type="test", features=features) as writer:
        for length in (5, 8, 6):
            frames = np.broadcast_to(rng.integers(0, 256, (length, 1, 1, 3), dtype=np.uint8), (length, 16, 16, 3))
            writer.add_episode("move", {CAMERA: frames.copy(), "action": np.zeros((length, 1), np.float32)})
    return Dataset(path)


@pytest.fixture(scope="module", params=["image", "video"])
def dataset(request, tmp_path_factory):
    return record(tmp_path_factory.mktemp(request.param) / "demos", request.param)


class Looks:
    """The parts of a policy's spec that pictures depend on."""

    cameras = (CameraSpec("front", 16, 16),)


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.lists(st.integers(0, 18), min_size=1, max_size=8), max_size=5), room=st.integers(0, 20))
def test_frames_are_those_of_the_dataset_whatever_is_kept(dataset, batches, room):
    everything = dataset.images(CAMERA)
    pictures = DecodedPictures(dataset, CAMERA, room * FRAME)
    for batch in batches:
        np.testing.assert_array_equal(pictures[np.array(batch, np.int64)], everything[batch])
    assert len(pictures._kept) == min(room, len({index for batch in batches for index in batch}))


def test_what_was_kept_is_not_decoded_again(dataset, monkeypatch):
    asked = []
    decode = dataset.images
    monkeypatch.setattr(dataset, "images", lambda name, indices: (asked.extend(indices), decode(name, indices))[1])
    pictures = DecodedPictures(dataset, CAMERA, 3 * FRAME)
    pictures[np.array([7, 1, 7, 4, 9])]
    assert asked == [1, 4, 7, 9]
    pictures[np.array([1, 4, 7, 9])]
    assert asked == [1, 4, 7, 9, 9]


def test_pictures_are_in_memory_where_they_fit_and_decoded_on_call_where_they_do_not(dataset):
    needed = 19 * FRAME
    held, taken = open_pictures(dataset, Looks, needed, needed)
    assert isinstance(held[0], np.ndarray)
    assert taken == needed
    called, taken = open_pictures(dataset, Looks, needed - 1, FRAME)
    assert isinstance(called[0], DecodedPictures)
    assert taken == FRAME
    chosen = np.array([3, 18, 0])
    np.testing.assert_array_equal(called[0][chosen], held[0][chosen])


def test_a_camera_of_another_name_is_found_by_its_renaming_and_asked_for_without(dataset):
    class Other:
        cameras = (CameraSpec("top", 16, 16),)

    with pytest.raises(
        DatasetError, match=r"has no camera observation\.images\.top; its cameras: observation\.images\.front"
    ):
        read_pictures(dataset, Other)
    renamed = read_pictures(dataset, Other, np.array([2]), renames=Renames((("front", "top"),)))
    np.testing.assert_array_equal(renamed[0], dataset.images(CAMERA, [2]))
