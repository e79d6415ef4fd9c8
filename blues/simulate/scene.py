"""What is in front of the probe and how the machine shows it, in numbers: one frozen record a scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blues.check import InputError, one_of

__all__ = ["SLOTS", "Scene", "stack"]

SLOTS = {
    "break_at": (3,),
    "break_width": (3,),
    "layer_at": (6,),
    "layer_db": (6,),
    "layer_width": (6,),
    "layer_tilt": (6,),
    "rib_at": (3,),
    "rib_width": (3,),
    "b_at": (8,),
    "b_width": (8,),
    "b_db": (8,),
    "b_decay": (8,),
    "comet_at": (4,),
    "comet_width": (4,),
    "comet_db": (4,),
    "comet_decay": (4,),
    "consolidation_at": (2,),
    "consolidation_width": (2,),
    "consolidation_depth": (2,),
    "contact": (2,),
    "tgc": (6,),
    "texture": (8, 2),
}
"""Shape of the fields that hold more than one number."""


@dataclass(frozen=True)
class Scene:
    """One scene; or a batch, when every field has one more leading axis of length n.

    Lateral positions are centimetres along the pleural line from the middle of the image, right positive; they follow the
    scan lines below it. Echo strengths are decibels relative to muscle. A structure of width or depth 0 is absent.

    Attributes
    ----------
    linear : 1 for a linear probe, 0 for a convex one.
    radius, opening, width, depth : radius of the convex face (cm), full opening angle (degrees), width of the linear field
        (cm), depth of the image (cm).
    crop, crop_top, crop_bottom : half-width of the picture as a share of the sector's (1 shows all); how much is cut off
        above and below (cm).
    pleura_depth, pleura_tilt, pleura_bend : depth in the middle (cm), slope (degrees), 0 for a line parallel to the probe
        face to 1 for one straight in space.
    pleura_thickness, pleura_db, pleura_fall : thickness (cm), echo (dB), loss where the beam meets it at 10 degrees (dB).
    roughness, ripple : depth of indentations (cm, standard deviation); their texture's place (0 to 1).
    break_at, break_width : gaps of the pleural line (cm), three.
    wall_db, wall_contrast, wall_warp : echo of the chest wall, how much its layers differ (dB), how wavy they are (0 to 1).
    layer_at, layer_db, layer_width, layer_tilt : fascia lines: depth as a share of the pleural depth, echo (dB), thickness
        and drop from left to right (shares), six.
    contact, side_db : share of the scan lines at the left and right end that have lost the skin, two; loss at both ends (dB).
    rib_at, rib_width, rib_rise, rib_round, rib_db : centre and width (cm), height of the surface above the pleura (cm), how
        round it is (0 to 1), its echo (dB); three ribs.
    shadow_db, shadow_soft, shadow_onset : loss below a rib (dB), width of its edge and depth over which it sets in (cm).
    a_db, a_decay, a_width : echo of the first A-line (dB; -99: none), loss from one to the next (dB), thickness relative to
        the pleural line's.
    reverb_db : echo of the chest wall's own repetitions below the pleura, relative to the wall (dB).
    haze_db, haze_decay : diffuse echo right below the pleural line (dB), its loss (dB/cm).
    uneven_db, band_db, clutter_db : how much the lung's echo differs from scan line to scan line and from depth to depth (dB);
        smudges anywhere (dB; -99: none).
    b_at, b_width, b_db, b_decay : B-lines: centre, full width at half power (cm), echo (dB), loss (dB/cm), eight.
    comet_at, comet_width, comet_db, comet_decay : short comet tails that fade and are no B-lines, four.
    consolidation_at, consolidation_width, consolidation_depth : centre, width and depth below the pleura (cm), two.
    consolidation_db, beyond_db, bronchogram, shred : its echo and that of the white lung below it (dB; -99: none), amount of
        air bronchograms (0 to 1), raggedness (0 to 1).
    effusion, effusion_tilt : depth of fluid between the pleurae (cm), its change to the side (cm/cm).
    organ, organ_edge, organ_db, diaphragm : liver or spleen at the left (-1), right (1) or absent (0); where it begins (cm),
        its echo (dB), depth of the diaphragm below the pleura at the organ's edge (cm).
    gain, dynamic_range, grey_bend : dB added, dB from black to white, bend of the grey map (0: straight, above: brighter).
    attenuation, tgc : loss left after time-gain compensation (dB/cm), the six sliders (dB).
    noise_db : electronic noise at the deepest row, above black (dB).
    looks, grain, streak_db, blotch_db : looks averaged in the speckle (1: fully developed), grain size (0 to 1), strength of
        lateral streaks and of broad blotches (dB).
    coherence : share of the lung's speckle that moves along with it from frame to frame; the rest is new in every frame.
    blur_axial, blur_lateral : smoothing by the machine (0 to 1).
    quality : JPEG quality of what is shown, 100 for no compression.
    overlay : 0, or 1 for letters and rulers burnt into the picture.
    texture : where in the texture bank this scene's patterns lie, eight pairs in [0, 1).
    """

    linear: Any
    radius: Any
    opening: Any
    width: Any
    depth: Any
    crop: Any
    crop_top: Any
    crop_bottom: Any
    pleura_depth: Any
    pleura_tilt: Any
    pleura_bend: Any
    pleura_thickness: Any
    pleura_db: Any
    pleura_fall: Any
    roughness: Any
    ripple: Any
    break_at: Any
    break_width: Any
    wall_db: Any
    wall_contrast: Any
    wall_warp: Any
    layer_at: Any
    layer_db: Any
    layer_width: Any
    layer_tilt: Any
    contact: Any
    side_db: Any
    rib_at: Any
    rib_width: Any
    rib_rise: Any
    rib_round: Any
    rib_db: Any
    shadow_db: Any
    shadow_soft: Any
    shadow_onset: Any
    a_db: Any
    a_decay: Any
    a_width: Any
    reverb_db: Any
    haze_db: Any
    haze_decay: Any
    uneven_db: Any
    band_db: Any
    clutter_db: Any
    b_at: Any
    b_width: Any
    b_db: Any
    b_decay: Any
    comet_at: Any
    comet_width: Any
    comet_db: Any
    comet_decay: Any
    consolidation_at: Any
    consolidation_width: Any
    consolidation_depth: Any
    consolidation_db: Any
    beyond_db: Any
    bronchogram: Any
    shred: Any
    effusion: Any
    effusion_tilt: Any
    organ: Any
    organ_edge: Any
    organ_db: Any
    diaphragm: Any
    gain: Any
    dynamic_range: Any
    grey_bend: Any
    attenuation: Any
    tgc: Any
    noise_db: Any
    looks: Any
    grain: Any
    streak_db: Any
    blotch_db: Any
    coherence: Any
    blur_axial: Any
    blur_lateral: Any
    quality: Any
    overlay: Any
    texture: Any

    @property
    def batch(self) -> int | None:
        """Number of scenes, or None for a single one."""
        return None if np.ndim(self.depth) == 0 else len(self.depth)

    def __getitem__(self, index: Any) -> Scene:
        """Take one scene or several out of a batch, or with ``None`` make a single one a batch."""
        return Scene(**{f.name: np.asarray(getattr(self, f.name))[index] for f in dataclasses.fields(self)})

    def replace(self, **changes: Any) -> Scene:
        """Return the scene with some fields changed; a field the scene does not have is named.

        Examples
        --------
        >>> import numpy as np
        >>> from blues.simulate import draw_scene
        >>> scene = draw_scene(np.random.default_rng(0))
        >>> scene.replace(b_with=0.3)
        Traceback (most recent call last):
        blues.check.InputError: scene field is 'b_with', which is not known. Allowed: ... Nearest: 'b_width'.
        """
        names = [f.name for f in dataclasses.fields(self)]
        for name, value in changes.items():
            one_of(name, names, "scene field")
            shape = np.shape(getattr(self, name))
            changes[name] = np.broadcast_to(np.asarray(value, float), shape)
        return dataclasses.replace(self, **changes)


def stack(scenes: Scene | Sequence[Scene]) -> Scene:
    """Make a batch of one scene or of several; a batch is returned as it is."""
    if isinstance(scenes, Scene):
        return scenes if scenes.batch is not None else scenes[None]
    if not len(scenes):
        raise InputError("there is no scene to draw")
    fields = dataclasses.fields(Scene)
    return Scene(**{f.name: np.stack([getattr(s, f.name) for s in scenes]) for f in fields})
