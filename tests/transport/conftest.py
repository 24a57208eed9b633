"""The ways to a relay, as fixtures."""

from __future__ import annotations

import pytest
from support.certificates import Authority
from support.ways import Way


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["lockstep", "", "starttls", "implicit"], ids=["lockstep", "plain", "starttls", "tls"])
def way(request: pytest.FixtureRequest, authority: Authority) -> Way:
    return lockstep_way(authority) if request.param == "lockstep" else Way(request.param, authority)


@pytest.fixture(params=["", "starttls", "implicit"], ids=["plain", "starttls", "tls"])
def grouping(request: pytest.FixtureRequest, authority: Authority) -> Way:
    """The ways that are pipelined."""
    return Way(request.param, authority)


@pytest.fixture
def lockstep(authority: Authority) -> Way:
    return lockstep_way(authority)


def lockstep_way(authority: Authority) -> Way:
    return Way("", authority, pipelining=False)


@pytest.fixture
def plain(authority: Authority) -> Way:
    return Way("", authority)


@pytest.fixture
def starttls(authority: Authority) -> Way:
    return Way("starttls", authority)
