"""From a dance to joint rotations: limbs by direction, legs by inverse kinematics on a reference skeleton.

The rotations are relative to a reference pose that is the same for every body, so one dance gives the same joint
angles on any person; only the place of the root is scaled by the length of the legs.

Legend: T frames, B bones. Axes: x to the person's left, y to the back, z up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.performers.body import Body, skeleton
from vidgan.performers.dance import Dance

Array = NDArray[np.float64]

DOWN, FRONT = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True)
class Motion:
    """rotations: (T, B, 3, 3) relative to the parent, in world axes; path: (T, 2) of the root in leg lengths."""

    rotations: NDArray[np.float32]
    path: Array
    fps: float
    moves: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rotations)


def turn(axis: str, degrees: NDArray[np.floating[Any]] | float) -> Array:
    """Rotation matrices (..., 3, 3) about a coordinate axis, right-handed."""
    angle = np.deg2rad(np.asarray(degrees, np.float64))
    c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "x": [[i, o, o], [o, c, -s], [o, s, c]],
        "y": [[c, o, s], [o, i, o], [-s, o, c]],
        "z": [[c, -s, o], [s, c, o], [o, o, i]],
    }[axis]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def about(axis: Array, degrees: NDArray[np.floating[Any]] | float) -> Array:
    """Rotation matrices about a unit `axis` (3,) (Rodrigues' formula)."""
    angle = np.deg2rad(np.asarray(degrees, np.float64))[..., None, None]
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross))


def unit(vector: Array) -> Array:
    """The vector at length one, along the last axis."""
    return vector / np.linalg.norm(vector, axis=-1, keepdims=True)


def frame(along: Array, hinge: Array) -> Array:
    """Orthonormal (..., 3, 3) with columns `along`, the part of `hinge` square to it, and their cross product."""
    first = unit(along)
    second = unit(hinge - (hinge * first).sum(-1, keepdims=True) * first)
    return np.stack([first, second, np.cross(first, second)], -1)


class Rig:
    """Turns dances into motions on the reference skeleton."""

    def __init__(self, reference: Body) -> None:
        self.reference = reference
        self.bones = skeleton().index
        self.parents = skeleton().parents

    def joint(self, bone: str) -> Array:
        """The bone's head on the reference skeleton, in double precision."""
        return self.reference.joint(bone).astype(np.float64)

    def motion(self, dance: Dance) -> Motion:
        """Joint rotations and root path of a dance."""
        world = np.tile(np.eye(3), (len(dance), len(self.bones), 1, 1))
        local = np.full(world.shape, np.nan)
        channels = dance.channels
        root = turn("z", channels["heading"]) @ turn("z", channels["hip_turn"]) @ turn("y", channels["sway"])
        self._spine(local, channels)
        self._hands(local, channels)
        chest = root
        for bone in ("spine05", "spine04", "spine03", "spine02", "spine01"):
            chest = chest @ local[:, self.bones[bone]]
        pinned = {"root": root}
        for side, name in ((1, "left"), (-1, "right")):
            pinned |= self._arm(channels, chest, side, name)
            pinned |= self._leg(dance, root, side, name)
        self._clavicles(local, channels)
        rotations = self._to_local(world, local, pinned)
        path = np.stack([channels["x"], channels["y"]], -1)
        return Motion(rotations.astype(np.float32), path, dance.fps, dance.moves)

    def _to_local(self, world: Array, local: Array, pinned: dict[str, Array]) -> Array:
        """Rotations relative to parents, where some bones are given in world (`pinned`), others relative (`local`)."""
        rotations = np.tile(np.eye(3), (len(world), len(self.bones), 1, 1))
        for name, bone in self.bones.items():
            parent = world[:, self.parents[bone]] if bone else np.tile(np.eye(3), (len(world), 1, 1))
            if name in pinned:
                rotations[:, bone] = np.swapaxes(parent, -1, -2) @ pinned[name]
            elif not np.isnan(local[0, bone, 0, 0]):
                rotations[:, bone] = local[:, bone]
            world[:, bone] = parent @ rotations[:, bone]
        return rotations

    def _spine(self, local: Array, channels: dict[str, Array]) -> None:
        # The hips sway under a chest that stays level: the spine takes the sway back.
        for bone in ("spine05", "spine04", "spine03", "spine02", "spine01"):
            local[:, self.bones[bone]] = (
                turn("y", (channels["side"] - channels["sway"]) / 5)
                @ turn("z", (channels["twist"] - 0.8 * channels["hip_turn"]) / 5)
                @ turn("x", channels["bend"] / 5)
            )
        for bone in ("neck01", "neck02", "neck03", "head"):
            local[:, self.bones[bone]] = (
                turn("y", (channels["tilt"] - 0.5 * channels["side"]) / 4)
                @ turn("z", channels["look"] / 4)
                @ turn("x", (channels["nod"] - 0.7 * channels["bend"]) / 4)
            )

    def _clavicles(self, local: Array, channels: dict[str, Array]) -> None:
        """Shoulders rise and come forward with the arm, about a quarter of its raise."""
        for side, name, mark in ((1, "left", "L"), (-1, "right", "R")):
            raised = np.clip(channels[f"{name}_elevation"] - 45, 0, 120) * 0.2
            forward = 0.12 * channels[f"{name}_azimuth"] * np.sin(np.deg2rad(channels[f"{name}_elevation"]))
            local[:, self.bones[f"clavicle.{mark}"]] = turn("z", -side * forward) @ turn("y", -side * raised)

    def _arm(self, channels: dict[str, Array], chest: Array, side: int, name: str) -> dict[str, Array]:
        mark = "L" if side > 0 else "R"
        shoulder, elbow, wrist = (self.joint(f"{bone}.{mark}") for bone in ("upperarm01", "lowerarm01", "wrist"))
        upper0, fore0 = unit(elbow - shoulder), unit(wrist - elbow)
        hinge0 = np.cross(upper0, fore0)
        get = {part: channels[f"{name}_{part}"] for part in ("elevation", "azimuth", "flexion", "rotation", "hand")}
        raised = turn("z", -side * get["azimuth"]) @ turn("y", -side * get["elevation"])
        turned = chest @ raised @ turn("z", side * get["rotation"])
        bent = turned @ turn("x", -np.clip(get["flexion"], 6, 150))
        hinge = turned @ np.cross(DOWN, FRONT)
        upper, fore = turned @ DOWN, bent @ DOWN
        upper_world = frame(upper, hinge) @ frame(upper0, hinge0).T
        fore_world = frame(fore, hinge) @ frame(fore0, hinge0).T
        hand_world = fore_world @ about(fore0, side * get["hand"])
        # Half of the upper arm's roll is taken up at the shoulder, so that the skin there does not wring.
        return {f"upperarm01.{mark}": upper_world, f"lowerarm01.{mark}": fore_world, f"wrist.{mark}": hand_world}

    def _hands(self, local: Array, channels: dict[str, Array]) -> None:
        for side, name, mark in ((1, "left", "L"), (-1, "right", "R")):
            knuckles = unit(self.joint(f"finger5-1.{mark}") - self.joint(f"finger2-1.{mark}"))
            curl = 70 * channels[f"{name}_fist"]
            for finger in (2, 3, 4, 5):
                for part, amount in ((1, 0.6), (2, 0.8), (3, 0.5)):
                    bone = self.bones[f"finger{finger}-{part}.{mark}"]
                    local[:, bone] = about(knuckles, side * amount * curl)

    def _leg(self, dance: Dance, root: Array, side: int, name: str) -> dict[str, Array]:
        mark = "L" if side > 0 else "R"
        channels = dance.channels
        hip0, knee0, ankle0 = (self.joint(f"{bone}.{mark}") for bone in ("upperleg01", "lowerleg01", "foot"))
        scale = self.reference.leg
        pelvis = np.stack([channels["x"] * scale, channels["y"] * scale, self._height(dance, root)], -1)
        hip = pelvis + root @ hip0
        ankle, yaw, pitch = self._ankle(dance, name)
        thigh, shank = np.linalg.norm(knee0 - hip0), np.linalg.norm(ankle0 - knee0)
        reach = ankle - hip
        far = np.clip(np.linalg.norm(reach, axis=-1), 0.45 * (thigh + shank), 0.998 * (thigh + shank))
        toward = unit(reach)
        front = turn("z", yaw + 4 * side) @ FRONT
        pole = unit(front - (front * toward).sum(-1, keepdims=True) * toward)
        cosine = np.clip((thigh**2 + far**2 - shank**2) / (2 * thigh * far), -1, 1)[:, None]
        upper = toward * cosine + pole * np.sqrt(1 - cosine**2)
        lower = unit(toward * far[:, None] - upper * thigh)
        hinge, hinge0 = np.cross(toward, pole), np.cross(unit(ankle0 - hip0), FRONT)
        return {
            f"upperleg01.{mark}": frame(upper, hinge) @ frame(unit(knee0 - hip0), hinge0).T,
            f"lowerleg01.{mark}": frame(lower, hinge) @ frame(unit(ankle0 - knee0), hinge0).T,
            f"foot.{mark}": turn("z", yaw) @ turn("x", pitch),
        }

    def _ankle(self, dance: Dance, name: str) -> tuple[Array, Array, Array]:
        """Where the ankle goes (T, 3), the foot's yaw and pitch (T,); a kick lifts the toes."""
        channels, foot, scale = dance.channels, dance.feet[name], self.reference.leg
        lift, kick = channels[f"{name}_lift"], channels[f"{name}_kick"]
        heading = np.deg2rad(channels["heading"])
        ahead = kick + 0.22 * lift
        x = foot[:, 0] + ahead * np.sin(heading)
        y = foot[:, 1] - ahead * np.cos(heading)
        # Pointing down about the ankle would push the toes into the floor: the ankle rises with it.
        pitch = 90 * foot[:, 3] + 60 * lift - 50 * kick
        toe = 0.17 / scale * np.sin(np.deg2rad(np.clip(pitch, 0, 60)))
        z = foot[:, 3] + lift + toe
        floor = float(self.joint("upperleg01.L")[2] - scale)
        height = self.joint("foot.L")[2] - floor
        return np.stack([x * scale, y * scale, z * scale + height], -1), foot[:, 2], pitch

    def _height(self, dance: Dance, root: Array) -> Array:
        """Height of the root: as high as both feet allow, less the drop asked for, smoothed over 0.1 s."""
        scale = self.reference.leg
        allowed = np.full(len(dance), np.inf)
        for name, mark in (("left", "L"), ("right", "R")):
            hip0, knee0, ankle0 = (self.joint(f"{bone}.{mark}") for bone in ("upperleg01", "lowerleg01", "foot"))
            longest = 0.985 * (np.linalg.norm(knee0 - hip0) + np.linalg.norm(ankle0 - knee0))
            hip = root @ hip0
            ankle, _, _ = self._ankle(dance, name)
            x = dance.channels["x"] * scale + hip[:, 0] - ankle[:, 0]
            y = dance.channels["y"] * scale + hip[:, 1] - ankle[:, 1]
            allowed = np.minimum(allowed, ankle[:, 2] + np.sqrt(np.maximum(longest**2 - x**2 - y**2, 0.1)) - hip[:, 2])
        return smooth(allowed, 0.05 * dance.fps) - dance.channels["drop"] * scale


def smooth(values: Array, sigma: float) -> Array:
    """Gaussian smoothing along time, edges held."""
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, taps / taps.sum(), mode="valid")
