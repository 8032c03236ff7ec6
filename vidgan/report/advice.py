"""What to do for a better result, in plain words, from what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vidgan.pose.body import person_height
from vidgan.pose.track import JOINT, PoseTrack
from vidgan.report.data import ReportData, Steadiness

SHORT_SECONDS = 15
SMALL_PERSON = 250
DARK_LUMA = 45
UNSTEADY_FACTOR = 1.1

_FEET = ("left_ankle", "right_ankle", "left_foot_index", "right_foot_index")
_HEAD = ("nose", "left_eye", "right_eye")


@dataclass(frozen=True)
class Footage:
    """What the target's footage offers. Shares are in [0, 1] of frames; None where unknown.

    seconds: time with a person in view; person_height: pixels; feet, head: share of frames that show them; luma: mean
    brightness 0-255.
    """

    seconds: float
    person_height: float
    feet: float
    head: float
    luma: float | None


def footage_of(target: PoseTrack, luma: float | None) -> Footage:
    """Look at the target's track; `luma` is what its frames' mean brightness is."""
    present = target.present
    seconds = float((int(target.pts[-1]) - int(target.pts[0])) * target.time_base) if len(target) > 1 else 0.0
    return Footage(
        seconds=seconds * float(present.mean()),
        person_height=person_height(target),
        feet=_shown(target, _FEET),
        head=_shown(target, _HEAD),
        luma=luma,
    )


def advise(data: ReportData, footage: Footage) -> list[str]:
    """Advice, the most useful first."""
    return [*_on_footage(footage), *_on_result(data)]


def _on_footage(footage: Footage) -> Iterator[str]:
    if footage.seconds < SHORT_SECONDS:
        yield (
            f"The target is seen for only {footage.seconds:.0f} s. A minute or two of varied movement, with all sides "
            "of the body shown, gives more to paint from."
        )
    if footage.feet < 0.7:
        yield (
            f"The target's feet are cut off or hidden in {1 - footage.feet:.0%} of the frames: what was never filmed "
            "cannot be shown. Film the whole body with some room around it."
        )
    if footage.head < 0.1:
        yield "The target's face is almost never seen. Film the person from the front as well."
    if footage.person_height < SMALL_PERSON:
        yield (
            f"The target person is only {footage.person_height:.0f} pixels tall. Film closer or at a higher resolution "
            "for a sharper result."
        )
    if footage.luma is not None and footage.luma < DARK_LUMA:
        yield "The target's footage is dark, which blurs and hides the body's outline. Film with more light."


def _on_result(data: ReportData) -> Iterator[str]:
    pose = data.pose
    if pose is not None and pose.checked and pose.missed > 0.05 * pose.checked:
        yield (
            f"In {pose.missed} of {pose.checked} checked frames of the output no person could be found: look at those, "
            "and at the frames without a person in the driving video."
        )
    if pose is not None and pose.mean_percent is not None and pose.mean_percent > 4:
        yield (
            f"The output is {pose.mean_percent:.1f} % of the person's height off the asked pose, which shows. Fast "
            "motion, loose clothes and turns that the target's footage lacks are the usual reasons."
        )
    if _training_lost(data.heldout):
        yield (
            "On held-out frames the trained network is no better than the draft: give it more time (--budget) or more "
            "footage."
        )
    if _flickers(data.steadiness):
        yield "The output flickers more than the driving video does: longer training (--budget) makes it steadier."
    if data.av_sync is not None and not data.av_sync.get("in_sync", True):
        yield "Sound and picture are more than half a frame apart from where they were: check the source's sound track."


def _flickers(steadiness: Steadiness) -> bool:
    ours, theirs = steadiness.person, steadiness.person_in_source
    return ours is not None and theirs is not None and ours > UNSTEADY_FACTOR * theirs


def _training_lost(heldout: Mapping[str, Mapping[str, float | None]]) -> bool:
    """Whether some trained method is there and none of them beats the draft's perceptual distance."""
    draft = heldout.get("draft", {}).get("perceptual")
    trained = [
        row["perceptual"]
        for name, row in heldout.items()
        if name != "draft" and "nearest" not in name and row.get("perceptual") is not None
    ]
    return draft is not None and bool(trained) and min(value for value in trained if value is not None) >= draft


def _shown(track: PoseTrack, names: tuple[str, ...]) -> float:
    """The share of frames with a person in which all the named landmarks are seen inside the frame."""
    rows = [JOINT[name] for name in names]
    image, visibility = track.image[track.present][:, rows], track.visibility[track.present][:, rows]
    inside = (image >= 0).all((1, 2)) & (image[..., 0] <= track.width).all(1) & (image[..., 1] <= track.height).all(1)
    return float((inside & (visibility >= 0.5).all(1)).mean()) if len(image) else 0.0
