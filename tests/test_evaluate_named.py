"""Names and directions of metrics stand in one table, from which everything else is derived."""

import pytest

from blues.evaluate.named import METRICS, lower_is_better, main_metric
from blues.evaluate.outoffold import METRICS as COMPUTED
from blues.fuse.examine import examined_arms


@pytest.mark.parametrize("kind", ["binary", "ordinal", "continuous"])
def test_every_metric_that_is_computed_has_a_label_and_a_better_side(kind):
    assert set(COMPUTED[kind]) <= set(METRICS)
    assert all(METRICS[name].better for name in COMPUTED[kind])
    assert main_metric(kind)[0] in COMPUTED[kind]


def test_of_a_time_errors_are_better_lower_and_all_else_higher():
    names = ("brier_2.5", "integrated_brier", "scaled_brier", "uno_c", "auc_5", "net_benefit@0.2")
    assert [lower_is_better(name) for name in names] == [True, True, False, False, False, False]


def test_arms_examined_are_named_by_the_reference_and_its_model():
    names = ["blood [ridge]", "image [ridge]", "image+blood [ridge]", "blood [svm]", "image [svm]"]
    reference, seen, alone = names[0], names[2], names[1]
    assert examined_arms(names, reference) == [reference, seen, alone]
    assert examined_arms(["blood"], None) == ["blood"]
    assert examined_arms(names, reference, ["image [svm]"]) == ["image [svm]"]
