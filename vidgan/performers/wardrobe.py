"""What a person wears, as shells around the body: where each garment lies, how far out, and its painted texture.

Coverages are signed distances in metres on a chart of the reference person: positive where the cloth is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.performers.chart import SHOULDER_TO_ELBOW, Chart
from vidgan.performers.patterns import emblem, floats, mix, noise, rgb, stamp, step
from vidgan.performers.people import Bottom, Hair, Person, Shoes, Top

Array = NDArray[np.float32]

WAIST = 0.10


def neckline(chart: Chart, neck: str) -> Array:
    """Distance below a neckline."""
    across, front = np.abs(chart.x), chart.y < 0
    # A plane that leans forward cuts the neck, bent up over the shoulders beside it.
    collar = np.where(chart.z > 0.54, -1, 0.466 + 0.50 * chart.y + 9.0 * across**2 - chart.z)
    if neck == "scoop":
        dip = np.maximum(0.385 + 1.6 * across**2 / 0.09 - chart.z, 0.42 * (across - 0.105))
        return np.where(front, np.minimum(collar + 0.02, dip), collar).astype(np.float32)
    if neck == "vee":
        return np.where(front, np.minimum(collar, 0.6 * (across - 0.52 * (chart.z - 0.345))), collar).astype(np.float32)
    return collar.astype(np.float32)


def top_coverage(chart: Chart, top: Top) -> Array:
    """Shirts: between neckline, hem and the ends of the sleeves."""
    trunk = np.minimum(chart.z - top.hem, neckline(chart, top.neck))
    if top.sleeve <= 0:
        armhole = (0.34 - chart.arm) * 0.10
        return np.where(chart.arm > 0.02, np.minimum(armhole, trunk), trunk).astype(np.float32)
    sleeve = (top.sleeve - chart.reach) * SHOULDER_TO_ELBOW
    return np.where(chart.arm > 0.5, sleeve, trunk).astype(np.float32)


def bottom_coverage(chart: Chart, hem: float, waist: float = WAIST) -> Array:
    """Trousers and shorts: from the waist to the hem, never the arms beside them."""
    legs = np.minimum(waist - chart.z, chart.z - hem)
    return np.where(chart.arm > 0.2, -1, legs).astype(np.float32)


def shoe_coverage(chart: Chart, shoes: Shoes) -> Array:
    """Shoes: below the collar, which is lower over the instep."""
    return np.where(chart.z > -0.6, -1, shoes.top - 0.10 * np.clip(-chart.y - 0.03, 0, 0.1) - chart.z).astype(
        np.float32
    )


def hairline(chart: Chart) -> Array:
    """Distance above the hairline, measured along z."""
    angle = np.abs(np.rad2deg(np.arctan2(chart.x, -(chart.y + 0.015))))
    line = np.interp(
        angle,
        [0, 22, 40, 56, 66, 78, 96, 112, 135, 180],
        [0.703, 0.706, 0.694, 0.674, 0.640, 0.622, 0.628, 0.600, 0.575, 0.562],
    )
    return np.where(chart.z < 0.5, -1, chart.z - line).astype(np.float32)


def hair_offset(chart: Chart, hair: Hair) -> Array:
    """How far the hair stands off the scalp, by style."""
    above = np.clip(hairline(chart) / 0.05, 0, 1)
    swell = above * above * (3 - 2 * above)
    crown = np.clip((chart.z - 0.62) / 0.14, 0, 1)
    if hair.style == "curly":
        lump = 0.010 * noise(chart.x + 0.3 * chart.z, chart.y + chart.z, 0.03, 31, 2)
        return (0.006 + (hair.puff + lump) * swell).astype(np.float32)
    if hair.style == "short":
        tuft = 0.007 * noise(chart.x * 1.5, chart.y + chart.z, 0.025, 32, 2)
        return (0.004 + swell * (0.35 * hair.puff + (0.8 * hair.puff + tuft) * crown)).astype(np.float32)
    return (0.004 + hair.puff * swell * (0.7 + 0.3 * crown)).astype(np.float32)


def paint_top(chart: Chart, top: Top) -> Array:
    """Colours (..., 3) of a shirt: pattern, print on the chest, seams, hems."""
    u, v = chart.around()
    colour = top.pattern(u, v)
    if top.sleeves is not None:
        colour = mix(colour, top.sleeves(u, v), step(chart.arm - 0.5, 0.1))
    if top.emblem is not None:
        cover = stamp(emblem(top.emblem.kind), chart.x, chart.z, (0.0, top.emblem.height), top.emblem.width)
        colour = mix(colour, rgb(top.emblem.colour), cover * step(chart.front, 0.1) * (chart.arm < 0.5))
    inside = top_coverage(chart, top)
    edge = step(0.016 - inside, 0.002)
    if top.trim is not None:
        colour = mix(colour, rgb(top.trim), edge)
    stitch = step(0.0022 - np.abs(inside - 0.018), 0.001)
    seam = step(0.10 - np.abs(chart.arm - 0.5), 0.05) * (top.sleeve > 0)
    return _folds(mix(colour, colour * 0.7, 0.6 * np.maximum(stitch, 0.6 * seam)), chart, 0.10)


def paint_bottom(chart: Chart, bottom: Bottom) -> Array:
    """Colours of trousers: pattern, side stripe, outer seam, waistband, pockets."""
    u, v = chart.around()
    colour = bottom.pattern(u, v)
    outward = np.abs(chart.front)
    middle = np.interp(chart.z, [-0.80, -0.40, 0.0], [0.168, 0.131, 0.105])
    side = (np.abs(chart.x) > middle) & (chart.z < 0.12)
    if bottom.stripe is not None:
        colour = mix(colour, rgb(bottom.stripe), step(0.34 - outward, 0.06) * side)
    dark = colour * 0.6
    colour = mix(colour, dark, 0.6 * step(0.05 - outward, 0.03) * side)
    colour = mix(colour, dark, 0.5 * step(0.003 - np.abs(chart.z - (WAIST - 0.035)), 0.0015))
    pocket = np.abs(np.abs(chart.x) - 0.045 - 0.9 * (chart.z + 0.0)) + 10 * np.clip(
        np.abs(chart.z - 0.035) - 0.03, 0, 1
    )
    colour = mix(colour, dark, 0.6 * step(0.004 - pocket, 0.002) * (chart.front > 0.1))
    fly = np.abs(chart.x) + 10 * np.clip(np.abs(chart.z - 0.02) - 0.05, 0, 1)
    colour = mix(colour, dark, 0.4 * step(0.003 - fly, 0.002) * (chart.front > 0))
    return _folds(colour, chart, 0.12)


def _folds(colour: Array, chart: Chart, depth: float) -> Array:
    """Shade as of folds: soft streaks across the cloth, stronger at elbows, knees and waist."""
    streak = noise(chart.x * 0.8 + chart.y * 0.5, chart.z * 1.6 + 0.4 * np.abs(chart.x), 0.05, 41, 2)
    knee = np.exp(-(((chart.z + 0.40) / 0.07) ** 2)) * chart.leg
    elbow = np.exp(-(((chart.reach - 1.0) / 0.2) ** 2)) * chart.arm
    waist = np.exp(-(((chart.z - 0.05) / 0.06) ** 2))
    amount = depth * (0.5 + np.clip(knee + elbow + 0.7 * waist, 0, 1))
    return np.clip(colour * (1 + (amount * streak)[..., None]), 0, 1).astype(np.float32)


def paint_shoes(along: Array, across: Array, height: Array, shoes: Shoes) -> Array:
    """Colours of shoes: upper, toe cap, laces, collar, sole.

    Args:
        along: 0 at the toe to 1 at the heel.
        across: metres from the middle.
        height: metres above the floor.
        shoes: their colours.
    """
    colour = np.broadcast_to(rgb(shoes.upper), (*along.shape, 3))
    colour = colour * (1 + 0.06 * noise(across, along * 0.25, 0.02, 81, 2))[..., None]
    if shoes.toe is not None:
        colour = mix(colour, rgb(shoes.toe), step(0.17 - along, 0.01))
    instep = (
        step(0.020 - np.abs(across), 0.003)
        * step(along - 0.24, 0.01)
        * step(0.58 - along, 0.01)
        * step(height - 0.045, 0.004)
    )
    colour = mix(colour, colour * 0.7, instep)
    colour = mix(colour, rgb(shoes.sole), instep * step(np.abs((along / 0.075) % 1 - 0.5) - 0.28, 0.08))
    line = step(0.0025 - np.abs(height - 0.024), 0.001)
    return mix(mix(colour, colour * 0.5, line), rgb(shoes.sole), step(0.022 - height, 0.0015))


def paint_hair(u: Array, v: Array, hair: Hair) -> Array:
    """Colours of hair strands; u runs across them, v along."""
    base = rgb(hair.colour)
    if hair.style in ("curly", "crop", "shaved"):
        strand = noise(u, v, 0.012, 51, 2)
    else:
        strand = 0.7 * noise(u, v * 0.12, 0.007, 52, 2) + 0.5 * noise(u, v * 0.2, 0.03, 53, 1)
    return np.clip(base * (1 + 0.42 * strand[..., None]) + 0.02 * strand[..., None], 0, 1).astype(np.float32)


def paint_skin(chart: Chart, person: Person, lips: Array, lids: Array) -> Array:
    """Colours of skin and face: blush, lips, brows, lids, beard, knuckles."""
    skin = rgb(person.skin)
    blotch = noise(chart.x + chart.y, chart.z, 0.03, 61)
    colour = np.clip(skin * (1 + 0.035 * blotch[..., None]), 0, 1)
    across = np.abs(chart.x)
    facing = step(chart.front - 0.1, 0.3)
    warm = skin * floats([1.06, 0.80, 0.76])
    cheek = np.exp(-(((across - 0.040) / 0.016) ** 2) - ((chart.z - 0.607) / 0.016) ** 2)
    nose = np.exp(-((across / 0.012) ** 2) - ((chart.z - 0.608) / 0.014) ** 2)
    colour = mix(colour, warm, 0.55 * (cheek + 0.7 * nose) * facing)
    socket = np.exp(-(((across - 0.030) / 0.018) ** 2) - ((chart.z - 0.649) / 0.011) ** 2)
    colour = mix(colour, skin * floats([0.62, 0.52, 0.50]), 0.42 * socket * facing)
    if person.hair.beard > 0:
        jaw = step(0.592 - chart.z + 0.9 * np.clip(across - 0.03, 0, 1), 0.012) * step(chart.z - 0.528, 0.01)
        lip_gap = 1 - step(0.024 - across, 0.004) * step(chart.z - 0.566, 0.003) * step(0.586 - chart.z, 0.003)
        moustache = step(0.028 - across, 0.004) * step(0.0045 - np.abs(chart.z - 0.5935 + 0.12 * across), 0.003)
        grain = 0.8 + 0.35 * noise(chart.x, chart.z, 0.004, 62, 2)
        cover = np.clip(jaw * lip_gap + moustache, 0, 1) * step(-chart.y - 0.03, 0.02)
        colour = mix(colour, rgb(person.hair.colour) * 0.9, person.hair.beard * 0.85 * grain * cover)
    arch = 0.6735 + 0.10 * (across - 0.012) - 6.5 * np.clip(across - 0.034, 0, 1) ** 2
    thick = 0.0046 - 0.075 * np.clip(across - 0.03, 0, 1)
    brow = step(thick - np.abs(chart.z - arch), 0.0016) * step(across - 0.0115, 0.003) * step(0.052 - across, 0.003)
    colour = mix(colour, rgb(person.brows), 0.9 * brow * facing)
    colour = mix(colour, rgb(person.lips), 0.85 * lips)
    mouth = step(0.0016 - np.abs(chart.z - 0.5795), 0.001) * step(0.026 - across, 0.004)
    colour = mix(colour, rgb(person.lips) * 0.35, 0.8 * mouth * facing)
    colour = mix(colour, rgb(person.brows) * 0.5, 0.75 * lids)
    return colour if person.marks is None else _marked(colour, chart, person.marks)


def _marked(colour: Array, chart: Chart, seed: int) -> Array:
    """Skin with what nobody could guess: stains, spots, lines, and paint about the eyes and on the cheeks."""
    rng = np.random.default_rng((seed, 63))
    seeds, amount = rng.integers(1 << 30, size=8), rng.uniform(0.2, 1.0, 5)
    across, wavy = np.abs(chart.x), 0.006 * noise(chart.x, chart.z, 0.02, int(seeds[0]), 2)
    u, v = chart.x + 0.7 * chart.y, chart.z + 0.3 * chart.y
    for size, depth, number in zip((0.05, 0.018, 0.006), (0.16, 0.14, 0.12), seeds[1:4], strict=True):
        tint = floats(rng.uniform(0.5, 1.0, 3))
        colour = colour * (1 + depth * amount[0] * noise(u, v, size, int(number), 2)[..., None] * tint)
    spots = step(noise(u, v, 0.007, int(seeds[4]), 1) - rng.uniform(0.3, 0.6), 0.1)
    colour = mix(colour, colour * floats(rng.uniform(0.25, 0.6, 3)), amount[1] * spots)
    lines = step(0.16 - np.abs(noise(u * 0.35, v + wavy, 0.012, int(seeds[5]), 1)), 0.1)
    colour = mix(colour, colour * 0.6, 0.7 * amount[2] * lines * step(chart.z - 0.5, 0.02))
    for x, z, wide, high in ((0.030, 0.652, 0.022, 0.014), (0.042, 0.605, 0.020, 0.018), (0.012, 0.72, 0.03, 0.02)):
        spot = np.exp(-(((across - x) / wide) ** 2) - ((chart.z + wavy - z) / high) ** 2)
        paint = 0.7 * rng.uniform() ** 2 * spot * step(chart.front - 0.1, 0.3)
        colour = mix(colour, floats(rng.uniform(0.05, 0.95, 3)), paint)
    return np.clip(colour, 0, 1).astype(np.float32)


def paint_eye(chart: Chart, person: Person, centre: tuple[float, float]) -> Array:
    """Colours of an eyeball that looks ahead from `centre` (x, z)."""
    radius = np.hypot(chart.x - centre[0], chart.z - centre[1])
    ahead = chart.y < -0.1
    white = np.broadcast_to(floats([0.93, 0.92, 0.90]), (*radius.shape, 3))
    iris = rgb(person.eyes) * (0.75 + 0.5 * np.clip(radius / 0.0065, 0, 1))[..., None]
    colour = mix(white, iris, step(0.0066 - radius, 0.0007) * ahead)
    colour = mix(colour, rgb(person.eyes) * 0.3, step(0.0009 - np.abs(radius - 0.0066), 0.0006) * ahead)
    return mix(colour, floats([0.03, 0.025, 0.03]), step(0.0031 - radius, 0.0005) * ahead)
