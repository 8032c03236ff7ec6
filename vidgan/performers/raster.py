"""A small software rasteriser: z-buffer, filtered textures, one sun with a soft shadow, sky occlusion, a box room.

The kernels are compiled for the CPU by Warp (which the body model already needs); a launch there runs its threads one
after the other, so the picture is the same in every run and no atomics are needed.

Legend: V vertices, F triangles, h, w the supersampled picture (`SAMPLES` a pixel and axis). World axes: x to the
picture's right, y away from the camera at rest, z up; metres.
"""

# Warp compiles the functions below from their source and their annotations, which are objects and not types, so that
# this module neither postpones annotations nor can be checked as Python.
# mypy: ignore-errors
# A number that a loop or branch changes must be made by float() or int() to be a variable in Warp.
# ruff: noqa: ANN201, D103, RUF046, UP018

import math
from typing import Any

import warp as wp

SAMPLES = 2
FAR = 1e9


@wp.struct
class Texture:
    """A mip chain in a flat texel array: where it starts, its side in texels, its last level."""

    start: int
    side: int
    levels: int


@wp.struct
class Light:
    """One far light with a shadow map, and the sky above with an occlusion map.

    `sun` maps world to (u, v, depth) of the shadow map; `sky` the same, straight from above.
    """

    direction: wp.vec3
    colour: wp.vec3
    above: wp.vec3
    below: wp.vec3
    sun: wp.mat44
    sky: wp.mat44
    softness: float


@wp.struct
class Room:
    """A box: |x| <= half_width, back wall at y = depth, floor at z = 0, ceiling at z = height; textures by metre."""

    half_width: float
    depth: float
    height: float
    floor: Texture
    back: Texture
    side: Texture
    floor_span: float


@wp.struct
class View:
    """A pinhole: origin, rows of the rotation (right, down, forward), focal length and centre in samples."""

    origin: wp.vec3
    right: wp.vec3
    down: wp.vec3
    forward: wp.vec3
    focal: float
    centre_x: float
    centre_y: float


@wp.func
def texel(texels: wp.array(dtype=wp.vec4ub), start: int, side: int, x: int, y: int):
    t = texels[start + (y % side) * side + (x % side)]
    return wp.vec4(float(t[0]), float(t[1]), float(t[2]), float(t[3])) / 255.0


@wp.func
def bilinear(texels: wp.array(dtype=wp.vec4ub), start: int, side: int, u: float, v: float):
    x = u * float(side) - 0.5 + float(side)
    y = v * float(side) - 0.5 + float(side)
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    fx = x - float(x0)
    fy = y - float(y0)
    top = texel(texels, start, side, x0, y0) * (1.0 - fx) + texel(texels, start, side, x0 + 1, y0) * fx
    low = texel(texels, start, side, x0, y0 + 1) * (1.0 - fx) + texel(texels, start, side, x0 + 1, y0 + 1) * fx
    return top * (1.0 - fy) + low * fy


@wp.func
def trilinear(texels: wp.array(dtype=wp.vec4ub), texture: Texture, u: float, v: float, level: float):
    """`u`, `v` in turns, v down; `level` is log2 of texels a sample."""
    wanted = wp.clamp(level, 0.0, float(texture.levels))
    start = texture.start
    side = texture.side
    for _ in range(int(wanted)):
        start += side * side
        side = side // 2
    blend = wanted - wp.floor(wanted)
    colour = bilinear(texels, start, side, u, v)
    if blend > 0.02 and int(wanted) < texture.levels:
        colour = colour * (1.0 - blend) + bilinear(texels, start + side * side, side // 2, u, v) * blend
    return colour


@wp.kernel
def rasterise(
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=int),
    uv: wp.array2d(dtype=wp.vec2),
    layer: wp.array(dtype=int),
    textures: wp.array(dtype=Texture),
    cutout: wp.array(dtype=int),
    texels: wp.array(dtype=wp.vec4ub),
    depth: wp.array2d(dtype=float),
    hit: wp.array2d(dtype=int),
    weights: wp.array2d(dtype=wp.vec2),
):
    """One triangle a thread: `screen` is (x, y, 1 / depth); keeps the nearest face and its weights of corners 1, 2."""
    f = wp.tid()
    a = screen[faces[f, 0]]
    b = screen[faces[f, 1]]
    c = screen[faces[f, 2]]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if wp.abs(area) < 1e-9 or wp.min(wp.min(a[2], b[2]), c[2]) <= 0.0:
        return
    h = depth.shape[0]
    w = depth.shape[1]
    x_first = wp.max(0, int(wp.ceil(wp.min(wp.min(a[0], b[0]), c[0]) - 0.5)))
    x_last = wp.min(w - 1, int(wp.floor(wp.max(wp.max(a[0], b[0]), c[0]) - 0.5)))
    y_first = wp.max(0, int(wp.ceil(wp.min(wp.min(a[1], b[1]), c[1]) - 0.5)))
    y_last = wp.min(h - 1, int(wp.floor(wp.max(wp.max(a[1], b[1]), c[1]) - 0.5)))
    for y in range(y_first, y_last + 1):
        py = float(y) + 0.5
        for x in range(x_first, x_last + 1):
            px = float(x) + 0.5
            w1 = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area
            w2 = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area
            w0 = 1.0 - w1 - w2
            if w0 >= 0.0 and w1 >= 0.0 and w2 >= 0.0:
                inverse = w0 * a[2] + w1 * b[2] + w2 * c[2]
                z = 1.0 / inverse
                if z < depth[y, x]:
                    k1 = w1 * b[2] * z
                    k2 = w2 * c[2] * z
                    solid = int(1)
                    if cutout[layer[f]] == 1:
                        t = uv[f, 0] * (1.0 - k1 - k2) + uv[f, 1] * k1 + uv[f, 2] * k2
                        texture = textures[layer[f]]
                        if bilinear(texels, texture.start, texture.side, t[0], t[1])[3] < 0.5:
                            solid = 0
                    if solid == 1:
                        depth[y, x] = z
                        hit[y, x] = f
                        weights[y, x] = wp.vec2(k1, k2)


@wp.kernel
def depth_map(screen: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=int), depth: wp.array2d(dtype=float)):
    """One triangle a thread: the nearest parallel depth (`screen` is x, y, depth)."""
    f = wp.tid()
    a = screen[faces[f, 0]]
    b = screen[faces[f, 1]]
    c = screen[faces[f, 2]]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if wp.abs(area) < 1e-9:
        return
    side = depth.shape[0]
    for y in range(
        wp.max(0, int(wp.ceil(wp.min(wp.min(a[1], b[1]), c[1]) - 0.5))),
        wp.min(side - 1, int(wp.floor(wp.max(wp.max(a[1], b[1]), c[1]) - 0.5))) + 1,
    ):
        for x in range(
            wp.max(0, int(wp.ceil(wp.min(wp.min(a[0], b[0]), c[0]) - 0.5))),
            wp.min(side - 1, int(wp.floor(wp.max(wp.max(a[0], b[0]), c[0]) - 0.5))) + 1,
        ):
            px = float(x) + 0.5
            py = float(y) + 0.5
            w1 = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area
            w2 = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area
            w0 = 1.0 - w1 - w2
            if w0 >= 0.0 and w1 >= 0.0 and w2 >= 0.0:
                z = w0 * a[2] + w1 * b[2] + w2 * c[2]
                depth[y, x] = wp.min(depth[y, x], z)


@wp.func
def lit(point: wp.vec3, transform: wp.mat44, depth: wp.array2d(dtype=float), radius: float, bias: float, taps: int):
    """The part of the light that reaches `point`: percentage-closer filtering over `taps` x `taps` texels."""
    p = wp.transform_point(transform, point)
    side = depth.shape[0]
    edge = radius + 1.0
    if p[0] < -edge or p[1] < -edge or p[0] > float(side) + edge or p[1] > float(side) + edge:
        return float(1.0)
    reach = float(taps - 1) * 0.5
    open = float(0.0)
    for j in range(taps):
        for i in range(taps):
            x = p[0] + (float(i) - reach) * radius / wp.max(reach, 1.0)
            y = p[1] + (float(j) - reach) * radius / wp.max(reach, 1.0)
            x0 = int(wp.floor(x - 0.5))
            y0 = int(wp.floor(y - 0.5))
            if x0 < 0 or y0 < 0 or x0 >= side - 1 or y0 >= side - 1:
                open += 1.0
            else:
                fx = x - 0.5 - float(x0)
                fy = y - 0.5 - float(y0)
                z = p[2] - bias
                s00 = wp.where(depth[y0, x0] < z, 0.0, 1.0)
                s01 = wp.where(depth[y0, x0 + 1] < z, 0.0, 1.0)
                s10 = wp.where(depth[y0 + 1, x0] < z, 0.0, 1.0)
                s11 = wp.where(depth[y0 + 1, x0 + 1] < z, 0.0, 1.0)
                open += (s00 * (1.0 - fx) + s01 * fx) * (1.0 - fy) + (s10 * (1.0 - fx) + s11 * fx) * fy
    return open / float(taps * taps)


@wp.func
def linear(colour: wp.vec4):
    # Gamma 2: near enough to BT.709's curve and a third of the time of 2.2.
    return wp.vec3(colour[0] * colour[0], colour[1] * colour[1], colour[2] * colour[2])


@wp.func
def display(c: float):
    """Gamma with a soft shoulder, so that lit skin and white cloth keep their shading."""
    x = wp.max(c, 0.0)
    return wp.sqrt(wp.min(x * (1.0 + x / 2.6) / (1.0 + x), 1.0)) * 255.0


@wp.func
def room_colour(
    origin: wp.vec3, ray: wp.vec3, room: Room, light: Light, texels: wp.array(dtype=wp.vec4ub),
    sun_map: wp.array2d(dtype=float), sky_map: wp.array2d(dtype=float), footprint: float,
):  # fmt: skip
    """What the ray sees of the room; `footprint` is the width of a sample one metre away."""
    best = float(1e6)
    wall = int(0)
    if ray[2] < -1e-6:
        best = -origin[2] / ray[2]
    if ray[1] > 1e-6 and (room.depth - origin[1]) / ray[1] < best:
        best = (room.depth - origin[1]) / ray[1]
        wall = 1
    if ray[0] > 1e-6 and (room.half_width - origin[0]) / ray[0] < best:
        best = (room.half_width - origin[0]) / ray[0]
        wall = 2
    if ray[0] < -1e-6 and (-room.half_width - origin[0]) / ray[0] < best:
        best = (-room.half_width - origin[0]) / ray[0]
        wall = 3
    if ray[2] > 1e-6 and (room.height - origin[2]) / ray[2] < best:
        best = (room.height - origin[2]) / ray[2]
        wall = 4
    p = origin + ray * best
    normal = wp.vec3(0.0, 0.0, 1.0)
    colour = wp.vec4(0.9, 0.9, 0.88, 1.0)
    width = footprint * best
    shade = float(1.0)
    if wall == 0:
        grazing = wp.max(wp.abs(ray[2]), 0.12)
        level = wp.log2(wp.max(width / wp.sqrt(grazing) * float(room.floor.side) / room.floor_span, 1.0))
        colour = trilinear(texels, room.floor, p[0] / room.floor_span, p[1] / room.floor_span, level)
        shade = lit(p, light.sun, sun_map, light.softness, 0.02, 4)
    if wall == 1:
        span = 2.0 * room.half_width
        level = wp.log2(wp.max(width * float(room.back.side) / span, 1.0))
        colour = trilinear(texels, room.back, (p[0] + room.half_width) / span, 1.0 - p[2] / span, level)
        normal = wp.vec3(0.0, -1.0, 0.0)
        shade = lit(p, light.sun, sun_map, light.softness * 1.6, 0.02, 4)
    if wall == 2 or wall == 3:
        span = 2.0 * room.half_width
        level = wp.log2(wp.max(2.0 * width * float(room.side.side) / span, 1.0))
        colour = trilinear(texels, room.side, p[1] / span, 1.0 - p[2] / span, level)
        normal = wp.vec3(wp.where(wall == 2, -1.0, 1.0), 0.0, 0.0)
    if wall == 4:
        normal = wp.vec3(0.0, 0.0, -1.0)
    # Corners see less of the room: a cheap ambient occlusion from the distance to the other walls.
    near_floor = wp.where(wall == 0, 1.0, 1.0 - 0.35 * wp.exp(-p[2] / 0.35))
    near_back = wp.where(wall == 1, 1.0, 1.0 - 0.35 * wp.exp(-(room.depth - p[1]) / 0.4))
    near_side = wp.where(wall >= 2, 1.0, 1.0 - 0.3 * wp.exp(-(room.half_width - wp.abs(p[0])) / 0.5))
    open = near_floor * near_back * near_side
    if wall == 0:
        open = open * (0.35 + 0.65 * lit(p + wp.vec3(0.0, 0.0, 0.01), light.sky, sky_map, 5.0, 0.0, 4))
    facing = wp.max(wp.dot(normal, light.direction), 0.0)
    sky = (light.above * (0.5 + 0.5 * normal[2]) + light.below * (0.5 - 0.5 * normal[2])) * open
    received = wp.cw_mul(light.colour, wp.vec3(facing * shade)) + sky
    return wp.cw_mul(linear(colour), received)


@wp.kernel
def shade(
    view: View,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=int),
    uv: wp.array2d(dtype=wp.vec2),
    layer: wp.array(dtype=int),
    textures: wp.array(dtype=Texture),
    gloss: wp.array(dtype=wp.vec3),
    density: wp.array(dtype=float),
    texels: wp.array(dtype=wp.vec4ub),
    hit: wp.array2d(dtype=int),
    weights: wp.array2d(dtype=wp.vec2),
    depth: wp.array2d(dtype=float),
    light: Light,
    sun_map: wp.array2d(dtype=float),
    sky_map: wp.array2d(dtype=float),
    room: Room,
    picture: wp.array2d(dtype=wp.vec3),
):
    """One sample a thread, in display values 0..255. `gloss` is (strength, exponent, wrap) of a layer."""
    i, j = wp.tid()
    f = hit[i, j]
    local = wp.vec3((float(j) + 0.5 - view.centre_x) / view.focal, (float(i) + 0.5 - view.centre_y) / view.focal, 1.0)
    ray = wp.normalize(view.right * local[0] + view.down * local[1] + view.forward)
    out = wp.vec3()
    if f < 0:
        out = room_colour(view.origin, ray, room, light, texels, sun_map, sky_map, 1.0 / view.focal)
    else:
        k = weights[i, j]
        k0 = 1.0 - k[0] - k[1]
        p = points[faces[f, 0]] * k0 + points[faces[f, 1]] * k[0] + points[faces[f, 2]] * k[1]
        n = normals[faces[f, 0]] * k0 + normals[faces[f, 1]] * k[0] + normals[faces[f, 2]] * k[1]
        n = wp.normalize(n)
        if wp.dot(n, ray) > 0.25:
            n = -n
        t = uv[f, 0] * k0 + uv[f, 1] * k[0] + uv[f, 2] * k[1]
        which = layer[f]
        level = wp.log2(wp.max(depth[i, j] / view.focal * density[which], 1.0))
        base = linear(trilinear(texels, textures[which], t[0], t[1], level))
        g = gloss[which]
        reach = lit(p + n * 0.008, light.sun, sun_map, light.softness * 0.5, 0.012, 3)
        facing = wp.max((wp.dot(n, light.direction) + g[2]) / (1.0 + g[2]), 0.0) * reach
        open = 0.4 + 0.6 * lit(p + n * 0.02, light.sky, sky_map, 4.0, 0.02, 3)
        up = 0.5 + 0.5 * n[2]
        # The room gives some light back from where the camera stands, as a filled room does.
        fill = 0.28 * wp.max(-wp.dot(n, ray), 0.0)
        sky = light.above * (up * open) + light.below * (1.0 - up) + light.above * fill
        received = wp.cw_mul(light.colour, wp.vec3(facing)) + sky
        half = wp.normalize(light.direction - ray)
        shine = g[0] * wp.pow(wp.max(wp.dot(n, half), 0.0), g[1]) * reach
        out = wp.cw_mul(base, received) + light.colour * shine
    picture[i, j] = wp.vec3(display(out[0]), display(out[1]), display(out[2]))


@wp.kernel
def bake(
    corner: wp.array2d(dtype=wp.vec2), faces: wp.array2d(dtype=int), values: wp.array2d(dtype=float),
    picture: wp.array3d(dtype=float), covered: wp.array2d(dtype=int),
):  # fmt: skip
    """Draw per-vertex `values` into texture space, half a texel beyond each triangle so that no seam stays open."""
    f = wp.tid()
    side = float(picture.shape[0])
    a = corner[f, 0] * side
    b = corner[f, 1] * side
    c = corner[f, 2] * side
    area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if wp.abs(area) < 1e-9:
        return
    slack = 0.75 * (wp.length(b - a) + wp.length(c - a) + wp.length(c - b)) / 3.0 / wp.abs(area)
    last = picture.shape[0] - 1
    for y in range(
        wp.max(0, int(wp.min(wp.min(a[1], b[1]), c[1]) - 1.0)),
        wp.min(last, int(wp.max(wp.max(a[1], b[1]), c[1]) + 1.0)) + 1,
    ):
        for x in range(
            wp.max(0, int(wp.min(wp.min(a[0], b[0]), c[0]) - 1.0)),
            wp.min(last, int(wp.max(wp.max(a[0], b[0]), c[0]) + 1.0)) + 1,
        ):
            px = float(x) + 0.5
            py = float(y) + 0.5
            w1 = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area
            w2 = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area
            w0 = 1.0 - w1 - w2
            least = wp.min(w0, wp.min(w1, w2))
            inside = least >= 0.0
            if inside or (least > -slack and covered[y, x] == 0):
                for k in range(picture.shape[2]):
                    picture[y, x, k] = (
                        w0 * values[faces[f, 0], k] + w1 * values[faces[f, 1], k] + w2 * values[faces[f, 2], k]
                    )
                covered[y, x] = wp.where(inside, 2, 1)


def device() -> Any:
    """The processor: the launches above count on running one thread after another."""
    return wp.get_device("cpu")


def mip_levels(side: int) -> int:
    """Levels below the full one of a texture whose smallest level has 8 texels a side."""
    return max(0, int(math.log2(side)) - 3)
