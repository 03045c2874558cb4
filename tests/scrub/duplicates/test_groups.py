from analysis.scrub.duplicates.groups import star_groups


def test_star_groups_does_not_chain() -> None:
    chain = [(i, i + 1, 0.9) for i in range(6)]
    groups = star_groups(chain)
    linked = {frozenset(pair[:2]) for pair in chain}
    assert all(image == centre or frozenset((image, centre)) in linked for image, centre in groups.items())
    assert len(set(groups.values())) >= 2


def test_star_groups_keeps_all_copies_of_one_image_together() -> None:
    pairs = [(a, b, 0.8) for a in range(5) for b in range(a + 1, 5)] + [(10, 11, 0.7)]
    assert star_groups(pairs) == {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 10: 10, 11: 10}


def test_star_groups_leaves_out_an_image_whose_copies_are_all_taken() -> None:
    # 1 is the centre of 0 and 2; 3 resembles only 2, which is taken
    assert star_groups([(0, 1, 0.9), (1, 2, 0.9), (2, 3, 0.5)]) == {0: 1, 1: 1, 2: 1}


def test_star_groups_of_nothing_is_empty() -> None:
    assert star_groups([]) == {}
