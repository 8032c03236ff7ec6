"""Retargeting: the driving motion in the target's proportions and at the target's place.

Modes: `none` moves and scales the whole person; `global` scales and moves by how near to the camera they stand, after
"Everybody Dance Now" (Chan et al., ICCV 2019), section 3.4; `limbs` also gives every limb the target's length;
`global+limbs` does both. Legend: T frames, J landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.pose.body import EARS, HEAD, HIPS, SHOULDERS, frame_heights, person_height, point
from vidgan.pose.proportions import SEGMENTS, ratios
from vidgan.pose.track import JOINT, PoseTrack

SIDES = ("left", "right")


class RetargetConfig(Config):
    """How the motion is carried over.

    `limb_world` is the weight of the world landmarks when limbs are measured, 0 to 1; `stay_inside` shortens the way
    that the driving person goes sideways and towards the camera as far as is needed to stay in the target's frame.
    """

    mode: Literal["none", "global", "limbs", "global+limbs"] = "limbs"
    limb_world: float = Field(default=0.5, ge=0, le=1)
    stay_inside: bool = True


@dataclass(frozen=True)
class _Stance:
    """Where somebody stands over time: the foot that carries them (T, 2), and the usual place (2,)."""

    foot: NDArray[np.float64]
    weights: NDArray[np.float64]
    home: NDArray[np.float64]


def retarget(driving: PoseTrack, target: PoseTrack, config: RetargetConfig) -> tuple[PoseTrack, dict[str, Any]]:
    """The driving track as the target would dance it, in pixels of the target's frame.

    Timestamps, world landmarks, visibility and presence are the driving track's. Bones keep their driving direction and
    foreshortening; head and hands are carried along rigidly; the foot that carries the weight goes where the driving
    one goes, so it neither slides nor leaves the ground.

    Returns:
        The track, and the parameters: mode, anchor, scale, translation, limbs; sideways and nearer, the shares kept of
        the way; for global modes the ankle positions and heights near and far.

    Raises:
        PersonError: one of the tracks has nobody in it.
    """
    for track, role in ((driving, "source"), (target, "target")):
        if not track.present.any():
            raise PersonError(f"no person in any frame of the {role}; use a clip that shows one")
    moving = driving[driving.present]
    anchor = "feet" if _feet_seen(driving) and _feet_seen(target) else "pelvis"
    stance, place = _stance(moving, anchor), _stance(target[target.present], anchor)
    lengths = _limb_ratios(driving, target, config)
    scale, feet, parameters = _placing(moving, target, stance, place, config.mode)
    body = _rebuilt(np.asarray(moving.image, np.float64), lengths) * scale[:, None, None]
    body -= _weighted_foot(body, stance.weights, anchor)[:, None]
    if config.stay_inside:
        feet, shares = _inside(body, feet, place.home, (target.width, target.height))
        parameters |= shares
    image = np.full(driving.image.shape, np.nan, np.float32)
    image[driving.present] = body + feet[:, None]
    parameters |= {"mode": config.mode, "anchor": anchor, "limbs": lengths}
    parameters = {name: _rounded(value) for name, value in parameters.items()}
    facts = driving.facts | {"retarget": parameters}
    return replace(driving, image=image, width=target.width, height=target.height, facts=facts), parameters


def _placing(
    driving: PoseTrack, target: PoseTrack, stance: _Stance, place: _Stance, mode: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], dict[str, Any]]:
    """Per frame, the scale (T,) and where the carrying foot goes (T, 2); and the numbers behind them."""
    ratio = person_height(target) / person_height(driving)
    scale = np.full(len(driving), ratio)
    feet = place.home + ratio * (stance.foot - stance.home)
    found: dict[str, Any] = {"scale": ratio, "translation": list(place.home - ratio * stance.home)}
    if mode.startswith("global"):
        here, there = _near_far(driving, stance), _near_far(target[target.present], place)
        scale, feet[:, 1] = _by_depth(stance.foot[:, 1], here, there)
        feet[:, 0] = place.home[0] + scale * (stance.foot[:, 0] - stance.home[0])
        found |= {"driving_near_far": here, "target_near_far": there, "scale_range": [scale.min(), scale.max()]}
    return scale, feet, found


def _near_far(track: PoseTrack, stance: _Stance) -> dict[str, float]:
    """The ankle positions nearest to and farthest from the camera, and the person's height at each, in pixels.

    Section 3.4: nearest is the largest ankle y; farthest the largest among those below the median that are about as
    far from it as the nearest is.
    """
    ankle, heights = stance.foot[:, 1], frame_heights(track.image)
    near, middle = float(np.percentile(ankle, 98)), float(np.median(ankle))
    spread = near - middle
    about = ankle[(ankle < middle) & (np.abs((middle - ankle) - spread) < 0.1 * spread)]
    far = float(about.max()) if len(about) else float(np.percentile(ankle, 2))
    reach = max(0.1 * (near - far), 1.0)
    return {
        "near": near,
        "far": far,
        "near_height": float(np.percentile(heights[np.abs(ankle - near) <= reach], 90)),
        "far_height": float(np.percentile(heights[np.abs(ankle - far) <= reach], 90)),
    }


def _by_depth(
    ankle: NDArray[np.float64], here: dict[str, float], there: dict[str, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and ankle position, interpolated between far and near by where the driving ankle is (section 3.4)."""
    near, far = (there[f"{where}_height"] / here[f"{where}_height"] for where in ("near", "far"))
    depth = here["near"] - here["far"]
    if depth < 0.02 * here["near_height"]:
        return np.full(len(ankle), near), there["near"] + near * (ankle - here["near"])
    share = (ankle - here["far"]) / depth
    return far + np.clip(share, 0, 1) * (near - far), there["far"] + share * (there["near"] - there["far"])


def _limb_ratios(driving: PoseTrack, target: PoseTrack, config: RetargetConfig) -> dict[str, float]:
    if config.mode.endswith("limbs"):
        return ratios(driving, target, config.limb_world)
    return dict.fromkeys(SEGMENTS, 1.0)


def _rebuilt(image: NDArray[np.float64], lengths: dict[str, float]) -> NDArray[np.float64]:
    """The skeleton built anew from the pelvis outwards, every bone longer by its ratio: (T, J, 2)."""
    built = np.empty_like(image)
    pelvis, neck, skull = (point(image, names) for names in (HIPS, SHOULDERS, EARS))
    new_neck = lengths["torso"] * (neck - pelvis)
    new_skull = new_neck + lengths["neck"] * (skull - neck)

    def grow(child: str, parent: str, segment: str) -> None:
        bone = image[:, JOINT[child]] - image[:, JOINT[parent]]
        built[:, JOINT[child]] = built[:, JOINT[parent]] + lengths[segment] * bone

    for name in HEAD:
        built[:, JOINT[name]] = new_skull + lengths["head"] * (image[:, JOINT[name]] - skull)
    for side in SIDES:
        shoulder, hip = JOINT[f"{side}_shoulder"], JOINT[f"{side}_hip"]
        built[:, shoulder] = new_neck + lengths["shoulders"] * (image[:, shoulder] - neck)
        built[:, hip] = lengths["hips"] * (image[:, hip] - pelvis)
        grow(f"{side}_elbow", f"{side}_shoulder", "upper_arm")
        grow(f"{side}_wrist", f"{side}_elbow", "lower_arm")
        grow(f"{side}_knee", f"{side}_hip", "thigh")
        grow(f"{side}_ankle", f"{side}_knee", "shin")
        for finger in ("pinky", "index", "thumb"):
            grow(f"{side}_{finger}", f"{side}_wrist", "hand")
        for end in ("heel", "foot_index"):
            grow(f"{side}_{end}", f"{side}_ankle", "foot")
    return built


def _stance(track: PoseTrack, anchor: str) -> _Stance:
    weights = _carrying(track)
    foot = _weighted_foot(np.asarray(track.image, np.float64), weights, anchor)
    return _Stance(foot, weights, np.median(foot, axis=0))


def _weighted_foot(image: NDArray[np.float64], weights: NDArray[np.float64], anchor: str) -> NDArray[np.float64]:
    """The carrying foot, or the pelvis where feet are not seen: (T, J, 2), (T, 2) → (T, 2)."""
    if anchor == "pelvis":
        return point(image, HIPS)
    return np.asarray(sum(weights[:, i, None] * _foot(image, side) for i, side in enumerate(SIDES)))


def _carrying(track: PoseTrack) -> NDArray[np.float64]:
    """How much of the weight each foot carries, (T, 2), left and right, summing to 1.

    The lower and the stiller foot carries: a sigmoid of the difference in height (4 % of the person's) and in speed
    (0.4 heights/s), averaged over 0.15 s so that the weight passes from foot to foot smoothly.
    """
    height = person_height(track)
    seconds = track.pts * float(track.time_base)
    feet = [_foot(np.asarray(track.image, np.float64), side) / height for side in SIDES]
    lower = feet[0][:, 1] - feet[1][:, 1]
    speeds = [_speed(foot, seconds) for foot in feet]
    logit = lower / 0.04 - (speeds[0] - speeds[1]) / 0.4
    left = _average(1 / (1 + np.exp(-np.clip(logit, -30, 30))), seconds, 0.15)
    return np.stack([left, 1 - left], axis=1)


def _foot(image: NDArray[np.float64], side: str) -> NDArray[np.float64]:
    return point(image, (f"{side}_heel", f"{side}_foot_index"))


def _speed(positions: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(positions) < 2:
        return np.zeros(len(positions))
    return np.asarray(np.linalg.norm(np.gradient(positions, seconds, axis=0), axis=-1))


def _average(values: NDArray[np.float64], seconds: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """The mean of `values` (T,) within `span` / 2 seconds of each."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.searchsorted(seconds, seconds - span / 2 - 1e-9)
    last = np.searchsorted(seconds, seconds + span / 2 + 1e-9)
    return np.asarray((total[last] - total[first]) / (last - first))


def _feet_seen(track: PoseTrack) -> bool:
    ankles = [JOINT["left_ankle"], JOINT["right_ankle"]]
    return bool(np.median(track.visibility[track.present][:, ankles].max(axis=1)) > 0.3)


def _inside(
    body: NDArray[np.float64], feet: NDArray[np.float64], home: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """The feet's way, shortened about home keeping the body off the left, right and lower edge; and by how much."""
    offset = feet - home
    low, high = body.min(axis=1), body.max(axis=1)
    left = _share(-offset[:, 0], home[0] + low[:, 0])
    sideways = min(left, _share(offset[:, 0], size[0] - home[0] - high[:, 0]))
    nearer = _share(offset[:, 1], size[1] - home[1] - high[:, 1])
    offset[:, 0] *= sideways
    offset[:, 1] *= np.where(offset[:, 1] > 0, nearer, 1.0)
    return home + offset, {"sideways": sideways, "nearer": nearer}


def _share(way: NDArray[np.float64], room: NDArray[np.float64]) -> float:
    """The largest share, up to 1, of each frame's way that its room allows: (T,) twice.

    Frames that have no room even at home ask for nothing: no share would help them.
    """
    helps = (way > room) & (room > 0)
    return float(min(1.0, (room[helps] / way[helps]).min())) if helps.any() else 1.0


def _rounded(value: Any) -> Any:
    """Numbers to six digits and plain types, as JSON takes them."""
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(float(value), 6) if isinstance(value, float | np.floating) else value
