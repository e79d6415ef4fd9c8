"""Intermediate fusion: an encoder a modality, gated attention over BLUE points and modalities, one head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from blues import check
from blues.models.outcome import OutcomeModel

__all__ = ["AttentionFusion"]


class _Net(nn.Module):
    """Tokens to one number; a token is one BLUE point or one modality."""

    def __init__(self, widths: Mapping[str, int], kinds: Sequence[str], hidden: int, dropout: float) -> None:
        super().__init__()
        self.kinds = list(kinds)
        self.encoders = nn.ModuleDict({f"k_{i}": nn.Linear(w, hidden) for i, w in enumerate(widths.values())})
        self.place = nn.Parameter(torch.zeros(len(kinds), hidden))
        self.key = {kind: f"k_{i}" for i, kind in enumerate(widths)}
        self.dropout = nn.Dropout(dropout)
        self.value, self.gate, self.score = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1)
        self.head = nn.Linear(hidden, 1)

    def forward(self, tokens: list[torch.Tensor], present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        encoded = [
            torch.tanh(self.encoders[self.key[k]](t) + p)
            for k, t, p in zip(self.kinds, tokens, self.place, strict=True)
        ]
        h = self.dropout(torch.stack(encoded, dim=1))
        raw = self.score(torch.tanh(self.value(h)) * torch.sigmoid(self.gate(h)))[..., 0]
        weights = torch.softmax(raw.masked_fill(~present, -1e9), dim=1) * present
        return self.head((weights[..., None] * h).sum(dim=1))[:, 0], weights


class AttentionFusion(OutcomeModel):
    """Gated attention [1]_ over a patient's BLUE points and modalities, those that are absent masked out.

    Each token (a BLUE point's pooled embedding, the clinical variables, the blood tests) is scaled, encoded by the linear layer
    of its kind (all BLUE points share one) plus a vector for its place, weighted by gated attention and summed; a linear
    head gives the logit or value. With the BLUE points alone this is attention-based multiple-instance learning.

    Parameters
    ----------
    tokens : mapping of str to (kind, columns)
        Token -> the kind whose encoder it uses, and its columns in ``X``. Tokens of one kind have equally many columns.
    kind : {"binary", "continuous"}
        Kind of the outcome; for ordinal outcomes wrap it in :class:`blues.models.OrdinalClassifier`.
    hidden : int
        Width of the shared space.
    epochs : int
        Full-batch Adam steps, fixed beforehand: no early stopping, so nothing is chosen on held-out rows.
    learning_rate, weight_decay, dropout : float
        Of the optimiser and the network.
    members : int
        Networks from different starts whose outputs are averaged.
    seed : int
        Of the starts and the dropout, which is dealt out by row: the same rows in another order are fitted a little otherwise.

    References
    ----------
    .. [1] Ilse M, Tomczak JM, Welling M. Attention-based deep multiple instance learning. ICML 2018, 2127-2136.
    """

    def __init__(
        self,
        tokens: Mapping[str, tuple[str, Sequence[int]]],
        kind: str = "binary",
        hidden: int = 16,
        epochs: int = 120,
        learning_rate: float = 0.01,
        weight_decay: float = 0.01,
        dropout: float = 0.25,
        members: int = 3,
        seed: int = 0,
    ) -> None:
        self.tokens = tokens
        self.kind = kind
        self.hidden = hidden
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.members = members
        self.seed = seed

    def fit(self, X: Any, y: Any) -> AttentionFusion:
        """Fit the networks.

        Parameters
        ----------
        X : array of shape (rows, features)
            NaN allowed; a token whose columns are all NaN is absent.
        y : array of shape (rows,)

        Raises
        ------
        InputError
            Without tokens, for tokens of one kind that differ in width, and for less than one member, epoch or unit.
        """
        check.one_of(self.kind, ("binary", "continuous"), "kind of target")
        if not self.tokens:
            raise check.InputError("attention over no tokens", allowed="one or more, each with its kind and columns")
        for name in ("members", "epochs", "hidden"):
            if getattr(self, name) < 1:
                raise check.InputError(f"{name} is {getattr(self, name)}", allowed="1 or more")
        X, y = self._training(X, y)
        widths: dict[str, int] = {}
        for name, (kind, columns) in self.tokens.items():
            if widths.setdefault(kind, len(columns)) != len(columns):
                raise check.InputError(
                    f"token {name!r} has {len(columns)} columns; others of kind {kind!r} {widths[kind]}"
                )
        self.scales_ = self._scales(X)
        continuous = self.kind == "continuous"
        self.centre_ = float(y.mean()) if continuous else 0.0
        self.spread_ = float(y.std() or 1.0) if continuous else 1.0
        tokens, present = self._tensors(X)
        target = torch.tensor((y - self.centre_) / self.spread_, dtype=torch.float32)
        self.networks_ = [self._fit_one(widths, tokens, present, target, m) for m in range(self.members)]
        return self

    def _scales(self, X: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return mean and standard deviation a kind and column, over all its tokens' rows.

        The standard deviation is infinite where a column does not vary, so that it counts nothing, NaN where nothing is known.
        """
        found = {}
        for kind in dict.fromkeys(kind for kind, _ in self.tokens.values()):
            stack = np.vstack([X[:, list(columns)] for k, columns in self.tokens.values() if k == kind])
            known = ~np.isnan(stack)
            count = np.maximum(known.sum(axis=0), 1)
            mean = np.where(known, stack, 0).sum(axis=0) / count
            spread = np.sqrt((np.where(known, stack - mean, 0) ** 2).sum(axis=0) / count)
            lowest = np.where(known, stack, np.inf).min(axis=0, initial=np.inf)
            highest = np.where(known, stack, -np.inf).max(axis=0, initial=-np.inf)
            spread = np.where(highest > lowest, spread, np.inf)
            found[kind] = (mean, np.where(known.any(axis=0), spread, np.nan))
        return found

    def _tensors(self, X: np.ndarray) -> tuple[list[torch.Tensor], torch.Tensor]:
        tokens, present = [], []
        for kind, columns in self.tokens.values():
            block = X[:, list(columns)]
            mean, spread = self.scales_[kind]
            block = np.where(np.isnan(spread), np.nan, block)  # what nobody had in training makes no token present
            tokens.append(torch.tensor(np.nan_to_num((block - mean) / spread), dtype=torch.float32))
            present.append(~np.isnan(block).all(axis=1))
        return tokens, torch.tensor(np.column_stack(present))

    def _fit_one(
        self, widths: Mapping[str, int], tokens: list[torch.Tensor], present: torch.Tensor, y: torch.Tensor, member: int
    ) -> _Net:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.SeedSequence([self.seed, member]).generate_state(1)[0]))
            net = _Net(widths, [kind for kind, _ in self.tokens.values()], self.hidden, self.dropout)
            loss = nn.BCEWithLogitsLoss() if self.kind == "binary" else nn.MSELoss()
            adam = torch.optim.AdamW(net.parameters(), lr=self.learning_rate, weight_decay=self.weight_decay)
            net.train()
            for _ in range(self.epochs):
                adam.zero_grad()
                loss(net(tokens, present)[0], y).backward()
                adam.step()
            return net.eval()

    @torch.no_grad()
    def _outputs(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        tokens, present = self._tensors(self._rows(X))
        pairs = [net(tokens, present) for net in self.networks_]
        return np.stack([p[0].numpy() for p in pairs]), np.stack([p[1].numpy() for p in pairs])

    def expected(self, X: Any) -> np.ndarray:
        """Return the expected value (continuous) or the probability of the event (binary), shape (rows,)."""
        outputs = self._outputs(X)[0].astype(float)
        if self.kind == "binary":
            return np.asarray((1 / (1 + np.exp(-outputs))).mean(axis=0))
        return np.asarray(outputs.mean(axis=0) * self.spread_ + self.centre_)

    def attention(self, X: Any) -> np.ndarray:
        """Return the mean attention weight of each token, shape (rows, tokens).

        0 for absent tokens; the others of a row sum to 1, and a row without any is all 0.
        """
        return np.asarray(self._outputs(X)[1].mean(axis=0))
