"""Numbers that textbooks and R (survival 3.5-3, cmprsk 2.2-11, riskRegression 2022.11) give, at full precision."""

import numpy as np
import pandas as pd
import published
import pytest
from lifelines.datasets import load_lung, load_rossi

from blues import survive

# remission times of 42 children with leukaemia, 6-MP against placebo (Freireich et al. 1963)
FREIREICH_6MP = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
FREIREICH_6MP_EVENT = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
FREIREICH_PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
FREIREICH = {
    "time": FREIREICH_6MP + FREIREICH_PLACEBO,
    "event": FREIREICH_6MP_EVENT + [1] * 21,
    "treated": [1] * 21 + [0] * 21,
}


@pytest.fixture(scope="module")
def examples():
    return published.examples()


@pytest.fixture(scope="module")
def drawn():
    """200 subjects by arithmetic, many ties, events at time 0: the same rows in R."""
    i = np.arange(200)
    u, v = ((i * 61) % 199 + 0.5) / 199, ((i * 83) % 197 + 0.5) / 197
    x = ((i * 37) % 101) / 100
    frame = pd.DataFrame({"time": np.round(-np.log(u) * 10 * np.exp(-x)), "x": x, "y": ((i * 53) % 89) / 89})
    frame["event"] = np.where(v < 0.5, 1, np.where(v < 0.75, 2, 0))
    frame["group"] = (i * 13) % 3
    assert frame["time"].sum() == 1289
    assert frame["event"].value_counts().to_dict() == {1: 100, 0: 50, 2: 50}
    return frame


@pytest.fixture(scope="module")
def lung():
    return load_lung()[["time", "status", "age", "sex", "ph.ecog"]].dropna().reset_index(drop=True)


def close(found, expected, tolerance):
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=0, atol=tolerance)


# ---------------------------------------------------------------------------------------- the table of examples


def test_kaplan_meier_of_freireich(examples):
    e = examples["freireich_km"]
    data = pd.DataFrame(e["input"])
    treated = data[data["treated"] == 1]
    found = survive.kaplan_meier(treated["time"], treated["event"]).at(e["expected"]["t"])
    close(found["survival"], e["expected"]["S"], e["tolerance"])
    close(found["se"], e["expected"]["se"], e["tolerance"])


def test_logrank_of_freireich(examples):
    e = examples["freireich_logrank"]
    data = e["input"]
    test = survive.logrank_test(data["time"], data["event"], data["treated"])
    close([test.statistic, test.p_value], [e["expected"]["chi2"], e["expected"]["p"]], e["tolerance"])


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox_of_freireich(examples, ties):
    e = examples["freireich_cox"]
    data = e["input"]
    fit = survive.cox(data["time"], data["event"], data["treated"], ties=ties)
    close(fit.table.iloc[0][["coef", "se"]], e["expected"][ties], e["tolerance"])


def test_cox_of_rossi(examples):
    e = examples["rossi_cox"]
    rossi = load_rossi()
    fit = survive.cox(rossi["week"], rossi["arrest"], rossi[e["input"]["order"]])
    close(fit.table["coef"], e["expected"]["coef"], e["tolerance"])
    close(fit.table["se"], e["expected"]["se"], e["tolerance"])
    close(fit.log_likelihood, e["expected"]["loglik"], e["tolerance"])
    close(fit.concordance, e["expected"]["c"], e["tolerance"])
    risk = fit.risk(rossi)
    close(survive.harrell_c(rossi["week"], rossi["arrest"], risk).value, e["expected"]["c"], e["tolerance"])


def test_aalen_johansen_of_mgus2(examples):
    e = examples["mgus2_aalen_johansen"]
    found = survive.aalen_johansen(e["input"]["time"], e["input"]["event"]).at(e["input"]["times"])
    close(found.loc[found["cause"] == 1, "incidence"], e["expected"]["pcm"], e["tolerance"])
    close(found.loc[found["cause"] == 2, "incidence"], e["expected"]["death"], e["tolerance"])
    # standard errors of R survfit at 120 months
    close(found.loc[found["time"] == 120, "se"], [0.00679685, 0.01405965], 1e-8)


def test_aalen_johansen_with_ties(examples):
    e = examples["aj_tiny_ties"]
    found = survive.aalen_johansen(e["input"]["time"], e["input"]["event"]).at(e["expected"]["t"])
    close(found.loc[found["cause"] == e["input"]["cause"], "incidence"], e["expected"]["cif"], e["tolerance"])


def test_harrell_of_lung(examples):
    e = examples["lung_harrell_c"]
    found = survive.harrell_c(e["input"]["time"], e["input"]["event"], e["input"]["risk"])
    close(found.value, e["expected"]["c"], e["tolerance"])
    assert found.se == pytest.approx(0.0250679738530796, rel=0.02)  # R's infinitesimal jackknife


def test_time_dependent_auc_of_lung(examples):
    e = examples["lung_tdauc"]
    data = e["input"]
    expected = e["expected"]["auc"]
    found = survive.time_dependent_auc(data["time"], data["event"], data["risk"], [180, 365, 600])
    close(found["auc"], expected, 1e-12)  # riskRegression reads G just before the event
    at_the_event = survive.time_dependent_auc(data["time"], data["event"], data["risk"], [180, 365, 600], g_at="t")
    close(at_the_event["auc"], expected, e["tolerance"])
    assert np.abs(at_the_event["auc"] - expected).max() > 1e-5


def test_brier_of_lung(examples):
    e = examples["lung_ipcw_brier"]
    data, times = e["input"], [180, 365, 600]
    found = survive.ipcw_brier(data["time"], data["event"], data["surv_prob"], times)
    close(found.table["brier"], e["expected"]["brier"], 1e-12)
    at_the_event = survive.ipcw_brier(data["time"], data["event"], data["surv_prob"], times, g_at="t")
    close(at_the_event.table["brier"], e["expected"]["brier"], e["tolerance"])


def test_gray_and_fine_gray_on_the_times_of_mgus2(examples):
    """Expected: cmprsk with groups and covariates made from the row number, as the sexes and ages are not in the table."""
    data = examples["mgus2_aalen_johansen"]["input"]
    i = np.arange(1384)
    for groups, expected in (
        ((i * 7919) % 3, [2.79577380350624, 0.664249690939156]),
        ((i * 104729) % 2, [0.17066826395704, 0.224359646878947]),
    ):
        found = [survive.gray_test(data["time"], data["event"], groups, cause=c).statistic for c in (1, 2)]
        close(found, expected, 1e-9)
    x = pd.DataFrame({"x1": ((i * 7919) % 101) / 100, "x2": (i * 104729) % 2})
    fit = survive.fine_gray(data["time"], data["event"], x)
    close(fit.table["coef"], [-0.032058978390329, 0.0921579038654554], 1e-6)
    close(fit.table["se"], [0.292278255455658, 0.185816997493032], 1e-6)
    assert (fit.events, fit.competing) == (115, 860)


# -------------------------------------------------------------------------------------- vectors that travel along


def test_freireich_inline():
    km = survive.kaplan_meier(FREIREICH_6MP, FREIREICH_6MP_EVENT).at([6, 7, 10, 13, 16, 22, 23])
    close(km["survival"], [0.857, 0.807, 0.753, 0.69, 0.627, 0.538, 0.448], 6e-4)
    close(km["se"], [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], 6e-4)
    assert km["at_risk"].tolist() == [21, 17, 15, 12, 11, 7, 6]
    median = survive.kaplan_meier(FREIREICH["time"], FREIREICH["event"], groups=FREIREICH["treated"]).median
    assert median["median"].tolist() == [8, 23]
    test = survive.logrank_test(FREIREICH["time"], FREIREICH["event"], FREIREICH["treated"])
    close(test.statistic, 16.79294, 1e-5)
    close(test.detail["table"]["observed"], [21, 9], 0)
    efron = survive.cox(FREIREICH["time"], FREIREICH["event"], FREIREICH["treated"]).table.iloc[0]
    breslow = survive.cox(FREIREICH["time"], FREIREICH["event"], FREIREICH["treated"], ties="breslow").table.iloc[0]
    close(efron[["coef", "se"]], [-1.572125, 0.412397], 1e-6)
    close(breslow[["coef", "se"]], [-1.509191, 0.409564], 1e-6)


def test_aalen_johansen_keeps_time_zero_and_ties():
    """R survfit of ten subjects; lifelines loses the two events at time 0 and breaks ties at random."""
    time, event = [0, 0, 1, 2, 3, 3, 4, 4, 7, 9], [1, 2, 1, 0, 1, 2, 1, 1, 0, 2]
    found = survive.aalen_johansen(time, event).at([0, 1, 3, 9])
    first, second = (found[found["cause"] == c] for c in (1, 2))
    close(first["se"], [0.09486833, 0.12649111, 0.15250987, 0.166333], 1e-8)
    close(second["se"], [0.09486833, 0.09486833, 0.13635466, 0.166333], 1e-8)
    close(first["incidence"], [0.1, 0.2, 0.2 + 0.7 / 6, 0.2 + 0.7 / 6 + 0.7 / 1.5 / 2], 1e-12)
    only = survive.aalen_johansen([0, 0, 1, 2, 3], [1, 1, 1, 1, 0]).table["incidence"]
    close(only, [0.4, 0.6, 0.8, 0.8], 1e-12)


def test_an_incidence_of_none_or_all_has_no_interval():
    """Nobody of group b died: from 0 to 0 would say that nobody could."""
    curves = survive.aalen_johansen([1, 2, 3, 2, 3, 4], [2, 1, 1, 1, 1, 1], groups=list("aaabbb"))
    died = curves.table[curves.table["cause"] == 2].set_index(["group", "time"])[["incidence", "low", "high"]]
    nobody, somebody = died.loc["b"], died.loc["a"]
    assert nobody.loc[0].tolist() == [0, 0, 0]
    assert (nobody["incidence"] == 0).all()
    assert nobody.loc[1:, ["low", "high"]].isna().all(axis=None)
    assert somebody.notna().all(axis=None)
    left = curves.at([4]).query("group == 'b' and cause == 1")
    assert left["incidence"].tolist() == pytest.approx([1])
    assert left[["low", "high"]].isna().all(axis=None)


def test_kaplan_meier_medians_of_lung():
    lung = load_lung()
    curves = survive.kaplan_meier(lung["time"], lung["status"], groups=lung["sex"])
    close(curves.median[["median", "low", "high"]], [[270, 210, 306], [426, 345, 524]], 0)
    close(curves.at([365])["low"], [0.252729143327973, 0.403579823266731], 1e-12)
    close(curves.at([365])["high"], [0.421302168222719, 0.635316232824086], 1e-12)
    assert curves.at([100, 365, 700])["at_risk"].tolist() == [114, 35, 8, 82, 30, 8]
    flat = survive.kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]).median.iloc[0]
    assert (flat["median"], flat["low"]) == (2.5, 1)
    assert np.isnan(flat["high"])


def test_kaplan_meier_with_delayed_entry():
    found = survive.kaplan_meier([5, 6, 8, 8, 9, 12, 12, 15], [1, 1, 0, 1, 1, 0, 1, 1], entry=[0, 0, 5, 2, 6, 0, 3, 4])
    table = found.table[found.table["time"] > 0]
    assert table["at_risk"].tolist() == [6, 6, 6, 4, 3, 1]
    close(table["survival"][:3], [0.833333333333333, 0.694444444444445, 0.578703703703704], 1e-12)
    close(table["se"][:3], [0.152145154862546, 0.17930478454664, 0.183002179407892], 1e-12)
    close(table["low"][:3], [0.273122849928356, 0.232049285534297, 0.182946222828459], 1e-12)


def test_restricted_mean_of_lung():
    lung = load_lung()
    found = survive.restricted_mean(lung["time"], lung["status"], groups=lung["sex"], tau=700)
    close(found.table["value"], [308.695919069729, 428.058454351016], 1e-9)
    close(found.table["se"], [18.8371234284447, 26.0855140023485], 1e-9)
    gap = found.differences.iloc[0]
    close(gap["difference"], 428.058454351016 - 308.695919069729, 1e-9)
    close(gap["se"], np.hypot(18.8371234284447, 26.0855140023485), 1e-9)
    close((gap["low"] + gap["high"]) / 2, gap["difference"], 1e-9)


def test_restricted_mean_by_r(drawn):
    found = survive.restricted_mean(drawn["time"], drawn["event"] == 1, groups=drawn["group"], tau=20)
    close(found.table["value"], [10.51283041798585, 10.36949778286767, 9.98957017236484], 1e-9)
    close(found.table["se"], [1.16114708472268, 1.03308215953819, 1.06564870816075], 1e-9)


def test_horizon_of_the_restricted_mean_by_default():
    """survRM2: a group's last time binds only if someone is censored there."""
    time, event = [1, 2, 5, 1, 3, 9], [1, 1, 0, 1, 1, 1]
    groups = list("aaabbb")
    assert survive.restricted_mean(time, event, groups=groups).tau == 5
    assert survive.restricted_mean(time, [1] * 6, groups=groups).tau == 9
    assert survive.restricted_mean(time, [1, 1, 1, 1, 1, 0], groups=groups).tau == 9


ROSSI = {
    "km": [0.0624297513580852, 5.97398165341843, 2.06826538748052, 4.22459563342159, 1.01102156443575],
    "identity": [0.00895055875129511, 6.61594378929425, 2.14442625678454, 3.8767551246737, 1.03134831871163],
    "log": [0.137599433257119, 8.23149834194233, 1.61708493942692, 2.08585484109845, 1.1259733148419],
    "rank": [1.38380845140703, 0.896421461566301, 2.25997815120004, 4.15968375316569, 0.0895921418466064],
}
ROSSI_GLOBAL = {"km": 17.694415254455, "identity": 18.1826870391293, "log": 17.6615705707482, "rank": 11.0251834071226}


@pytest.mark.parametrize("transform", ROSSI)
def test_exact_test_of_proportional_hazards(transform):
    """R survival >= 3; lifelines' approximation gives 11.03 for age where the exact test gives 5.97."""
    rossi = load_rossi()
    fit = survive.cox(rossi["week"], rossi["arrest"], rossi[["fin", "age", "race", "wexp", "mar", "paro", "prio"]])
    found = survive.proportional_hazards_test(fit, transform=transform)
    close(found["statistic"].iloc[:5], ROSSI[transform], 2e-7)
    close(found.loc["GLOBAL", "statistic"], ROSSI_GLOBAL[transform], 2e-7)
    assert found.loc["GLOBAL", "df"] == 7


@pytest.mark.parametrize(
    ("ties", "coef", "se", "likelihood", "km", "rank"),
    [
        (
            "efron",
            [0.936346424938019, 0.245083201392936],
            [0.351356725826036, 0.34034705740175],
            [-431.530775240846, -427.736538468187],
            [0.205240860798134, 0.924116356766084, 1.207230932016892],
            [0.289414404463724, 0.515576915022272, 0.834144535030147],
        ),
        (
            "breslow",
            [0.906875577421978, 0.234474175543541],
            [0.351813027238235, 0.340096248310795],
            [-434.820628628091868, -431.25972136047676],
            [0.161220542552945, 0.913728468409091, 1.151428241685864],
            [0.24401289325926, 0.501478366998945, 0.776666276269288],
        ),
    ],
)
def test_cox_with_heavy_ties_by_r(drawn, ties, coef, se, likelihood, km, rank):
    fit = survive.cox(drawn["time"], drawn["event"] == 1, drawn[["x", "y"]], ties=ties)
    close(fit.table["coef"], coef, 1e-9)
    close(fit.table["se"], se, 1e-9)
    close([fit.null_log_likelihood, fit.log_likelihood], likelihood, 1e-9)
    close(survive.proportional_hazards_test(fit)["statistic"], km, 1e-8)
    close(survive.proportional_hazards_test(fit, transform="rank")["statistic"], rank, 1e-8)


def test_predicted_survival_by_r(drawn):
    fit = survive.cox(drawn["time"], drawn["event"] == 1, drawn[["x", "y"]])
    new = pd.DataFrame({"x": [0.2, 0.9], "y": [0.5, 0.1]}, index=["a", "b"])
    found = fit.survival(new, [0, 3, 8, 15])
    close(found.loc["a"], [0.974506883724861, 0.803732029946167, 0.594127883737771, 0.402462094865372], 1e-9)
    close(found.loc["b"], [0.955909667830029, 0.682827088508906, 0.402867363638747, 0.204076685658413], 1e-9)


def test_cox_with_delayed_entry_by_r():
    time, event = [5, 6, 8, 8, 9, 12, 12, 15], [1, 1, 0, 1, 1, 0, 1, 1]
    entry, x = [0, 0, 5, 2, 6, 0, 3, 4], [1, 2, 1, 3, 2, 4, 3, 5]
    for ties in ("efron", "breslow"):
        fit = survive.cox(time, event, x, entry=entry, ties=ties)
        close(fit.table.iloc[0][["coef", "se"]], [-0.978364843848546, 0.522555133211285], 1e-7)
        close([fit.null_log_likelihood, fit.log_likelihood], [-7.86018505747217, -5.45054739141746], 1e-9)
        close(survive.proportional_hazards_test(fit)["statistic"].iloc[0], 0.000684703916070137, 1e-8)


def test_gray_by_cmprsk(drawn):
    found = [survive.gray_test(drawn["time"], drawn["event"], drawn["group"], cause=c) for c in (1, 2)]
    close([t.statistic for t in found], [0.139031091422682, 0.0413712396106083], 1e-10)
    close([t.p_value for t in found], [0.932845631522922, 0.97952686001377], 1e-10)
    small = survive.gray_test([0, 0, 1, 2, 3, 3, 4, 4, 7, 9], [1, 2, 1, 0, 1, 2, 1, 1, 0, 2], [1, 2] * 5)
    close(small.statistic, 3.37479198669769, 1e-10)
    assert "fewer than 10" in small.detail["reason"]


def test_fine_gray_by_cmprsk(drawn):
    """One day is added for cmprsk, which misreads censoring at time 0; here that changes nothing."""
    for cause, coef, se in ((1, 0.437473393279702, 0.327110773351492), (2, -0.00663519928133237, 0.47000769957418609)):
        for shift in (0, 1):
            fit = survive.fine_gray(drawn["time"] + shift, drawn["event"], drawn["x"], cause=cause)
            close(fit.table.iloc[0][["coef", "se"]], [coef, se], 1e-7)


def test_concordance_by_r(drawn):
    event = (drawn["event"] == 1).astype(int)
    close(survive.harrell_c(drawn["time"], event, drawn["x"]).value, 0.584897094430993, 1e-12)
    close(survive.uno_c(drawn["time"], event, drawn["x"]).value, 0.573613234293057, 1e-12)
    close(survive.uno_c(drawn["time"], event, drawn["x"], tau=8.5).value, 0.5769290691524, 1e-12)


@pytest.mark.parametrize(
    ("cause", "auc", "brier", "null"),
    [
        (
            None,
            [0.621910638914096, 0.623701126675221, 0.674290325931192],
            [0.184411039261446, 0.243194866850905, 0.213231996686482],
            [0.190849919483919, 0.249996081592985, 0.213573932087156],
        ),
        (
            1,
            [0.608536647997138, 0.592112583167346, 0.575935604494373],
            [0.178611215142129, 0.243699882054529, 0.256589032868354],
            [0.182975416180243, 0.245473522237015, 0.247156971493416],
        ),
    ],
)
def test_scores_by_risk_regression(drawn, cause, auc, brier, null):
    """With one kind of event, and with a competing one."""
    event = drawn["event"] if cause else (drawn["event"] == 1).astype(int)
    x = drawn["x"].to_numpy()
    risk = np.column_stack([np.minimum(0.9, 0.1 + 0.3 * x), np.minimum(0.95, 0.2 + 0.5 * x), 0.3 + 0.6 * x])
    found = survive.time_dependent_auc(drawn["time"], event, x, [3, 8, 15], cause=cause)
    close(found["auc"], auc, 1e-12)
    scores = survive.ipcw_brier(drawn["time"], event, 1 - risk, [3, 8, 15], cause=cause)
    close(scores.table["brier"], brier, 1e-12)
    close(scores.table["null"], null, 1e-12)
    close(scores.integrated.value, np.trapezoid(brier, [3, 8, 15]) / 12, 1e-12)
    # R's standard errors come from influence functions; the jackknife agrees to some percent
    np.testing.assert_allclose(
        scores.table["se"], [0.0164, 0.0137, 0.0174] if not cause else [0.0155, 0.0119, 0.0158], rtol=0.05
    )
    np.testing.assert_allclose(
        found["se"], [0.0508, 0.0509, 0.0679] if not cause else [0.0495, 0.0449, 0.0475], rtol=0.06
    )


def test_scores_with_g_at_the_event_as_scikit_survival(drawn):
    """Computed with scikit-survival 0.28.0."""
    time, event = drawn["time"] + 1, drawn["event"] == 1
    close(survive.uno_c(time, event, drawn["x"], tau=9, g_at="t").value, 0.5799246479427069, 1e-12)
    auc = survive.time_dependent_auc(time, event, drawn["x"], [4, 9], g_at="t")["auc"]
    close(auc, [0.62142434, 0.62348999], 1e-8)
    free = np.column_stack([0.9 - 0.3 * drawn["x"], 0.7 - 0.4 * drawn["x"]])
    brier = survive.ipcw_brier(time, event, free, [4, 9], g_at="t").table["brier"]
    close(brier, [0.19651321, 0.24825616], 1e-8)


@pytest.mark.oracle
def test_scores_agree_with_scikit_survival(drawn):
    metrics = pytest.importorskip("sksurv.metrics")
    event = (drawn["event"] == 1).to_numpy()
    seen = np.array(list(zip(event, drawn["time"] + 1, strict=True)), dtype=[("e", bool), ("t", float)])
    uno = metrics.concordance_index_ipcw(seen, seen, drawn["x"].to_numpy(), tau=9)[0]
    close(survive.uno_c(drawn["time"] + 1, event, drawn["x"], tau=9, g_at="t").value, uno, 1e-10)
    auc = metrics.cumulative_dynamic_auc(seen, seen, drawn["x"].to_numpy(), [4, 9])[0]
    ours = survive.time_dependent_auc(drawn["time"] + 1, event, drawn["x"], [4, 9], g_at="t")
    close(ours["auc"], auc, 1e-10)
    free = np.column_stack([0.9 - 0.3 * drawn["x"], 0.7 - 0.4 * drawn["x"]])
    brier = metrics.brier_score(seen, seen, free, [4, 9])[1]
    close(survive.ipcw_brier(drawn["time"] + 1, event, free, [4, 9], g_at="t").table["brier"], brier, 1e-10)


def test_breslow_agrees_with_statsmodels(drawn):
    import statsmodels.api as sm

    event = (drawn["event"] == 1).astype(int)
    x = drawn[["x", "y"]].to_numpy()
    fit = sm.PHReg(drawn["time"].to_numpy() + 1, x, status=event.to_numpy(), ties="breslow").fit(disp=0)
    ours = survive.cox(drawn["time"], event, drawn[["x", "y"]], ties="breslow")
    close(ours.table["coef"], fit.params, 1e-5)
    close(ours.table["se"], fit.bse, 1e-5)


def test_cumulative_incidence_agrees_with_statsmodels(drawn):
    from statsmodels.duration.survfunc import CumIncidenceRight

    with np.errstate(divide="ignore", invalid="ignore"):  # theirs divides by nobody at the last time
        theirs = CumIncidenceRight(drawn["time"].to_numpy(), drawn["event"].to_numpy())
    ours = survive.aalen_johansen(drawn["time"], drawn["event"]).table
    for k in (0, 1):
        mine = ours[ours["cause"] == k + 1]
        close(mine["incidence"], theirs.cinc[k], 1e-12)
        close(mine["se"].iloc[:-1], theirs.cinc_se[k][:-1], 5e-4)


def test_standard_errors_of_the_incidence_by_r(drawn):
    found = survive.aalen_johansen(drawn["time"], drawn["event"]).at([0, 3, 8, 15])
    first, second = (found.loc[found["cause"] == c, "se"] for c in (1, 2))
    close(first, [0.012995191418367, 0.0310897710431390, 0.0381654899604961, 0.0403348448394969], 1e-12)
    close(second, [0.0120623380818148, 0.0238776413349188, 0.0305979998286291, 0.0360224135219145], 1e-12)


def test_harrell_agrees_with_lifelines(lung):
    from lifelines.utils import concordance_index

    theirs = concordance_index(lung["time"], -lung["age"], lung["status"])
    close(survive.harrell_c(lung["time"], lung["status"], lung["age"]).value, theirs, 1e-12)
