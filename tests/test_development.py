"""Which columns of the development table are compared."""

from benchmark import load


def test_two_encoders_are_compared_in_each_way_of_reading_and_one_with_itself():
    couples = load("development").couples
    assert couples({0.0: ["a", "b"], 0.5: ["a, in part", "b, in part"]}) == [("a", "b"), ("a, in part", "b, in part")]
    assert couples({0.0: ["a"], 0.5: ["a, in part"]}) == [("a", "a, in part")]
    assert couples({0.0: ["a", "b"]}) == [("a", "b")]
    assert couples({0.0: ["a"]}) == couples({0.0: ["a", "b", "c"], 0.5: ["d", "e", "f"]}) == []
