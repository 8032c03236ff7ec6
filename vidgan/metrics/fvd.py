"""FVD and video IS as published, on I3D and C3D networks that the user supplies.

Legend: N clips, T frames, S pixels of a side, K classes.

FVD: Unterthiner et al. 2018, "Towards Accurate Generative Models of Video", section 3. IS: Salimans et al. 2016,
section 4, on C3D as in Saito et al. 2017, section 4.2. Published values are from thousands of clips: with tens, both
are far off that scale, and only values from the same number of clips compare.

A TorchScript file is a program: loading it runs what it holds. So a file is loaded only when its SHA-256 is the one
of the known public file, or one that the user names and thereby trusts.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import torch
from einops import rearrange
from torch import Tensor

from vidgan.errors import DependencyError, UsageError
from vidgan.metrics.frechet import frechet_distance
from vidgan.metrics.video_features import Clips, as_tensor

I3D_SHA256 = "bec6519f66ea534e953026b4ae2c65553c17bf105611c746d904657e5860a5e2"
"""`i3d_torchscript.pt`, 51,235,320 bytes: the Kinetics-400 I3D of the original FVD as TorchScript, published with
StyleGAN-V. No published hash is known of its C3D (`c3d_ucf101.pt`)."""
AT_ONCE = 8


class ScriptedNetwork:
    """A TorchScript network from a file whose hash was checked first.

    Args:
        path: the file.
        sha256: what its SHA-256 must be, 64 hexadecimal digits; None when no public hash is known.
        option: the command's option, for the messages ("i3d").
        device: where it runs.

    Raises:
        DependencyError: the file is missing, is not the expected one, or is no TorchScript.
        UsageError: no hash is known and none is given.
    """

    def __init__(self, path: Path, sha256: str | None, option: str, device: str | torch.device = "cpu") -> None:
        self.path, self.device = path, torch.device(device)
        found = _digest(path)
        if sha256 is None:
            raise UsageError(
                f"--{option} {path}: loading it runs the program inside, and no public hash of this network is known: "
                f"if you trust the file, add --{option}-sha256 {found}"
            )
        if found != sha256.lower():
            raise DependencyError(
                f"--{option} {path}: its SHA-256 is {found}, not {sha256.lower()}: it was not loaded (loading runs the "
                f"program inside); fetch it again, or if you trust it, add --{option}-sha256 {found}"
            )
        try:
            self.network = torch.jit.load(str(path), map_location=self.device).eval()
        except RuntimeError as error:
            raise DependencyError(f"--{option} {path}: it is no TorchScript network") from error

    @torch.no_grad()
    def __call__(self, clips: Clips, **options: bool) -> Tensor:
        """Its output (N, ...) for clips (N, T, S, S, 3), which it gets as float (N, 3, T, S, S) in 0-255.

        Raises:
            DependencyError: it fails on such clips (too few frames for it, or another interface).
        """
        parts = []
        for part in as_tensor(clips).split(AT_ONCE):
            inputs = rearrange(part, "n t h w c -> n c t h w").to(self.device).float().contiguous()
            try:
                parts.append(self.network(inputs, **options).float().cpu())
            except (RuntimeError, TypeError) as error:
                size = "x".join(map(str, part.shape[1:4]))
                raise DependencyError(
                    f"{self.path}: the network fails on clips of {size}: {_last_line(error)}"
                ) from error
        return torch.cat(parts)


def i3d_features(clips: Clips, network: ScriptedNetwork) -> Tensor:
    """The 400 Kinetics logits (N, 400) that FVD compares; the network resizes to 224 pixels and rescales itself."""
    return network(clips, rescale=True, resize=True, return_features=True)


def fvd(a: Tensor, b: Tensor) -> float:
    """Fréchet video distance of two sets of `i3d_features`; lower is better."""
    return frechet_distance(a, b)


def inception_score(clips: Clips, network: ScriptedNetwork) -> float:
    """exp of the mean KL(p(class | clip) || p(class)) of C3D's class probabilities; from 1, higher is better.

    Raises:
        DependencyError: the network does not give probabilities.
    """
    probabilities = network(clips).double()
    off = (probabilities.sum(1) - 1).abs().max() if probabilities.ndim == 2 else math.inf
    if probabilities.ndim != 2 or off > 1e-3 or probabilities.min() < 0:
        raise DependencyError(f"{network.path}: it gives no class probabilities (rows that sum to 1), so IS has none")
    return score_of_probabilities(probabilities)


def score_of_probabilities(probabilities: Tensor) -> float:
    """The inception score of class probabilities (N, K)."""
    marginal = probabilities.mean(0, keepdim=True)
    divergence = torch.special.xlogy(probabilities, probabilities) - torch.special.xlogy(probabilities, marginal)
    return math.exp(float(divergence.sum(1).mean()))


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DependencyError(f"{path} cannot be read ({error.strerror})") from error


def _last_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__
