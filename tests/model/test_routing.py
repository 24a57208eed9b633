"""Routes, shares and failover among relays."""

from mailer.model.routing import Route, Shares, route, with_providers

QQ = with_providers(["qq.com"])
NONE: frozenset[str] = frozenset()


def test_a_route_by_one_domain_means_its_whole_provider() -> None:
    assert {"qq.com", "foxmail.com"} <= QQ
    assert with_providers(["Firm.Example"]) == {"firm.example"}


def test_a_relay_with_domains_takes_those_and_the_others_leave_them_to_it() -> None:
    assert route(QQ, [NONE]) == route(QQ, [QQ, NONE]) == Route(only=QQ)
    assert route(NONE, [QQ]) == route(NONE, [QQ, NONE]) == Route(without=QQ)


def test_when_a_relay_is_away_the_others_take_what_was_its() -> None:
    assert route(NONE, [NONE]) == Route()
    netease = with_providers(["163.com"])
    assert route(QQ, [netease]) == route(QQ, [QQ, netease]) == Route(without=netease)
    assert route(QQ, [QQ]) == Route()


def test_a_slowed_provider_is_taken_out_of_a_route() -> None:
    assert Route(only=QQ).leaving_out(["qq.com"]) == Route(only=QQ - {"qq.com"}, without=frozenset({"qq.com"}))
    assert Route(without=frozenset({"qq.com"})).within(["qq.com", "foxmail.com"]) == Route(
        only=frozenset({"foxmail.com"})
    )


def _share(shares: Shares, able: dict[str, int], rounds: int) -> dict[str, int]:
    taken = dict.fromkeys(able, 0)
    for _ in range(rounds):
        for name, weight in able.items():
            if shares.may(name, able):
                shares.took(name, weight, 10)
                taken[name] += 10
    return taken


def test_weights_are_kept_and_equal_ones_hold_nobody_back() -> None:
    taken = _share(Shares(), {"a": 3, "b": 1}, 400)
    assert 2.8 <= taken["a"] / taken["b"] <= 3.2
    assert _share(Shares(), {"a": 2, "b": 2}, 10) == {"a": 100, "b": 100}


def test_a_relay_of_weight_zero_is_for_when_no_other_can() -> None:
    shares = Shares()
    assert not shares.may("spare", {"main": 1, "spare": 0})
    assert shares.may("spare", {"spare": 0})


def test_who_was_away_is_not_owed_what_it_missed() -> None:
    shares = Shares()
    _share(shares, {"a": 3}, 1000)
    taken = _share(shares, {"a": 3, "b": 1}, 400)
    assert 2.5 <= taken["a"] / taken["b"] <= 3.5
