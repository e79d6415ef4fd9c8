"""Cox regression for the time to an event: unpenalised, cause-specific, and the exact test of proportional hazards."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError
from scipy.stats import chi2, rankdata

from blues.check import InputError, columns_exist, counted, one_of
from blues.cohort.display import Shown
from blues.evaluate.records import Test, check_level
from blues.survive.concordance import harrell_c
from blues.survive.glm import coefficient_table
from blues.survive.inputs import Observed, numeric_frame, observed, risk_table, some_events
from blues.survive.partial import moments, newton, risk_sets

__all__ = ["CoxFit", "cause_specific_cox", "cox", "proportional_hazards_test"]

EVENTS_PER_PARAMETER = 10
"""Events per parameter below which a note is given (Peduzzi et al., J Clin Epidemiol 1995;48:1503)."""


@dataclass(frozen=True, repr=False)
class CoxFit(Shown):
    """A fitted Cox model.

    Attributes
    ----------
    table : DataFrame
        Index ``covariate``; columns ``coef`` (log hazard ratio a unit), ``se``, ``hazard_ratio``, ``low``, ``high``
        (of the hazard ratio), ``z``, ``p_value``. NaN where the likelihood has no maximum.
    log_likelihood, null_log_likelihood : float
    likelihood_ratio : Test
        Of all coefficients together.
    concordance : float
        Harrell's C of the fitted model on the data it was fitted to: optimistic.
    n, events : int
    events_per_parameter : float
    ties : str
    converged : bool
    notes : tuple of str
        Few events, separation, what the fitting routine said.
    baseline : DataFrame
        ``time``, ``cumulative_hazard`` of a subject whose covariates are all zero, and ``at_mean``, of one whose covariates
        are the means.
    data : Observed
        What was fitted, 1 the event.
    covariates : DataFrame
        Shape (n, p), as fitted.
    """

    table: pd.DataFrame
    log_likelihood: float
    null_log_likelihood: float
    likelihood_ratio: Test
    concordance: float
    n: int
    events: int
    events_per_parameter: float
    ties: str
    converged: bool
    notes: tuple[str, ...]
    baseline: pd.DataFrame = field(repr=False)
    data: Observed = field(repr=False)
    covariates: pd.DataFrame = field(repr=False)

    def risk(self, covariates: Any) -> np.ndarray:
        """Return the linear predictor, shape (n,): the higher the earlier the event.

        Parameters
        ----------
        covariates : DataFrame or array-like, shape (n, columns)
            With the columns of the fit; others are ignored.
        """
        return _matrix(covariates, self.table.index) @ self.table["coef"].to_numpy()

    def survival(self, covariates: Any, times: Any) -> pd.DataFrame:
        """Return the probability of no event by each time, one row a subject, one column a time.

        Parameters
        ----------
        covariates : DataFrame or array-like, shape (n, columns)
            With the columns of the fit; others are ignored.
        times : array-like
            In the unit of the fit.
        """
        of_mean = self.baseline[["time"]].assign(cumulative_hazard=self.baseline["at_mean"])
        ahead = float(self.covariates.to_numpy().mean(axis=0) @ self.table["coef"].to_numpy())
        return survival_from_hazard(of_mean, self.risk(covariates) - ahead, times, covariates)


def _matrix(covariates: Any, columns: pd.Index) -> np.ndarray:
    frame = numeric_frame(covariates, len(covariates))
    columns_exist(columns, frame.columns, "covariates")
    return frame[list(columns)].to_numpy()


def survival_from_hazard(baseline: pd.DataFrame, risk: np.ndarray, times: Any, rows: Any = None) -> pd.DataFrame:
    """Return exp(-H0(t) exp(risk)), one row a subject, one column a time."""
    wanted = np.asarray(times, dtype=float).ravel()
    steps = np.concatenate([[0.0], baseline["cumulative_hazard"].to_numpy()])
    level = steps[np.searchsorted(baseline["time"].to_numpy(), wanted, side="right")]
    index = rows.index if isinstance(rows, pd.DataFrame) else None
    with np.errstate(over="ignore", divide="ignore"):
        hazard = np.exp(risk[:, None] + np.log(level))  # 0 stays 0 however high the risk
    return pd.DataFrame(np.exp(-hazard), index=index, columns=wanted)


def check_columns(frame: pd.DataFrame) -> None:
    """Raise on constant and on linearly dependent columns, by name."""
    values = frame.to_numpy()
    spread = values.std(axis=0)
    constant = frame.columns[spread <= 1e-12 * np.maximum(1, np.abs(values).max(axis=0))]
    if len(constant):
        raise InputError(
            f"constant, so it can explain nothing: {', '.join(map(repr, constant))}", remedy="Leave it out"
        )
    scaled = (values - values.mean(axis=0)) / spread
    if frame.shape[1] >= len(frame):
        raise InputError(
            f"{counted(frame.shape[1], 'covariate')} for {counted(len(frame), 'subject')}",
            remedy="Choose fewer, or use penalised_cox",
        )
    for j in range(1, frame.shape[1]):
        fit = np.linalg.lstsq(scaled[:, :j], scaled[:, j], rcond=None)[0]
        if np.linalg.norm(scaled[:, j] - scaled[:, :j] @ fit) < 1e-7 * np.sqrt(len(frame)):
            others = [frame.columns[i] for i in np.flatnonzero(np.abs(fit) > 1e-6)]
            raise InputError(
                f"a linear combination of {', '.join(map(repr, others))}",
                column=frame.columns[j],
                remedy="Leave one of them out, or use penalised_cox",
            )


def _ranks(data: Observed) -> tuple[np.ndarray, np.ndarray | None]:
    """Return times (and entries) as ranks 1, 2 ...: the partial likelihood knows no more, and no zero is left."""
    grid = np.unique(np.concatenate([data.time, data.entry[np.isfinite(data.entry)]]))
    time = np.searchsorted(grid, data.time) + 1.0
    if np.isneginf(data.entry).all():
        return time, None
    return time, np.where(np.isfinite(data.entry), np.searchsorted(grid, data.entry) + 1.0, 0.0)


def _fit_efron(data: Observed, frame: pd.DataFrame) -> np.ndarray:
    """Return coefficients from lifelines, which stops within about 1e-6 of the maximum."""
    time, entry = _ranks(data)
    table = frame.set_axis([f"x{i}" for i in range(frame.shape[1])], axis=1).reset_index(drop=True)
    table = table.assign(_time=time, _event=data.event)
    if entry is not None:
        table["_entry"] = entry
    model = CoxPHFitter()
    model.fit(table, duration_col="_time", event_col="_event", entry_col=None if entry is None else "_entry")
    return np.asarray(model.params_)


def _maximum(data: Observed, frame: pd.DataFrame, ties: str, start: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Go on from ``start`` to the maximum; return coefficients, standard errors and whether it was reached."""
    x = frame.to_numpy()
    scale = x.std(axis=0)
    sets = risk_sets(data, ties)
    beta, here, converged = newton((x - x.mean(axis=0)) / scale, sets, np.zeros(x.shape[1]), start * scale, gain=1e-14)
    try:
        variance = np.diag(np.linalg.inv(here.information))
    except np.linalg.LinAlgError:
        variance = np.full(len(beta), np.inf)
    return beta / scale, np.sqrt(np.where(variance > 0, variance, np.inf)) / scale, converged


def _first_sentence(message: Any) -> str:
    """Return the first sentence of a warning: what lifelines advises after it is code."""
    return str(message).strip().splitlines()[0].partition(". ")[0].rstrip(".: ")


def _runaway(coef: np.ndarray, se: np.ndarray, frame: pd.DataFrame) -> list[str]:
    """Name the coefficients that run away to infinity."""
    scale = frame.to_numpy().std(axis=0)
    lost = ~(np.isfinite(coef) & np.isfinite(se)) | (np.abs(coef) * scale > 10) | (se * scale > 50)
    names = ", ".join(map(repr, frame.columns[lost]))
    why = f"{names} separates early from late events"
    x = frame.to_numpy() - frame.to_numpy().mean(axis=0)
    if lost.sum() > 1 and np.linalg.cond(x / np.where(scale > 0, scale, 1)) > 1e4:
        why = f"{names} tell the same, one from the others"
    return [f"the likelihood has no maximum: {why}; no coefficient is given"] if names else []


def cox(
    time: Any,
    event: Any,
    covariates: Any,
    *,
    ties: str = "efron",
    entry: Any = None,
    level: float = 0.95,
) -> CoxFit:
    """Cox proportional hazards regression (Cox, J R Stat Soc B 1972;34:187).

    Efron's handling of ties is fitted by lifelines and carried on to the exact maximum; Breslow's by Newton's method.
    Both agree with R ``coxph``. What lifelines warns of is not lost: it stands in ``notes``, and where the likelihood
    has no maximum ``converged`` is False and the table holds NaN.

    Parameters
    ----------
    time, event : array-like, shape (n,)
        1 event, 0 censored. Stays of zero days are kept.
    covariates : DataFrame, Series or array, shape (n, p)
        Numbers, none missing.
    ties : {"efron", "breslow"}
    entry : array-like, shape (n,), optional
        Delayed entry.
    level : float

    Returns
    -------
    CoxFit

    Raises
    ------
    InputError
        No event; constant, dependent, missing or too many covariates; bad times or codes.

    Examples
    --------
    >>> fit = cox([1, 2, 3, 4, 5, 6], [1, 1, 0, 1, 1, 1], [[1], [0], [1], [0], [1], [0]])
    >>> fit.events, round(float(fit.table.loc["x1", "hazard_ratio"]), 3)
    (5, 1.315)
    """
    one_of(ties, ("efron", "breslow"), "ties")
    check_level(level)
    data = observed(time, event, entry=entry, covariates=covariates)
    frame = numeric_frame(covariates, len(data.time))
    some_events(data.event, "Cox regression")
    check_columns(frame)
    notes: list[str] = []
    start = np.zeros(frame.shape[1])
    if ties == "efron":
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                start = _fit_efron(data, frame)
            except (ConvergenceError, np.linalg.LinAlgError) as error:
                notes.append(f"lifelines: {str(error).strip().splitlines()[0]}")
        notes += [f"lifelines: {_first_sentence(w.message)}" for w in caught]
    coef, se, converged = _maximum(data, frame, ties, start)
    lost = _runaway(coef, se, frame)
    if not converged and not lost:
        lost = ["the fit did not converge; no coefficient is given"]
    return _cox_fit(data, frame, ties, coef, se, not lost, notes + lost, level)


def _cox_fit(
    data: Observed,
    frame: pd.DataFrame,
    ties: str,
    coef: np.ndarray,
    se: np.ndarray,
    converged: bool,
    notes: list[str],
    level: float,
) -> CoxFit:
    """Assemble the record from coefficients and standard errors."""
    p = frame.shape[1]
    sets = risk_sets(data, ties)
    x = frame.to_numpy()
    centre = x.mean(axis=0)
    events = int(data.event.sum())
    if events / p < EVENTS_PER_PARAMETER:
        notes.append(
            f"{events / p:.1f} events per parameter ({events} events, {p} parameters): fewer than {EVENTS_PER_PARAMETER}"
        )
    if not converged:
        coef = se = np.full(p, np.nan)
    at = moments(x - centre, np.nan_to_num(coef), sets)
    null = moments(x - centre, np.zeros(p), sets).log_likelihood
    if converged:
        ratio = max(0.0, 2 * (at.log_likelihood - null))
        test = Test(ratio, chi2.sf(ratio, p), detail={"method": "likelihood ratio, chi-squared", "df": p})
        concordance = harrell_c(data.time, data.event, x @ coef, interval=None).value if not _late(data) else np.nan
    else:
        test = Test(np.nan, np.nan, detail={"method": "likelihood ratio", "reason": "the fit did not converge"})
        concordance = np.nan
    at_mean = np.cumsum(at.hazard) * (1.0 if converged else np.nan)
    with np.errstate(over="ignore"):  # of a subject so far away (all zero) that the hazard has no number
        hazard = at_mean * np.exp(-centre @ coef)
    table = coefficient_table(frame.columns, coef, se, "hazard_ratio", level)
    baseline = pd.DataFrame({"time": sets.times, "cumulative_hazard": hazard, "at_mean": at_mean})
    return CoxFit(
        table,
        at.log_likelihood if converged else np.nan,
        null,
        test,
        float(concordance),
        len(frame),
        events,
        events / p,
        ties,
        converged,
        tuple(dict.fromkeys(notes)),
        baseline,
        data,
        frame,
    )


def _late(data: Observed) -> bool:
    return not np.isneginf(data.entry).all()


def cause_specific_cox(
    time: Any, event: Any, covariates: Any, *, cause: int = 1, ties: str = "efron", level: float = 0.95
) -> CoxFit:
    """Cox regression of one cause's hazard, subjects censored when another cause takes them away.

    The cause-specific hazard is the right scale for aetiology (Lau, Cole & Gange, Am J Epidemiol 2009;170:244); it does
    not by itself say how the cumulative incidence moves.

    Parameters
    ----------
    time, event, covariates, ties, level
        As in :func:`cox`, ``event`` with one code a cause.
    cause : int

    Returns
    -------
    CoxFit
        ``notes`` says how many competing events were censored.
    """
    data = observed(time, event, cause=cause, covariates=covariates)
    fit = cox(data.time, data.event == cause, covariates, ties=ties, level=level)
    others = int(((data.event > 0) & (data.event != cause)).sum())
    note = f"cause {cause}: {others} competing events counted as censored"
    return CoxFit(**{**fit.__dict__, "notes": (*fit.notes, note)})


def _transformed(data: Observed, transform: str) -> np.ndarray:
    """Return g(time) of every subject, as R ``cox.zph``."""
    if transform == "identity":
        return data.time
    if transform == "rank":
        return rankdata(data.time)
    if transform == "log":
        if (data.time[data.event == 1] <= 0).any():
            raise InputError(
                "transform is 'log', and some events happen at time 0", remedy="Use 'km', 'identity' or 'rank'"
            )
        return np.log(np.where(data.time > 0, data.time, 1.0))
    table = risk_table(data, causes=np.array([1]))
    stay = np.cumprod(1 - table.hazard[:, 0])
    return 1 - np.concatenate([[1.0], stay[:-1]])[table.place]


def proportional_hazards_test(fit: CoxFit, transform: str = "km") -> pd.DataFrame:
    """Score test that hazard ratios do not change with time, for each covariate and for all together.

    The exact score test of adding x g(t) to the model with beta at its estimate, as R survival >= 3 ``cox.zph``
    (Grambsch & Therneau, Biometrika 1994;81:515, without the approximation of a constant variance that older software
    makes).

    Parameters
    ----------
    fit : CoxFit
    transform : {"km", "identity", "log", "rank"}
        g(t): one minus the left-continuous Kaplan-Meier curve, t, log t, or the rank of t among all times, censored
        ones included, as R ranks them.

    Returns
    -------
    DataFrame
        Index the covariates and ``GLOBAL``; columns ``statistic`` (chi-squared), ``df``, ``p_value``; and ``reason`` where
        one of them is undefined.

    Raises
    ------
    InputError
        ``fit`` is no Cox model, or did not converge; ``log`` with events at time 0.
    """
    one_of(transform, ("km", "identity", "log", "rank"), "transform")
    if not isinstance(fit, CoxFit):
        raise InputError(f"fit is a {type(fit).__name__}", allowed="what cox or cause_specific_cox returned")
    if not fit.converged:
        raise InputError("the Cox model did not converge, so its hazards cannot be tested", remedy="; ".join(fit.notes))
    sets = risk_sets(fit.data, fit.ties)
    values = _transformed(fit.data, transform)
    g = np.zeros(len(sets.times))
    dead = sets.died >= 0
    g[sets.died[dead]] = values[dead]
    g = g - g[sets.died[dead]].mean()
    x = fit.covariates.to_numpy()
    scale = x.std(axis=0)
    x = (x - x.mean(axis=0)) / scale
    beta = fit.table["coef"].to_numpy() * scale
    plain, crossed, squared = (moments(x, beta, sets, weight) for weight in (np.ones(len(g)), g, g**2))
    p = x.shape[1]
    variance = squared.information - crossed.information @ np.linalg.solve(plain.information, crossed.information)
    rows = []
    for j in range(p):
        # the row of x_j g alone, beta free: what is left of its variance given all of beta
        rows.append(
            [
                crossed.score[j] ** 2 / variance[j, j]
                if variance[j, j] > 1e-10 * squared.information[j, j]
                else np.nan,
                1,
            ]
        )
    flat = np.linalg.matrix_rank(variance) < p
    rows.append([np.nan if flat else crossed.score @ np.linalg.solve(variance, crossed.score), p])
    index = pd.Index([*fit.table.index, "GLOBAL"], name="covariate")
    table = pd.DataFrame(rows, columns=["statistic", "df"], index=index)
    table["p_value"] = chi2.sf(table["statistic"], table["df"])
    if (lost := table["statistic"].isna()).any():
        why = "the events are too few, or at too few times, to tell whether this hazard ratio changes"
        table["reason"] = np.where(lost, why, "")
    return table
