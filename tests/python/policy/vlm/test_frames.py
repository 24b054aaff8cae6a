import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from retain.policy.vlm.frames import fit_frames
from torch.nn import functional

sizes = st.integers(16, 70)


def frames(height, width, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (2, height, width, 3), generator=generator, dtype=torch.uint8)


def lerobot_smolvla(frames, width, height):
    """LeRobot 0.4.4, modeling_smolvla.py: resize_with_pad on frames in [0, 1], then * 2 - 1."""
    image = frames.permute(0, 3, 1, 2).float() / 255
    ratio = max(image.shape[3] / width, image.shape[2] / height)
    rows, columns = int(image.shape[2] / ratio), int(image.shape[3] / ratio)
    image = functional.interpolate(image, size=(rows, columns), mode="bilinear", align_corners=False)
    return functional.pad(image, (width - columns, 0, height - rows, 0), value=0) * 2 - 1


@settings(deadline=None)
@given(sizes, sizes, st.integers(8, 40), st.integers(8, 40))
def test_a_frame_is_resized_as_lerobot_does(rows, columns, height, width):
    given_frames = frames(rows, columns)
    expected = lerobot_smolvla(given_frames, width, height)
    torch.testing.assert_close(fit_frames(given_frames, height, width, centred=False), expected, atol=1e-6, rtol=0)


def test_a_frame_of_the_right_size_is_only_scaled():
    pixels = frames(16, 16)
    fitted = fit_frames(pixels, 16, 16, centred=False)
    assert torch.equal(((fitted + 1) / 2 * 255).round().to(torch.uint8).permute(0, 2, 3, 1), pixels)


@settings(deadline=None)
@given(sizes, sizes, st.booleans())
def test_the_picture_is_never_distorted_and_the_border_is_black(rows, columns, centred):
    white = torch.full((1, rows, columns, 3), 255, dtype=torch.uint8)
    fitted = fit_frames(white, 32, 32, centred=centred)
    assert bool(((fitted == -1) | ((fitted - 1).abs() < 1e-6)).all())
    inside = fitted[0, 0] > 0
    height, width = int(inside.any(1).sum()), int(inside.any(0).sum())
    assert max(height, width) >= 31
    assert abs(height * columns - width * rows) <= max(rows, columns)


def test_the_padding_is_left_and_above_or_on_both_sides():
    wide = torch.full((1, 10, 20, 3), 255, dtype=torch.uint8)
    above = (fit_frames(wide, 20, 20, centred=False)[0, 0, :, 0] < 0).nonzero().flatten().tolist()
    both = (fit_frames(wide, 20, 20, centred=True)[0, 0, :, 0] < 0).nonzero().flatten().tolist()
    assert above == list(range(10))
    assert both == [0, 1, 2, 3, 4, 15, 16, 17, 18, 19]


def test_an_odd_pixel_of_padding_is_below():
    wide = torch.full((1, 9, 20, 3), 255, dtype=torch.uint8)
    column = fit_frames(wide, 20, 20, centred=True, border=-3.0)[0, 0, :, 0]
    assert (column == -3.0).nonzero().flatten().tolist() == [0, 1, 2, 3, 4, 14, 15, 16, 17, 18, 19]
