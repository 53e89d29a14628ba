"""The vanilla CycleGAN and its train step written straight in PyTorch, for `synthesis.py` to compare with."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

BLOCKS, LEARNING_RATE, CYCLE_WEIGHT, POOL = 9, 2e-4, 10.0, 50


def normalized(convolution: Any, *more: Any) -> list[Any]:
    """Return a convolution, its instance normalisation, and what follows."""
    return [convolution, nn.InstanceNorm2d(convolution.out_channels), *more]


class Residual(nn.Module):
    """Two 3x3 convolutions and what goes past them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        first, second = (
            [nn.ReflectionPad2d(1), *normalized(nn.Conv2d(channels, channels, 3))] for _ in range(2)
        )
        self.body = nn.Sequential(*first, nn.ReLU(), *second)

    def forward(self, x: Any) -> Any:
        """Add both ways."""
        return x + self.body(x)


def generator() -> Any:
    """Return a generator with `BLOCKS` residual blocks."""
    up: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1}
    return nn.Sequential(
        nn.ReflectionPad2d(3),
        *normalized(nn.Conv2d(3, 64, 7), nn.ReLU()),
        *normalized(nn.Conv2d(64, 128, 3, 2, 1), nn.ReLU()),
        *normalized(nn.Conv2d(128, 256, 3, 2, 1), nn.ReLU()),
        *(Residual(256) for _ in range(BLOCKS)),
        *normalized(nn.ConvTranspose2d(256, 128, 3, **up), nn.ReLU()),
        *normalized(nn.ConvTranspose2d(128, 64, 3, **up), nn.ReLU()),
        nn.ReflectionPad2d(3),
        nn.Conv2d(64, 3, 7),
        nn.Tanh(),
    )


def discriminator() -> Any:
    """Return a PatchGAN of 70x70."""
    layers: list[Any] = [nn.Conv2d(3, 64, 4, 2, 1), nn.LeakyReLU(0.2)]
    for before, after, stride in ((64, 128, 2), (128, 256, 2), (256, 512, 1)):
        layers += normalized(nn.Conv2d(before, after, 4, stride, 1), nn.LeakyReLU(0.2))
    return nn.Sequential(*layers, nn.Conv2d(512, 1, 4, 1, 1))


def exchanged(pool: list[Any], fake: Any) -> Any:
    """Show a pool of earlier fakes a new one, and return one of them."""
    if len(pool) < POOL:
        pool.append(fake)
        return fake
    place = int(torch.randint(2 * POOL, ()))
    if place >= POOL:
        return fake
    shown, pool[place] = pool[place], fake
    return shown


class Trainer:
    """Both players with their optimisers, and one picture of each domain."""

    def __init__(self, side: int) -> None:
        torch.set_num_threads(len(os.sched_getaffinity(0)))
        torch.manual_seed(0)
        self.to_b, self.to_a = generator(), generator()
        self.judge_a, self.judge_b = discriminator(), discriminator()
        self.players = [
            [parameter for one in both for parameter in one.parameters()]
            for both in ((self.to_b, self.to_a), (self.judge_a, self.judge_b))
        ]
        self.optimizers = [
            torch.optim.Adam(player, LEARNING_RATE, betas=(0.5, 0.999)) for player in self.players
        ]
        self.a, self.b = torch.rand(2, 1, 3, side, side) * 2 - 1
        self.pools: tuple[list[Any], list[Any]] = ([], [])

    @property
    def parameters(self) -> int:
        """Of all four networks."""
        return sum(parameter.numel() for player in self.players for parameter in player)

    def step(self) -> float:
        """Take a step of both players and return the sum of their losses."""
        fakes = {"b": self.to_b(self.a), "a": self.to_a(self.b)}
        self._judges_learn(False)
        made = sum(
            ((judge(fakes[name]) - 1) ** 2).mean()
            for judge, name in ((self.judge_a, "a"), (self.judge_b, "b"))
        )
        cycles = (self.to_a(fakes["b"]) - self.a).abs().mean() + (self.to_b(fakes["a"]) - self.b).abs().mean()
        generators = made + CYCLE_WEIGHT * cycles
        self._descend(0, generators)
        self._judges_learn(True)
        judged = sum(
            ((judge(real) - 1) ** 2).mean() + (judge(exchanged(pool, fake.detach())) ** 2).mean()
            for judge, real, fake, pool in (
                (self.judge_a, self.a, fakes["a"], self.pools[0]),
                (self.judge_b, self.b, fakes["b"], self.pools[1]),
            )
        )
        self._descend(1, judged)
        return float(generators + judged)

    def _judges_learn(self, learn: bool) -> None:
        for parameter in self.players[1]:
            parameter.requires_grad_(learn)

    def _descend(self, player: int, loss: Any) -> None:
        self.optimizers[player].zero_grad()
        loss.backward()
        self.optimizers[player].step()


def step_of(side: int) -> tuple[Callable[[], float], int]:
    """Return the step and the number of parameters."""
    trainer = Trainer(side)
    return trainer.step, trainer.parameters
