"""Models recover what was planted, and the parts of a penalised or two-part model are what they say."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from blues import survive
from blues.check import InputError
from blues.survive.inputs import observed
from blues.survive.partial import moments, risk_sets

PLANTED = np.log([2.0, 0.6])


def cohort(rng, n=400, beta=PLANTED, censored=0.02, whole_days=True):
    """Exponential stays with a planted hazard ratio, in whole days, some of them zero, some censored."""
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(size=n)])
    stay = rng.exponential(8 * np.exp(-x @ beta))
    lost = rng.exponential(1 / censored, n)
    time = np.minimum(stay, lost)
    frame = pd.DataFrame(x, columns=["pcr", "crp"], index=[str(i) for i in range(n)])
    return frame, np.floor(time) if whole_days else time, (stay <= lost).astype(int)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_planted_hazard_ratio_is_recovered(ties):
    x, time, event = cohort(np.random.default_rng(1), whole_days=False)
    fit = survive.cox(time, event, x, ties=ties)
    inside = (fit.table["low"] < np.exp(PLANTED)) & (np.exp(PLANTED) < fit.table["high"])
    assert inside.all()
    assert (fit.table["p_value"] < 1e-4).all()
    assert fit.converged
    assert fit.notes == ()
    assert fit.likelihood_ratio.p_value == pytest.approx(chi2.sf(fit.likelihood_ratio.statistic, 2))


@pytest.mark.slow
def test_interval_of_the_hazard_ratio_covers(rng):
    hits = np.zeros(2)
    for _ in range(200):
        x, time, event = cohort(rng, n=100, whole_days=False)
        table = survive.cox(time, event, x, ties="breslow").table
        hits += (table["low"] < np.exp(PLANTED)) & (np.exp(PLANTED) < table["high"])
    assert ((hits >= 180) & (hits <= 199)).all()


def test_cause_specific_hazards_are_told_apart(rng):
    """One covariate drives discharge, the other death; each model finds its own."""
    n = 600
    x = pd.DataFrame({"a": rng.normal(size=n), "b": rng.normal(size=n)})
    discharge = rng.exponential(8 * np.exp(-0.8 * x["a"]))
    death = rng.exponential(30 * np.exp(-0.8 * x["b"]))
    time, event = np.minimum(discharge, death), np.where(discharge <= death, 1, 2)
    for cause, own, other in ((1, "a", "b"), (2, "b", "a")):
        fit = survive.cause_specific_cox(time, event, x, cause=cause)
        assert fit.table.loc[own, "coef"] == pytest.approx(0.8, abs=0.25)
        assert abs(fit.table.loc[other, "z"]) < 3
        assert any("counted as censored" in note for note in fit.notes)
    assert fit.events == (event == 2).sum()


def test_proportional_hazards_test_sees_a_crossing(rng):
    n = 400
    x = rng.integers(0, 2, n).astype(float)
    crossing = np.where(x == 1, rng.weibull(3, n) * 8, rng.weibull(0.7, n) * 8)
    found = survive.proportional_hazards_test(survive.cox(crossing, np.ones(n), x))
    assert found.loc["GLOBAL", "p_value"] < 1e-6
    proportional = rng.exponential(8 * np.exp(-0.7 * x))
    found = survive.proportional_hazards_test(survive.cox(proportional, np.ones(n), x))
    assert found.loc["x1", "p_value"] > 0.01
    assert found.loc["x1", "statistic"] == pytest.approx(found.loc["GLOBAL", "statistic"])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_score_and_information_are_derivatives(rng, ties):
    """Against finite differences, with ties and delayed entry."""
    n = 40
    time = rng.integers(3, 9, n).astype(float)
    data = observed(time, rng.integers(0, 2, n), entry=rng.integers(0, 3, n))
    x, beta, h = rng.normal(size=(n, 3)), np.array([0.3, -0.2, 0.5]), 1e-5
    sets = risk_sets(data, ties)
    here = moments(x, beta, sets)
    for j in range(3):
        step = h * np.eye(3)[j]
        up, down = moments(x, beta + step, sets), moments(x, beta - step, sets)
        assert here.score[j] == pytest.approx((up.log_likelihood - down.log_likelihood) / (2 * h), rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(here.information[j], -(up.score - down.score) / (2 * h), rtol=1e-5, atol=1e-6)


def test_uno_of_the_planted_risk_beats_noise(rng):
    x, time, event = cohort(rng)
    good = survive.uno_c(time, event, x @ PLANTED, tau=15)
    noise = survive.uno_c(time, event, rng.normal(size=len(time)), tau=15)
    assert good.low > 0.6
    assert noise.low < 0.5 < noise.high


# ------------------------------------------------------------------------------------------------- penalised Cox


def test_weak_penalty_is_plain_cox(rng):
    x, time, event = cohort(rng, n=150)
    plain = survive.cox(time, event, x).table["coef"]
    ridge = survive.penalised_cox(time, event, {"clinical": x}, penalty=1e-8)
    np.testing.assert_allclose(ridge.coefficients["coef"], plain, rtol=1e-5)
    assert ridge.effective_parameters == pytest.approx(2, abs=1e-4)
    free = survive.cox(time, event, x).survival(x.iloc[:3], [2, 6])
    np.testing.assert_allclose(ridge.survival({"clinical": x.iloc[:3]}, [2, 6]), free, atol=1e-6)


def test_strong_penalty_leaves_nothing(rng):
    x, time, event = cohort(rng, n=150)
    fit = survive.penalised_cox(time, event, {"clinical": x}, penalty=1e9)
    assert np.abs(fit.risk({"clinical": x})).max() < 1e-5
    assert fit.effective_parameters < 1e-5


def test_ridge_solution_with_more_columns_than_patients(rng):
    """The score of the penalised likelihood is zero at the solution found in the rotated columns."""
    n, p = 40, 200
    x = pd.DataFrame(rng.normal(size=(n, p)), columns=[f"f{i}" for i in range(p)])
    time, event = rng.integers(0, 20, n).astype(float), np.ones(n)
    fit = survive.penalised_cox(time, event, {"image": x}, penalty=3.0)
    z = (x - x.mean()) / x.std(ddof=0) / np.sqrt(p)
    here = moments(z.to_numpy(), fit.beta, risk_sets(observed(time, event)))
    np.testing.assert_allclose(here.score, 3.0 * fit.beta, atol=1e-6)


def test_penalty_is_chosen_by_signal(rng):
    x, time, event = cohort(rng, n=120)
    strong = survive.penalised_cox(time, event, {"clinical": x})
    noise = survive.penalised_cox(time, event, {"noise": pd.DataFrame(rng.normal(size=(120, 30))).add_prefix("n")})
    assert strong.penalty < noise.penalty
    assert strong.path["score"].idxmax() == (strong.path["penalty"] == strong.penalty).idxmax()
    assert survive.penalised_cox(time, event, {"clinical": x}).penalty == strong.penalty  # seeded
    assert noise.effective_parameters < 10  # of 30


def test_blocks_weigh_alike(rng):
    """A block of 300 columns of noise does not drown a block of one."""
    x, time, event = cohort(rng, n=200)
    noise = pd.DataFrame(rng.normal(size=(200, 300)), index=x.index).add_prefix("n")
    fit = survive.penalised_cox(time, event, {"image": noise, "clinical": x}, penalty=20.0)
    alone = survive.penalised_cox(time, event, {"clinical": x}, penalty=20.0)
    risk = fit.risk({"image": noise, "clinical": x})
    assert np.corrcoef(risk, alone.risk({"clinical": x}))[0, 1] > 0.6
    spread = fit.coefficients.groupby("block")["coef_sd"].apply(lambda c: np.abs(c).max())
    assert spread["clinical"] > 5 * spread["image"]


def test_what_was_learned_is_kept_for_new_patients(rng):
    x, time, event = cohort(rng, n=100)
    x = x.assign(constant=1.0, empty=np.nan)
    x.iloc[::7, 1] = np.nan
    fit = survive.penalised_cox(time, event, {"clinical": x}, penalty=1.0)
    assert set(fit.coefficients["column"]) == {"pcr", "crp"}
    missing = pd.DataFrame({"pcr": [1.0], "crp": [np.nan]}, index=["new"])
    median = missing.fillna({"crp": x["crp"].median()})
    assert fit.risk({"clinical": missing})[0] == pytest.approx(fit.risk({"clinical": median})[0])
    with pytest.raises(InputError, match="block 'clinical' has no column 'crp'"):
        fit.risk({"clinical": missing[["pcr"]]})
    with pytest.raises(InputError, match="block 'clinical' is missing"):
        fit.risk({"blood": missing})


def test_components_reduce_a_block(rng):
    n = 80
    hidden = rng.normal(size=n)
    image = pd.DataFrame(hidden[:, None] + 0.1 * rng.normal(size=(n, 60))).add_prefix("f")
    time = rng.exponential(8 * np.exp(-hidden))
    fit = survive.penalised_cox(time, np.ones(n), {"image": image}, components=2, penalty=1.0)
    assert len(fit.beta) == 2
    assert np.corrcoef(fit.risk({"image": image}), hidden)[0, 1] > 0.95
    assert len(fit.coefficients) == 60


def test_penalised_refusals(rng):
    x, time, event = cohort(rng, n=30)
    with pytest.raises(InputError, match="no block was given"):
        survive.penalised_cox(time, event, {})
    with pytest.raises(InputError, match="no block has a column that varies"):
        survive.penalised_cox(time, event, {"a": x * 0 + 1})
    with pytest.raises(InputError, match="penalty must be positive"):
        survive.penalised_cox(time, event, {"a": x}, penalty=0.0)
    with pytest.raises(InputError, match="block 'b' must be numbers"):
        survive.penalised_cox(time, event, {"b": x.assign(word="yes")})


# ------------------------------------------------------------------------------- daily status and zero-day stays


def daily(time, days=(0, 1, 3, 5, 7, 30)):
    """Status on some days of continuous stays."""
    return pd.DataFrame(
        {float(d): np.where(time > d, "ward", "out") for d in days}, index=[str(i) for i in range(len(time))]
    )


def test_daily_status_recovers_the_hazard_ratio(rng):
    """The complementary log-log link gives the hazard ratio behind the grouped times."""
    x, time, _ = cohort(rng, n=600, whole_days=False)
    fit = survive.discrete_time(daily(time), x)
    assert fit.converged
    assert fit.patients == 600
    inside = (fit.table["low"] < np.exp(PLANTED)) & (np.exp(PLANTED) < fit.table["high"])
    assert inside.all()
    odds = survive.discrete_time(daily(time), x, link="logit").table["odds_ratio"]
    assert np.abs(np.log(odds) / fit.table["coef"]).gt(1).all()


def test_intervals_of_a_stay():
    status = pd.DataFrame(
        [
            ["ward", "ward", "out", "ward"],  # readmitted: the first stay ends in the third interval
            ["out", "ward", "dead", None],  # admitted after the first look, dies
            ["out", "out", "out", "out"],
            ["icu", None, "out", "out"],  # a day is not known: censored before it
        ],
        index=["1", "2", "3", "4"],
        columns=[0.0, 1.0, 3.0, 7.0],
    )
    rows = survive.person_intervals(status)
    assert rows[rows["patient"] == "1"][["start", "stop", "event"]].values.tolist() == [
        [-np.inf, 0, 0],
        [0, 1, 0],
        [1, 3, 1],
    ]
    assert rows[rows["patient"] == "2"]["died"].tolist() == [0, 0, 1]
    assert rows[rows["patient"] == "3"]["event"].tolist() == [1]
    assert rows[rows["patient"] == "4"]["event"].tolist() == [0]
    assert set(survive.person_intervals(status, presentation=False)["patient"]) == {"1", "2"}
    with pytest.raises(InputError, match="the status of patient 1 is 'home'"):
        survive.person_intervals(status.replace("ward", "home"))
    with pytest.raises(InputError, match="must ascend"):
        survive.person_intervals(status[[1.0, 0.0]])


def test_intervals_without_events_share_a_baseline(rng):
    x, time, _ = cohort(rng, n=80)
    time = np.where((time > 1) & (time <= 3), 4.0, time)  # nobody leaves between day 1 and day 3
    fit = survive.discrete_time(daily(time), x)
    quiet = fit.intervals[fit.intervals["events"] == 0]
    assert quiet["stop"].tolist() == [3.0]
    assert fit.intervals["group"].nunique() < len(fit.intervals)
    assert fit.converged


def test_separated_daily_status_says_so(rng):
    time = np.r_[np.zeros(10), np.full(10, 40.0)]
    x = pd.DataFrame({"x": np.r_[np.zeros(10), np.ones(10)]}, index=[str(i) for i in range(20)])
    fit = survive.discrete_time(daily(time), x)
    assert not fit.converged
    assert fit.table.isna().all(axis=None)
    assert fit.notes


def test_hurdle_tells_admission_from_length(rng):
    """One covariate decides whether, the other for how long."""
    n = 500
    x = pd.DataFrame({"whether": rng.normal(size=n), "long": rng.normal(size=n)})
    admitted = rng.random(n) < 1 / (1 + np.exp(-1 - 1.2 * x["whether"]))
    time = np.where(admitted, np.exp(1.5 + 0.5 * x["long"] + 0.4 * rng.normal(size=n)), 0.0)
    event = np.where(time > 15, 0, 1)
    fit = survive.hurdle(np.minimum(time, 15), event, x)
    assert fit.converged
    assert fit.admitted.loc["whether", "coef"] == pytest.approx(1.2, abs=0.35)
    assert abs(fit.admitted.loc["long", "z"]) < 3
    assert fit.length.loc["long", "coef"] == pytest.approx(0.5, abs=0.08)
    assert abs(fit.length.loc["whether", "z"]) < 3
    assert fit.zeros + (time > 0).sum() == n
    assert fit.ended == ((event == 1) & (time > 0)).sum()
    for family in ("weibull", "loglogistic"):
        other = survive.hurdle(np.minimum(time, 15), event, x, family=family)
        assert other.length.loc["long", "time_ratio"] == pytest.approx(np.exp(0.5), abs=0.15)


def test_separated_hurdle_says_so():
    time, x = np.r_[np.zeros(10), np.arange(1.0, 11)], np.r_[np.zeros(10), np.arange(1.0, 11)]
    fit = survive.hurdle(time, np.ones(20), x)
    assert not fit.converged
    assert fit.admitted["coef"].isna().all()
    assert any("admission" in note for note in fit.notes)
