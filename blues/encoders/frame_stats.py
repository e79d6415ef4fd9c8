"""Features of one polar frame that a clinician can read. Nothing is learned, no label was looked at in choosing them.

Rows of the image are depth from the probe, columns are scan lines; the outer sixth on either side is left out, where
sectors are often cut. The pleural line is traced as the brightest continuous ridge of the upper half, and what lies below it
is straightened along it and described by what the BLUE protocol looks for (Lichtenstein 2014, doi:10.1186/2110-5820-4-1):
A-lines are repetitions of the pleural line at multiples of its depth, B-lines are vertical streaks from the pleural line to
the bottom that do not fade, consolidation is a patchy tissue-like region under a broken pleural line.
"""

from __future__ import annotations

import numpy as np

from blues.encoders.pleura import average, below, filled, ridge, trace

__all__ = ["DEFINITION", "FEATURES", "frame_stats"]

# To be raised whenever a feature's values change: it is part of the encoder's hash, and with it of every cache.
DEFINITION = "frame-stats 2"
SIZE = (128, 128)
EPSILON = np.float32(1e-3)

FEATURES: dict[str, str] = {
    "brightness_mean": "mean gray level of the frame (1 = white)",
    "brightness_sd": "standard deviation of the gray level",
    "brightness_p10": "10th percentile of the gray level",
    "brightness_p50": "median gray level",
    "brightness_p90": "90th percentile of the gray level",
    "brightness_p99": "99th percentile of the gray level",
    "dark_share": "share of pixels below gray level 0.05",
    "brightness_entropy": "entropy of the gray-level histogram (bits)",
    "depth_band_1_mean": "mean gray level, shallowest quarter of the depth",
    "depth_band_2_mean": "mean gray level, second quarter of the depth",
    "depth_band_3_mean": "mean gray level, third quarter of the depth",
    "depth_band_4_mean": "mean gray level, deepest quarter of the depth",
    "depth_band_1_sd": "standard deviation of the gray level, shallowest quarter",
    "depth_band_2_sd": "standard deviation of the gray level, second quarter",
    "depth_band_3_sd": "standard deviation of the gray level, third quarter",
    "depth_band_4_sd": "standard deviation of the gray level, deepest quarter",
    "attenuation_slope": "change of the log gray level from top to bottom (straight line over the rows)",
    "attenuation_residual": "how far the rows scatter about that line",
    "brightness_centre_depth": "depth below which half of the brightness lies (share of the image)",
    "pleura_depth": "depth of the pleural line (share of the image)",
    "pleura_brightness": "gray level of the pleural line",
    "pleura_contrast": "pleural line against the tissue above and below it",
    "pleura_thickness": "extent in depth of the pleural line at half its contrast (share of the image)",
    "pleura_irregularity": "scatter of the pleural line about a smooth curve (share of the image)",
    "pleura_gaps": "share of scan lines where the pleural line is interrupted",
    "pleura_unevenness": "variation of the pleural line's brightness across scan lines",
    "below_pleura_mean": "mean gray level below the pleural line",
    "below_pleura_near": "gray level just below the pleural line, relative to it",
    "below_pleura_middle": "gray level in the middle of the lung field, relative to the pleural line",
    "below_pleura_deep": "gray level at the bottom, relative to the pleural line",
    "below_pleura_slope": "change of the log gray level from the pleural line to the bottom",
    "below_pleura_dark_share": "share of the lung field darker than a tenth of the pleural line",
    "white_lung_share": "share of the lung field brighter than half the pleural line",
    "near_pleura_patchiness": "variation between neighbouring patches just below the pleural line",
    "b_line_contrast": "bright against dim scan lines below the pleural line",
    "b_line_continuity": "longest-lasting scan lines: share of the depth over which they outshine their row",
    "b_line_width": "share of scan lines that outshine their row over most of the depth",
    "b_line_count": "number of separate groups of such scan lines",
    "b_line_persistence": "brightness of the bright scan lines at the bottom relative to the top of the lung field",
    "vertical_streak_share": "share of the variance below the pleural line that lies between scan lines",
    "vertical_coherence": "agreement of the scan-line pattern between upper and lower lung field (correlation)",
    "shadow_share": "share of scan lines in shadow (ribs, poor contact)",
    "horizontal_streak_share": "share of the variance below the pleural line that lies between rows",
    "a_line_periodicity": "strongest repetition of the rows below the pleural line (autocorrelation)",
    "a_line_spacing": "spacing of that repetition (share of the image; 0 if none)",
    "a_line_spacing_to_pleura": "that spacing divided by the depth of the pleural line (A-lines: near 1)",
    "a_line_first": "ridge at twice the depth of the pleural line, relative to the pleural line's",
    "a_line_second": "ridge at three times the depth of the pleural line, relative to the pleural line's",
    "speckle_contrast": "local standard deviation over local mean below the pleural line",
    "texture_vertical": "gray-level change along depth, relative to the mean",
    "texture_horizontal": "gray-level change across scan lines, relative to the mean",
    "texture_ratio": "change along depth over change across scan lines (horizontal structure: above 1)",
    "left_right_asymmetry": "difference between the halves of the image, relative to the mean",
    "centre_edge_ratio": "brightness of the middle half of the scan lines relative to the outer half",
}


def frame_stats(frames: np.ndarray) -> np.ndarray:
    """Compute the features of polar frames.

    Parameters
    ----------
    frames : ndarray of uint8, shape (n, height, width)
        Rows are depth, columns scan lines.

    Returns
    -------
    ndarray of float32, shape (n, len(FEATURES))
        Always finite; a black frame gives values too.

    Examples
    --------
    >>> frame_stats(np.zeros((2, 128, 128), np.uint8)).shape == (2, len(FEATURES))
    True
    """
    chunks = [_chunk(frames[start : start + 32]) for start in range(0, len(frames), 32)]
    return np.concatenate(chunks) if chunks else np.zeros((0, len(FEATURES)), np.float32)


def _chunk(frames: np.ndarray) -> np.ndarray:
    edge = frames.shape[2] // 6
    frames = np.ascontiguousarray(frames[:, :, edge : frames.shape[2] - edge])
    image = frames.astype(np.float32)
    image /= 255
    height = image.shape[1]
    reach = max(2, height // 16)
    upper = filled(image, height // 2 + 2 * reach)
    # nine scan lines, as three times three, and three rows
    smooth = average(average(average(upper, 2), 2, step=3), 1)
    contrast = ridge(smooth, reach)
    path = trace(contrast[:, : height // 2], height // 12)
    lung = below(image, path, max(2, height // 32), height * 5 // 8)
    pleura = _pleura(smooth, contrast, path, height)
    values = _brightness(frames) | _depth(image) | pleura
    values |= _lung_field(lung, pleura["pleura_brightness"]) | _vertical(lung)
    values |= _horizontal(lung, pleura["pleura_contrast"], np.median(path, axis=1), height)
    values |= _texture(lung, image.mean(1))
    return np.stack([values[name] for name in FEATURES], axis=1).astype(np.float32)


def _brightness(frames: np.ndarray) -> dict[str, np.ndarray]:
    n, pixels = len(frames), frames[0].size
    keys = frames.reshape(n, -1) + np.arange(n)[:, None] * 256
    share = np.bincount(keys.ravel(), minlength=256 * n).reshape(n, 256) / pixels
    levels = np.arange(256) / 255
    cumulative = share.cumsum(1)
    mean = np.einsum("nl,l->n", share, levels)
    values = {
        "brightness_mean": mean,
        "brightness_sd": np.sqrt(np.maximum(np.einsum("nl,l->n", share, levels**2) - mean**2, 0)),
        "dark_share": cumulative[:, 12],
        "brightness_entropy": -(share * np.log2(np.maximum(share, 1e-12))).sum(1),
    }
    for q in (10, 50, 90, 99):
        values[f"brightness_p{q}"] = (cumulative >= q / 100 - 1e-9).argmax(1) / 255
    return values


def _line(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the change over the length of a straight line through each row of ``values``, and the residual's sd."""
    x = np.linspace(-0.5, 0.5, values.shape[1], dtype=np.float32)
    slope = np.einsum("nh,h->n", values, x) / np.einsum("h,h->", x, x)
    rest = values - values.mean(1, keepdims=True) - slope[:, None] * x
    return slope, rest.std(1)


def _depth(image: np.ndarray) -> dict[str, np.ndarray]:
    rows = image.mean(2)
    slope, rest = _line(np.log(rows + 0.01))
    share = rows.cumsum(1) / np.maximum(rows.sum(1, keepdims=True), EPSILON)
    values = {
        "attenuation_slope": slope,
        "attenuation_residual": rest,
        "brightness_centre_depth": (share >= 0.5).argmax(1) / rows.shape[1],
    }
    squares = np.einsum("nhw,nhw->nh", image, image) / image.shape[2]
    for number, (part, square) in enumerate(
        zip(np.array_split(rows, 4, 1), np.array_split(squares, 4, 1), strict=True), 1
    ):
        values[f"depth_band_{number}_mean"] = part.mean(1)
        values[f"depth_band_{number}_sd"] = np.sqrt(np.maximum(square.mean(1) - part.mean(1) ** 2, 0))
    return values


def _pleura(smooth: np.ndarray, contrast: np.ndarray, path: np.ndarray, height: int) -> dict[str, np.ndarray]:
    around = max(3, height // 16)
    own = np.take_along_axis(contrast, path[:, None], 1)[:, 0]
    bright = np.take_along_axis(smooth, path[:, None], 1)[:, 0]
    rows = np.clip(path[:, None] + np.arange(-around, around + 1)[:, None], 0, contrast.shape[1] - 1)
    near = np.take_along_axis(contrast, rows, 1)
    # the scatter about a parabola: probe and chest wall are seldom parallel, and the wall is curved
    curve = np.polynomial.legendre.legvander(np.linspace(-1, 1, path.shape[1]), 2)
    smoother = (curve @ np.linalg.pinv(curve)).astype(np.float32)
    wander = path.astype(np.float32)
    wander -= np.einsum("nw,wv->nv", wander, smoother)
    typical = np.median(own, axis=1)
    level = bright.mean(1)
    return {
        "pleura_depth": np.median(path, axis=1) / height,
        "pleura_brightness": level,
        "pleura_contrast": own.mean(1),
        "pleura_thickness": (near > np.maximum(own, EPSILON)[:, None] / 2).sum(1).mean(1) / height,
        "pleura_irregularity": wander.std(1) / height,
        "pleura_gaps": (own <= typical[:, None] / 2).mean(1),
        "pleura_unevenness": bright.std(1) / (level + EPSILON),
    }


def _lung_field(lung: np.ndarray, pleura: np.ndarray) -> dict[str, np.ndarray]:
    level = pleura + 0.01
    rows = lung.mean(2)
    near, middle, _, deep = (part.mean(1) for part in np.array_split(rows, 4, 1))
    strip = lung[:, : lung.shape[1] // 4]
    patches = strip[:, :, : strip.shape[2] // 8 * 8].reshape(*strip.shape[:2], -1, 8).mean((1, 3))
    return {
        "below_pleura_mean": rows.mean(1),
        "below_pleura_near": near / level,
        "below_pleura_middle": middle / level,
        "below_pleura_deep": deep / level,
        "below_pleura_slope": _line(np.log(rows + 0.01))[0],
        "below_pleura_dark_share": (lung < level[:, None, None] / 10).mean((1, 2)),
        "white_lung_share": (lung > level[:, None, None] / 2).mean((1, 2)),
        "near_pleura_patchiness": np.abs(np.diff(patches, axis=1)).mean(1) / (patches.mean(1) + 0.01),
    }


def _vertical(lung: np.ndarray) -> dict[str, np.ndarray]:
    """Describe what runs along the scan lines: B-lines, shadows."""
    lines = average(lung[:, lung.shape[1] // 8 :].mean(1), 1)
    low, high = np.percentile(lines, (25, 95), axis=1)
    mean = lines.mean(1)
    outshine = average((lung > lung.mean(2, keepdims=True)).mean(1, dtype=np.float32), 1)
    lasting = outshine > 0.8
    starts = lasting & ~np.pad(lasting, ((0, 0), (1, 0)))[:, :-1]
    total = lung.reshape(len(lung), -1).var(1)
    top, _, _, bottom = (part.mean(1) for part in np.array_split(lung, 4, 1))
    weight = np.maximum(lines - mean[:, None], 0)
    upper, lower = (part.mean(1) for part in np.array_split(lung, 2, 1))
    upper, lower = (part - part.mean(1, keepdims=True) for part in (upper, lower))
    agreement = (upper * lower).sum(1) / np.maximum(np.sqrt((upper**2).sum(1) * (lower**2).sum(1)), EPSILON)
    return {
        "b_line_contrast": (high - low) / (mean + 0.01),
        "b_line_continuity": np.percentile(outshine, 98, axis=1),
        "b_line_width": lasting.mean(1),
        "b_line_count": starts.sum(1),
        "b_line_persistence": (weight * bottom).sum(1) / ((weight * top).sum(1) + EPSILON),
        "vertical_streak_share": lung.mean(1).var(1) / (total + 1e-6),
        "vertical_coherence": agreement,
        "shadow_share": (lines < 0.4 * mean[:, None]).mean(1),
        "horizontal_streak_share": lung.mean(2).var(1) / (total + 1e-6),
    }


def _horizontal(lung: np.ndarray, pleura: np.ndarray, depth: np.ndarray, height: int) -> dict[str, np.ndarray]:
    """Describe what repeats along depth: A-lines."""
    n, rows = lung.shape[:2]
    frame = np.arange(n)
    reach = max(2, height // 16)
    gap = max(2, height // 32)
    profile = ridge(average(lung.mean(2), 1), reach)
    wave = profile[:, reach:-reach] - profile[:, reach:-reach].mean(1, keepdims=True)
    lags = np.arange(reach, rows * 2 // 3)
    power = np.fft.irfft(np.abs(np.fft.rfft(wave, 2 * rows)) ** 2, 2 * rows)
    correlation = power[:, lags[0] - 1 : lags[-1] + 2] / np.maximum(power[:, :1], 1e-9)
    inner = correlation[:, 1:-1]
    peaks = np.where((inner > correlation[:, :-2]) & (inner >= correlation[:, 2:]) & (inner > 0), inner, 0)
    best = peaks.argmax(1)
    strength = peaks[frame, best]
    spacing = np.where(strength > 0, lags[best], 0)
    values = {
        "a_line_periodicity": strength,
        "a_line_spacing": spacing / height,
        "a_line_spacing_to_pleura": spacing / depth,
    }
    around = np.arange(-(height // 24), height // 24 + 1)
    for name, multiple in (("a_line_first", 1), ("a_line_second", 2)):
        place = (multiple * depth - gap)[:, None].astype(np.intp) + around
        found = np.where((place >= 0) & (place < rows), profile[frame[:, None], np.clip(place, 0, rows - 1)], 0)
        values[name] = np.maximum(found.max(1), 0) / (np.maximum(pleura, 0) + 0.01)
    return values


def _texture(lung: np.ndarray, lines: np.ndarray) -> dict[str, np.ndarray]:
    n, rows, width = lung.shape
    tiles = lung[:, : rows // 4 * 4, : width // 4 * 4].reshape(n, rows // 4, 4, width // 4, 4)
    means = tiles.mean((2, 4))
    spread = np.sqrt(np.maximum(np.einsum("nhawb,nhawb->nhw", tiles, tiles) / 16 - means**2, 0))
    mean = lung.mean((1, 2)) + 0.01
    vertical = np.abs(lung[:, 1:] - lung[:, :-1]).mean((1, 2)) / mean
    horizontal = np.abs(lung[:, :, 1:] - lung[:, :, :-1]).mean((1, 2)) / mean
    left, right = (part.mean(1) for part in np.array_split(lines, 2, 1))
    outer_left, inner, outer_right = np.split(lines, [width // 4, width - width // 4], 1)
    outer = (outer_left.mean(1) + outer_right.mean(1)) / 2
    return {
        "speckle_contrast": (spread / (means + 0.02)).mean((1, 2)),
        "texture_vertical": vertical,
        "texture_horizontal": horizontal,
        "texture_ratio": (vertical + 0.01) / (horizontal + 0.01),
        "left_right_asymmetry": np.abs(left - right) / (lines.mean(1) + 0.01),
        "centre_edge_ratio": (inner.mean(1) + 0.01) / (outer + 0.01),
    }
