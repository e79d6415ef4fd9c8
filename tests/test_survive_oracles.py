"""Thirty subjects with ties, events at time zero, four groups, two causes and late entries: what R gives, frozen.

R 4.2.2, survival 3.5-3, cmprsk 2.2-11; ``d`` is the table below, ``d$any <- as.numeric(d$event > 0)``, and
``k <- d[d$time > 0 & d$entry < d$time, ]`` those whose late entry R accepts. The R call stands at each value.
"""

import warnings

import numpy as np
import pandas as pd
import pytest

from blues import survive
from blues.check import InputError

D = pd.DataFrame(
    {
        "time": [6, 2, 4, 4, 6, 4, 5, 13, 0, 25, 0, 7, 2, 15, 0, 3, 0, 1, 2, 22, 8, 5, 4, 0, 4, 11, 9, 1, 6, 2],
        "event": [1, 0, 0, 2, 1, 0, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        "group": [1, 0, 3, 3, 3, 0, 2, 0, 3, 2, 3, 2, 0, 2, 1, 3, 3, 1, 3, 0, 3, 0, 2, 3, 1, 0, 3, 1, 1, 1],
        "x": [1.7, -0.3, -0.1, 0.4, 0.1, 0.6, -0.6, -1.5, 1.8, -0.7, -0.4, -0.8, -0.5, 0.1, 0.8]
        + [-1.0, 0.3, -0.6, 1.3, -1.2, 0.1, 0.8, -1.3, 0.1, 0.2, -0.8, -0.2, 1.0, 0.3, -0.4],
        "y": [0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0, 0],
        "entry": [0, 0, 0, 0, 0, 0, 2, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 3, 1, 0, 0, 0, 5, 2, 0, 2, 0],
        "risk": [1.8, 1.0, -0.6, 0.7, 0.7, -1.3, -1.9, -0.8, 1.9, -2.5, -1.1, -1.8, -1.0, 1.6, 0.2]
        + [1.0, 0.1, -1.3, 2.9, -0.3, 1.5, 2.7, -0.2, 1.3, -1.5, -1.6, 0.3, 1.2, 1.0, -0.8],
    }
)
ANY = (D["event"] > 0).astype(int)
K = D[(D["time"] > 0) & (D["entry"] < D["time"])]


def close(found, expected, tolerance=1e-12):
    np.testing.assert_allclose(np.asarray(found, float), expected, rtol=tolerance, atol=tolerance)


def test_gray_where_the_pooled_incidence_passes_one():
    """``cuminc(d$time, d$event, d$group)$Tests``: events after that still count."""
    found = [survive.gray_test(D["time"], D["event"], D["group"], cause=c).statistic for c in (1, 2)]
    close(found, [6.33950658997617, 5.21290019860392])


def test_logrank_of_four_groups():
    """``survdiff(Surv(time, any) ~ group, d)``."""
    test = survive.logrank_test(D["time"], ANY, D["group"])
    close(test.statistic, 9.37433426931874, 1e-10)
    assert test.detail["df"] == 3


def test_kaplan_meier_and_median():
    """``survfit(Surv(time, any) ~ 1, d, conf.type = "log-log")`` and its ``quantile(f, .5)``."""
    found = survive.kaplan_meier(D["time"], ANY)
    at = found.at([1, 4, 7, 13])
    close(at["survival"], [0.8, 0.549199084668192, 0.295722584052103, 0.126738250308044])
    close(at["low"], [0.6080389615384226, 0.3517421678175082, 0.1354110066404265, 0.0324217049051639])
    close(at["high"], [0.904762103457432, 0.709116985405082, 0.475981702749295, 0.288124155730745])
    close(found.median[["median", "low", "high"]].iloc[0], [5, 2, 7])


def test_aalen_johansen_of_two_causes():
    """``survfit(Surv(time, factor(event, 0:2)) ~ 1, d)``."""
    found = survive.aalen_johansen(D["time"], D["event"]).at([0, 2, 4, 7])
    first, second = (found[found["cause"] == c] for c in (1, 2))
    close(first["incidence"], [0.133333333333333, 0.236231884057971, 0.346071700991609, 0.599548201607698])
    close(first["se"], [0.0620632890834175, 0.0781425938458249, 0.0889638426764375, 0.0968372544788748])
    close(second["incidence"], [0.0333333333333333, 0.0681159420289855, 0.1047292143401983, 0.1047292143401983])
    close(second["se"], [0.0327730693416725, 0.0465197793710158, 0.0572983739673724, 0.0572983739673724])


def test_cause_specific_cox_and_its_proportional_hazards():
    """``coxph(Surv(time, event == 1) ~ x + y, d)`` and ``cox.zph``."""
    fit = survive.cause_specific_cox(D["time"], D["event"], D[["x", "y"]])
    close(
        [*fit.table["coef"], *fit.table["se"]],
        [0.3686912197642838, -0.0100678173257256, 0.2763276076676620, 0.4374981047517001],
        1e-9,
    )
    close(
        survive.proportional_hazards_test(fit)["statistic"],
        [0.385175745619875, 2.462482262099274, 4.393189056657535],
        1e-8,
    )


def test_late_entries():
    """``Surv(entry, time, any)`` in ``survfit``, ``coxph`` and ``cox.zph``, on ``k``."""
    event = ANY[K.index]
    at = survive.kaplan_meier(K["time"], event, entry=K["entry"]).at([2, 4, 7])
    close(at["at_risk"], [16, 16, 7])
    close(at["survival"], [0.76171875, 0.57763671875, 0.283567116477273])
    close(at["low"], [0.483585436774071, 0.333312550799578, 0.112777197729073])
    fit = survive.cox(K["time"], event, K[["x", "y"]], entry=K["entry"])
    close(
        [*fit.table["coef"], *fit.table["se"]],
        [0.400679923571420, -0.159427874655400, 0.283546147625422, 0.462397133020590],
        1e-9,
    )
    close(
        survive.proportional_hazards_test(fit)["statistic"],
        [0.355191336695102, 0.773407692561669, 1.771038651907582],
        1e-8,
    )


def test_concordances():
    """``concordance(Surv(time, any) ~ risk, d, reverse = TRUE)``, plain and with ``timewt = "n/G2"``."""
    close(survive.harrell_c(D["time"], ANY, D["risk"]).value, 0.605491329479769)
    close(survive.uno_c(D["time"], ANY, D["risk"]).value, 0.606322469948651)


def test_nobody_at_risk_for_a_while():
    """``survfit(Surv(c(0, 0, 5, 5), c(1, 2, 10, 11), rep(1, 4)) ~ 1)``: the curve stays at zero; lifelines refuses."""
    table = survive.kaplan_meier([1, 2, 10, 11], [1] * 4, entry=[0, 0, 5, 5]).table
    close(table["survival"], [1, 0.5, 0, 0, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = survive.cox([1, 2, 10, 11], [1] * 4, [1, 2, 1.5, 3], entry=[0, 0, 5, 5])
    assert not fit.converged


def test_global_error_state_of_numpy_is_left_alone():
    """lifelines' Kaplan-Meier with late entries switches NumPy's warnings off for everybody."""
    before = np.geterr()
    for _ in range(2):
        survive.kaplan_meier(K["time"], ANY[K.index], entry=K["entry"])
        survive.kaplan_meier(D["time"], ANY, groups=D["group"])
        survive.logrank_test(D["time"], ANY, D["group"])
        survive.cox(D["time"], ANY, D[["x"]])
        survive.hurdle(D["time"], ANY, D[["x"]])
    assert np.geterr() == before


@pytest.mark.parametrize("shift", [0.0, 2000.0, 1e6])
@pytest.mark.parametrize("factor", [1.0, 1e-5, 1e4])
def test_unit_and_origin_of_a_covariate_do_not_matter(shift, factor):
    """A year, or a mass in tonnes: hazard ratios a unit may overflow, predictions may not."""
    plain = survive.cox(D["time"], ANY, D[["x"]])
    moved = D[["x"]] * factor + shift * factor
    fit = survive.cox(D["time"], ANY, moved)
    close(fit.table["z"], plain.table["z"], 1e-6)
    new = pd.DataFrame({"x": [-1.0, 0.5, 2.0]})
    found = fit.survival(new * factor + shift * factor, [0, 4, 9]).to_numpy()
    np.testing.assert_allclose(found, plain.survival(new, [0, 4, 9]), rtol=1e-6)


def test_times_that_are_dates_or_durations():
    for values in (
        pd.date_range("2020", periods=30),
        pd.to_timedelta(D["time"], unit="D"),
        list(pd.to_timedelta(D["time"])),
    ):
        with pytest.raises(InputError, match="time must be numbers"):
            survive.kaplan_meier(values, ANY)


@pytest.mark.parametrize("level", [95, 0, 1, np.nan])
def test_levels(level):
    for call in (
        lambda: survive.kaplan_meier(D["time"], ANY, level=level),
        lambda: survive.aalen_johansen(D["time"], D["event"], level=level),
        lambda: survive.restricted_mean(D["time"], ANY, level=level),
        lambda: survive.cox(D["time"], ANY, D[["x"]], level=level),
    ):
        with pytest.raises(InputError, match="a confidence level between 0 and 1"):
            call()


def test_what_cannot_be_asked():
    with pytest.raises(InputError, match="cause is 0, the code of the censored"):
        survive.gray_test(D["time"], D["event"], D["group"], cause=0)
    with pytest.raises(InputError, match="groups is not given"):
        survive.logrank_test(D["time"], ANY, None)
    with pytest.raises(InputError, match="value 'a': tau must be a positive time"):
        survive.restricted_mean(D["time"], ANY, tau="a")
    with pytest.raises(InputError, match="times is empty"):
        survive.time_dependent_auc(D["time"], ANY, D["risk"], [])
    time = D["time"].set_axis([f"p{i}" for i in range(30)])
    with pytest.raises(InputError, match="time and entry are tables with different row labels"):
        survive.kaplan_meier(time, ANY.to_numpy(), entry=D["entry"])


def test_every_missing_number_has_its_reason():
    flat = survive.restricted_mean([1, 1, 2, 2], [1] * 4, groups=list("aabb"), tau=3).differences.iloc[0]
    assert np.isnan(flat["p_value"])
    assert "neither group varies" in flat["reason"]
    zero = survive.restricted_mean([0, 0, 2, 3], [1] * 4, groups=list("aabb"), tau=3).differences.iloc[0]
    assert np.isnan(zero["ratio"])
    assert "mean is 0" in zero["reason"]
    scored = survive.ipcw_brier([1, 2, 3], [1, 1, 1], [0.5] * 3, 3).table.iloc[0]
    assert np.isnan(scored["scaled"])
    assert "nobody differs" in scored["reason"]
    once = survive.proportional_hazards_test(survive.cox([1, 2, 3, 4], [0, 1, 0, 0], [1, 2, 0, 3]))
    assert once["p_value"].isna().all()
    assert once["reason"].str.contains("too few").all()
    apart = survive.fine_gray(
        [1, 2, 3, 4, 5, 6], [1, 1, 1, 2, 2, 0], [1, 1, 1, 0, 0, 0], least_per_parameter=0, least_competing=0
    )
    assert apart.table["coef"].isna().all()
    assert "no maximum" in apart.notes[0]


def test_columns_named_by_numbers():
    block = pd.DataFrame(np.column_stack([D["x"], D["y"]]))
    fit = survive.penalised_cox(D["time"], ANY, {"b": block}, penalty=1.0)
    assert fit.risk({"b": block}).shape == (30,)
