"""Batch normalisation whose moments are taken over all processes, plain and conditional.

Two processes that hold half a batch each then compute what one process with the whole batch computes. One process, or
evaluation, goes through PyTorch's own kernel.

Legend: N clips or frames, B clips, C channels, D length of what conditions; any dimensions may follow (N, C).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrizations import spectral_norm


def world_size() -> int:
    """The number of processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """Which of the processes this is, counted from 0."""
    return distributed.get_rank() if world_size() > 1 else 0


class _SumOverProcesses(torch.autograd.Function):
    """The sum of every process's tensor; its derivative sums the derivatives, so it can be differentiated twice."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        return _SumOverProcesses.apply(grads[0])


def sum_over_processes(x: Tensor) -> Tensor:
    """`x` summed over the processes, differentiable; `x` itself when there is one."""
    return _SumOverProcesses.apply(x) if world_size() > 1 else x  # type: ignore[no-any-return]


class BatchNorm(_BatchNorm):
    """Ioffe and Szegedy (2015), for (N, C) and (N, C, ...), with the moments of the batch of all processes.

    The moments are taken in two passes in float32; the running variance is the unbiased one, as in PyTorch. Processes
    may hold batches of different sizes.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions is welcome."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) → the same."""
        if not self.training or world_size() == 1:
            return super().forward(x)
        others = [dim for dim in range(x.dim()) if dim != 1]
        shape = [1, -1, *[1] * (x.dim() - 2)]
        values = x.float()
        count = x.new_full((1,), x.numel() / x.shape[1], dtype=torch.float32)
        sums = sum_over_processes(torch.cat([values.sum(others), count]))
        mean, total = sums[:-1] / sums[-1], sums[-1].detach()
        centred = values - mean.view(shape)
        variance = sum_over_processes(centred.square().sum(others)) / total
        self._track(mean.detach(), variance.detach() * total / (total - 1).clamp(min=1))
        out = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum or 0.1)
        self.running_var.lerp_(variance, self.momentum or 0.1)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose gain and shift are linear in a vector: (1 + A c) x̂ + B c, without bias.

    With a one-hot class it is class-conditional batch norm (Dumoulin et al. 2017); with a shared class embedding and a
    part of the latent it is BigGAN's (Brock et al. 2019, section 3.1, appendix B), whose linear layers have spectral
    norm.
    """

    def __init__(self, channels: int, condition: int, spectral: bool = False) -> None:
        super().__init__()
        self.norm = BatchNorm(channels, affine=False)
        linear = nn.Linear(condition, 2 * channels, bias=False)
        self.modulation: nn.Module = spectral_norm(linear) if spectral else linear

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (B * T, C, ...), condition (B, D) → as x: the T frames of a clip share its condition."""
        modulation = self.modulation(condition).repeat_interleave(x.shape[0] // condition.shape[0], 0)
        gain, shift = modulation.to(x.dtype).view(*modulation.shape, *[1] * (x.dim() - 2)).chunk(2, 1)
        return torch.addcmul(shift, self.norm(x), 1 + gain)
