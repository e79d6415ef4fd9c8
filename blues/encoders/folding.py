"""Networks made lighter for use: batch normalisation, a fixed scale and shift by then, moved into the layer before it."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

__all__ = ["folded", "own", "stamp", "whole"]


def whole(module: nn.Module) -> bool:
    """Tell whether a network consists of layers of torch and of this package alone, as they are defined there.

    What these compute is known: they keep nothing from call to call when training is over, so that threads may run them side
    by side. A class of one's own, a hook, or a ``forward`` that was replaced may keep or read anything.

    Parameters
    ----------
    module : nn.Module

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> before = whole(net)
    >>> handle = net[0].register_forward_hook(print)
    >>> before, whole(net)
    (True, False)
    """
    return all(map(_as_defined, module.modules()))


def _as_defined(layer: nn.Module) -> bool:
    known = type(layer).__module__.startswith(("torch.nn.modules.", "blues."))
    return known and not (layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer))


def own(module: nn.Module) -> bool:
    """Tell whether a network is this package's own, all of it, and no longer trained.

    Parameters
    ----------
    module : nn.Module
    """
    return _of_package(module) and whole(module) and not any(p.requires_grad for p in module.parameters())


def stamp(module: nn.Module) -> list[tuple[int, int]]:
    """Return what changes when the weights of a network are changed in place or replaced.

    Parameters
    ----------
    module : nn.Module
    """
    tensors = [*module.parameters(), *module.buffers()]
    return [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in tensors]


def folded(module: nn.Module) -> nn.Module:
    """Return a copy that computes the same with fewer operations; equal up to rounding in the last digits.

    A batch normalisation that is registered directly after a convolution or a linear layer, of as many channels as that
    gives, is taken to follow it where that is known: in an ``nn.Sequential``, which runs its layers in order, and in every
    network of this package. Other networks may call their layers in another order or read what one of them gives, so that
    encoders leave them as they are, see :func:`own`. So do layers in training mode, whose normalisation is not fixed, kinds
    of layers that compute something of their own, and layers with hooks.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    nn.Module
        On the same device, weights stored channels last. ``module`` is not changed.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).eval()
    >>> folded(net)
    Sequential(
      (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
      (1): Identity()
    )
    """
    light = copy.deepcopy(module).requires_grad_(False)
    for parent in filter(_in_order, list(light.modules())):
        children = [(name, child) for name, child in parent._modules.items() if child is not None]
        for (before, layer), (after, norm) in zip(children, children[1:], strict=False):
            joined = None if layer.training or norm.training else _joined(layer, norm)
            if joined is not None:
                setattr(parent, before, joined)
                setattr(parent, after, nn.Identity())
    return light.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _in_order(parent: nn.Module) -> bool:
    """Tell whether a module is known to run its layers in the order in which it registers them."""
    return type(parent).forward is nn.Sequential.forward or _of_package(parent)


def _of_package(module: nn.Module) -> bool:
    return type(module).__module__.startswith("blues.")


def _joined(layer: nn.Module, norm: nn.Module) -> nn.Module | None:
    """Return the layer with the normalisation in its weights, or None where the two do not belong together."""
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d) or not norm.track_running_stats:
        return None
    if type(norm).forward not in (nn.BatchNorm1d.forward, nn.BatchNorm2d.forward):  # it computes something else
        return None
    if type(layer) not in (nn.Conv2d, nn.Linear) and not _of_package(layer):
        return None
    if any(one._forward_hooks or one._forward_pre_hooks for one in (layer, norm)):
        return None
    if isinstance(layer, nn.Conv2d) and layer.out_channels == norm.num_features:
        return fuse_conv_bn_eval(layer, norm)
    if isinstance(layer, nn.Linear) and layer.out_features == norm.num_features:
        return fuse_linear_bn_eval(layer, norm)
    return None
