"""Keeping a Wasserstein critic Lipschitz by clipping its weights after a step.

Singular value clipping is that of TGAN (Saito et al. 2017, "Temporal Generative Adversarial Nets with Singular Value
Clipping", section 4 and table 2), for the critic alone, every 5 iterations. It makes the *matrix* of each weight have
spectral norm at most 1. For a linear layer that matrix is the operator. For a convolution it is not: overlapping
windows see each value several times, so the convolution's own norm can reach the square root of the number of windows
over a value (kernel 4 with stride 2 has 2 on each axis: up to sqrt(8) in 3-D). The critic is bounded, not 1-Lipschitz.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vidgan.errors import TrainingError

SINGULAR_VALUE = 1.0
SMALLEST_SCALE = 0.01
FLOAT32_LIMIT = 4.0


@torch.no_grad()
def clip_weights_(critic: nn.Module, bound: float = 0.01) -> None:
    """Clamp every parameter to [-bound, bound], in place (Arjovsky et al. 2017, algorithm 1, line 7)."""
    for weight in critic.parameters():
        weight.clamp_(-bound, bound)


@torch.no_grad()
def clip_singular_values_(critic: nn.Module, bound: float = SINGULAR_VALUE) -> None:
    """Clip the singular values of all weights and the scales of all batch norms of a critic, in place.

    Every parameter of 2 or more dimensions, as a matrix (size of dimension 0, the rest), gets singular values of at
    most `bound`. Convolutions are (out, in k k k) so; transposed ones (in, out k k k), the matrix that is theirs,
    transposed. Linear weights and embeddings (a linear layer on one-hot labels) are among them, as in the paper's table
    2, although its critic has none: left out, they could undo the bound of all other layers. Biases are free.

    Batch norm multiplies by gamma / sqrt(running variance + eps) when it judges by running moments, so gamma is
    clamped to [0.01, 1] times that root. Modules with `weight`, `running_var` and `eps` count as batch norms.

    Raises TrainingError when a weight is no number any more.
    """
    for name, weight in critic.named_parameters():
        if weight.ndim >= 2:
            matrix = weight.reshape(len(weight), -1)
            if not torch.isfinite(matrix).all():
                raise TrainingError(f"{name} of the critic became not-a-number: train with a smaller learning rate")
            weight.copy_(singular_value_clip(matrix, bound).reshape(weight.shape))
    for module in critic.modules():
        scale, variance = getattr(module, "weight", None), getattr(module, "running_var", None)
        if isinstance(scale, Tensor) and isinstance(variance, Tensor):
            deviation = (variance + module.eps).sqrt()  # type: ignore[operator]
            scale.clamp_(SMALLEST_SCALE * deviation, deviation)


@torch.no_grad()
def singular_value_clip(matrix: Tensor, bound: float = SINGULAR_VALUE) -> Tensor:
    """The matrix (m, n) with its singular values above `bound` set to it, of the same type.

    By the smaller Gram matrix instead of an SVD: with W W^T = U S^2 U^T (or W^T W for a tall matrix), the clipped
    matrix is W - U' (1 - bound / S') U'^T W, U' and S' those above `bound`: small singular values, which squaring
    would lose, are never divided by.

    Products are taken in float32 on the CPU, but in float64 where singular values are so large (`FLOAT32_LIMIT` times
    `bound`) that squaring them would cost more than 1e-6, where TF32 or bfloat16 products are allowed, and on the GPU.
    The eigenvectors are always float64. See benchmarks/clipping.py for the difference from the SVD.
    """
    fine = matrix.device.type == "cpu" and torch.get_float32_matmul_precision() == "highest"
    exact = matrix.to(torch.promote_types(matrix.dtype, torch.float32 if fine else torch.float64))
    wide = exact.shape[0] <= exact.shape[1]
    rows = exact if wide else exact.T
    with torch.autocast(matrix.device.type, enabled=False):
        squared, vectors = torch.linalg.eigh((rows @ rows.T).double())
        if exact.dtype == torch.float32 and squared[-1] > (FLOAT32_LIMIT * bound) ** 2:
            return singular_value_clip(matrix.double(), bound).to(matrix.dtype)
        above = squared > bound**2
        if not above.any():
            return matrix
        kept = vectors[:, above]
        scaled = kept * (1 - bound / squared[above].sqrt())
        if 2 * kept.shape[1] < len(rows):  # the cheaper order of the two products
            clipped = torch.addmm(rows, scaled.to(rows.dtype), kept.to(rows.dtype).T @ rows, alpha=-1)
        else:
            clipped = torch.addmm(rows, (scaled @ kept.T).to(rows.dtype), rows, alpha=-1)
    return (clipped if wide else clipped.T).to(matrix.dtype)
