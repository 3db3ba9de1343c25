"""Static segments: connected regions of a scene that do not move and whose light changes together.

Small patches are grown where neighbouring pixels have one colour and one course of light through
the frames (the graph of Felzenszwalb and Huttenlocher, 2004). Patches whose edges differ between
frames move and are left out: cars, clouds, waves. The others are joined two by two, the most alike
first, and each join is a segment: a part, a thing, a group of things.
"""

from __future__ import annotations

import heapq

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harmaug.data.structure import Agreement

SMALLEST, LARGEST = 0.01, 0.4  # of the frame

_COURSES = 8  # numbers that describe the course of light of a pixel
_COMPARED = 48  # frames that courses are taken of
_DARKEST = 0.03  # added to values before their logarithm, so that noise at night stays small
_ALIKE = 0.15  # distance of features within a patch
_EDGE = 0.4  # constant k of the graph, larger for larger patches
_SMALLEST_PATCH = 12  # pixels
_AGREES = 0.3  # mean correlation of the edges of two frames, above which a pixel stays
_MOST = 0.65  # of the pixels of a patch that show edges, that must stay
_FLAT = 0.1  # length of edges, below which a pixel shows none
_BARE = 0.2  # of a patch, that must show edges to tell
_SOLID = 0.35  # of a segment, that must lie deeper than its outermost pixels
_NEW = 0.1  # of a segment, that its smaller part must bring


def static_segments(frames: Tensor, agreement: Agreement) -> Tensor:
    """Return segments (K, H, W), bool, of 1 % to 40 % of the frame; K may be 0.

    Args:
        frames: (T, 3, H, W) in [0, 1], at least two.
        agreement: of the structure of these frames.
    """
    features = light_features(frames)
    patches = grow_patches(features)
    static = static_patches(patches, agreement)
    numbers = np.where(static, np.cumsum(static) - 1, -1)[patches]
    return _object_like(_join_patches(numbers, features))


def light_features(frames: Tensor) -> np.ndarray:
    """Return features (H, W, D) of colours and of their course through frames (T, 3, H, W)."""
    rows = torch.linspace(0, len(frames) - 1, min(len(frames), _COMPARED)).round().long()
    values = (frames[rows] + _DARKEST).log().flatten(2)
    colour = values.median(0).values.T  # (P, 3)
    course = values.flatten(0, 1).T  # (P, 3 T)
    course = course - course.mean(1, keepdim=True)  # the same for dark and bright paint
    course = course - course.mean(0)
    _, axes = torch.linalg.eigh(course.T @ course)
    parts = [course @ axes[:, -_COURSES:], colour - colour.mean(0)]
    parts = [part / part.square().sum(1).mean().sqrt().clamp_min(1e-6) for part in parts]
    features = torch.cat(parts, 1).T.reshape(1, -1, *frames.shape[2:])
    return _smooth(features)[0].permute(1, 2, 0).numpy()


def grow_patches(features: np.ndarray) -> np.ndarray:
    """Return the number (H, W) of each pixel's patch, from 0; patches are connected."""
    height, width = features.shape[:2]
    place = np.arange(height * width).reshape(height, width)
    across = (place[:, :-1], place[:, 1:]), np.diff(features, axis=1)
    down = (place[:-1], place[1:]), np.diff(features, axis=0)
    ends = [np.concatenate([pair[k].ravel() for pair, _ in (across, down)]) for k in (0, 1)]
    steps = np.concatenate([np.linalg.norm(step, axis=2).ravel() for _, step in (across, down)])
    order = np.argsort(steps, kind="stable")
    above, size = place.ravel().tolist(), [1] * place.size
    limit = [_EDGE] * place.size

    def root(pixel: int) -> int:
        while above[pixel] != pixel:
            above[pixel] = pixel = above[above[pixel]]
        return pixel

    columns = [values[order] for values in (steps, *ends)]
    for step, start, end in zip(*(column.tolist() for column in columns), strict=True):
        a, b = root(start), root(end)
        if a != b and step <= limit[a] and step <= limit[b]:
            above[b], size[a] = a, size[a] + size[b]
            limit[a] = step + _EDGE / size[a]
    roots = np.array([root(pixel) for pixel in above])
    first, second = (roots[column] for column in columns[1:])
    between = first != second
    for start, end in zip(first[between].tolist(), second[between].tolist(), strict=True):
        a, b = root(start), root(end)
        if a != b and min(size[a], size[b]) < _SMALLEST_PATCH:
            above[b], size[a] = a, size[a] + size[b]
    roots = np.array([root(pixel) for pixel in above])
    return np.unique(roots, return_inverse=True)[1].reshape(height, width)


def static_patches(patches: np.ndarray, agreement: Agreement) -> np.ndarray:
    """Return whether (L,) each patch stays where it is.

    Edges tell: those of one frame are in the others too. A patch without edges goes with the
    patches around it.
    """
    frames = agreement.own.shape[1]
    shared, own = (F.avg_pool2d(part.sum(1), 3, 1, 1) for part in (agreement.shared, agreement.own))
    stays = ((shared / ((frames - 1) * own).clamp_min(1e-6)).amax(0) > _AGREES).numpy()
    # Clouds may show in a few frames only.
    shown = agreement.own[0].topk(max(frames // 20, 1), dim=0).values[-1]
    edges = (F.avg_pool2d(shown[None], 3, 1, 1)[0] > _FLAT).numpy()

    area, edged, staying = (
        np.bincount(patches.ravel(), weights=chosen.ravel())
        for chosen in (np.ones_like(edges), edges, edges & stays)
    )
    flat = edged < _BARE * area
    static = ~flat & (staying > _MOST * edged)
    votes, around = np.where(flat, 0, np.where(static, 1, -1)), np.zeros(len(area))
    for first, second in ((patches[:, :-1], patches[:, 1:]), (patches[:-1], patches[1:])):
        border = first != second
        np.add.at(around, first[border], votes[second[border]])
        np.add.at(around, second[border], votes[first[border]])
    return static | (flat & (around > 0))


def _join_patches(numbers: np.ndarray, features: np.ndarray) -> Tensor:
    """Return patches and their joins (K, H, W), bool; ``numbers`` are those of patches, or -1."""
    count = int(numbers.max()) + 1
    inside = numbers.ravel() >= 0
    sizes = np.bincount(numbers.ravel()[inside], minlength=count).astype(float).tolist()
    sums = np.zeros((count, features.shape[2]))
    np.add.at(sums, numbers.ravel()[inside], features.reshape(-1, features.shape[2])[inside])
    means = [row / size for row, size in zip(sums, sizes, strict=True)]
    members = [{patch} for patch in range(count)]
    near: list[set[int]] = [set() for _ in range(count)]
    for first, second in ((numbers[:, :-1], numbers[:, 1:]), (numbers[:-1], numbers[1:])):
        border = (first != second) & (first >= 0) & (second >= 0)
        for a, b in set(zip(first[border].tolist(), second[border].tolist(), strict=True)):
            near[a].add(b)
            near[b].add(a)

    def cost(a: int, b: int) -> float:  # of Ward (1963): what the join adds to the variance
        weight = sizes[a] * sizes[b] / (sizes[a] + sizes[b])
        return weight * float(np.square(means[a] - means[b]).sum())

    queue = [(cost(a, b), a, b) for a in range(count) for b in near[a] if a < b]
    heapq.heapify(queue)
    joined = [False] * count
    kept = list(range(count))
    while queue:
        _, a, b = heapq.heappop(queue)
        if joined[a] or joined[b]:
            continue
        new, size = len(sizes), sizes[a] + sizes[b]
        joined[a] = joined[b] = True
        joined.append(False)
        means.append((sizes[a] * means[a] + sizes[b] * means[b]) / size)
        sizes.append(size)
        members.append(members[a] | members[b])
        near.append((near[a] | near[b]) - {a, b})
        for other in near[new]:
            near[other] = near[other] - {a, b} | {new}
            heapq.heappush(queue, (cost(other, new), other, new))
        if min(sizes[a], sizes[b]) >= _NEW * size:
            kept.append(new)
    share = [sizes[node] / numbers.size for node in kept]
    fitting = [members[n] for n, s in zip(kept, share, strict=True) if SMALLEST <= s <= LARGEST]
    table = torch.zeros(len(fitting), count + 1, dtype=torch.bool)  # the last is "no patch"
    for row, patches in enumerate(fitting):
        table[row, list(patches)] = True
    return table[:, torch.from_numpy(numbers)]


def _object_like(segments: Tensor) -> Tensor:
    """Return those of the segments (K, H, W) that are more than a thin line or a fringe."""
    outside = (~segments).float().unsqueeze(1)
    deep = F.max_pool2d(outside, 3, 1, 1)[:, 0] == 0
    return segments[deep.sum((1, 2)) >= _SOLID * segments.sum((1, 2))]


def _smooth(features: Tensor) -> Tensor:
    """Return features (1, D, H, W), each pixel averaged with those neighbours that are like it."""
    height, width = features.shape[2:]
    for _ in range(4):
        wide = F.pad(features, (1, 1, 1, 1), mode="replicate")
        total, weights = torch.zeros_like(features), torch.zeros_like(features[:, :1])
        for place in range(9):
            y, x = divmod(place, 3)
            other = wide[:, :, y : y + height, x : x + width]
            distance = (other - features).square().sum(1, keepdim=True)
            weight = (-distance / _ALIKE**2).exp()
            total, weights = total + weight * other, weights + weight
        features = total / weights
    return features
