import torch

from vidgan.audio.windows import AugmentConfig, augmented, windows

STILL = AugmentConfig(speed=0, pitch=0, gain=0, tilt=0, noise=0, masked=0)


def ramp(frames=50, bands=6):
    return torch.arange(frames, dtype=torch.float32)[:, None] + 100 * torch.arange(bands, dtype=torch.float32)[None]


def test_windows_are_about_their_centres_and_hold_the_ends():
    made = windows(ramp(), torch.tensor([10.0, 20.5, 0.0, 49.0]), reach=2)
    assert made.shape == (4, 5, 6)
    assert made[0, :, 0].tolist() == [8, 9, 10, 11, 12]
    assert made[1, :, 0].tolist() == [18.5, 19.5, 20.5, 21.5, 22.5]
    assert made[2, :, 0].tolist() == [0, 0, 0, 1, 2]
    assert made[3, :, 0].tolist() == [47, 48, 49, 49, 49]


def test_nothing_asked_changes_nothing():
    centres = torch.tensor([10.0, 30.0])
    rng = torch.Generator().manual_seed(0)
    assert torch.equal(augmented(ramp(), centres, 3, STILL, rng, True), windows(ramp(), centres, 3))


def test_speed_stretches_about_the_middle_and_pitch_moves_bands_alike():
    rng = torch.Generator().manual_seed(0)
    fast = augmented(ramp(), torch.full((50,), 25.0), 4, STILL.model_copy(update={"speed": 0.2}), rng, True)
    assert torch.allclose(fast[:, 4, 0], torch.tensor(25.0))
    span = fast[:, 8, 0] - fast[:, 0, 0]
    assert span.min() >= 8 * 0.8 - 1e-4
    assert span.max() <= 8 * 1.2 + 1e-4
    assert span.std() > 0.2
    moved = augmented(ramp(), torch.full((50,), 25.0), 4, STILL.model_copy(update={"pitch": 1.0}), rng, True)
    shift = moved[:, :, 2] - 200 - windows(ramp(), torch.full((50,), 25.0), 4)[:, :, 0]
    assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-3)
    assert 20 < shift.abs().max() <= 100


def test_features_that_are_no_spectrum_keep_their_channels_apart():
    wild = AugmentConfig(speed=0, pitch=2, gain=0, tilt=1, noise=0, masked=3)
    centres = torch.tensor([10.0, 30.0])
    rng = torch.Generator().manual_seed(0)
    assert torch.equal(augmented(ramp(), centres, 3, wild, rng, False), windows(ramp(), centres, 3))


def test_masks_blot_out_neighbouring_bands_in_about_half_of_the_windows():
    rng = torch.Generator().manual_seed(0)
    masked = STILL.model_copy(update={"masked": 2})
    made = augmented(ramp() + 1, torch.full((200,), 25.0), 2, masked, rng, True)
    gone = (made == 0).all(1)
    assert set(gone.sum(1).tolist()) == {0, 2}
    assert 0.3 < gone.any(1).float().mean() < 0.7
