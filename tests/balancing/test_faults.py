# SPDX-License-Identifier: Apache-2.0
"""Bad days of real processes under load: work goes on, and the right one is left alone."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from benchmarks.balancing.node import POISON
from offchain_workers.balancing import Attempt, Balancer, Caller, Settings
from tests.balancing.nodes import Asker, NodeProcess, eventually, is_right, nodes

QUICK = 0.005
FORGETS = 0.5


class World:
    """Three nodes, a balancer, and a caller of them."""

    def __init__(self, up: Sequence[NodeProcess], settings: Settings) -> None:
        self.nodes = list(up)
        self.balancer = Balancer([node.url for node in up], settings)
        self.asker = Asker()
        self.caller: Caller[bytes] = Caller(self.balancer, lambda attempt: b"")

    def ask(self, body: bytes) -> bytes:
        return self.caller.call(work=lambda attempt: self.asker.ask(attempt, body))

    def many(self, count: int, threads: int = 4) -> None:
        """That many requests, each of which must be answered right."""
        bodies = [b"user %d" % i for i in range(count)]
        with ThreadPoolExecutor(threads) as pool:
            told = list(pool.map(self.ask, bodies))
        assert all(map(is_right, bodies, told))

    def share(self, node: NodeProcess, count: int = 60) -> float:
        """Of so many requests, how much goes to this node."""
        self.asker.asked.clear()
        self.many(count)
        return Counter(self.asker.asked)[node.url] / len(self.asker.asked)

    def state(self, node: NodeProcess) -> str:
        return next(view.state for view in self.balancer.view() if view.target == node.url)


@contextmanager
def world(
    seconds: Sequence[float] = (QUICK, QUICK, QUICK), settings: Settings | None = None
) -> Iterator[World]:
    with nodes(seconds) as up:
        made = World(up, settings or Settings(decay=FORGETS, retry_reserve=10))
        with made.caller:
            yield made


def test_a_killed_node_costs_no_request_and_serves_again_when_it_is_back() -> None:
    with world() as w:
        victim = w.nodes[0]
        assert w.share(victim) > 0
        victim.kill()
        w.many(60)
        assert w.share(victim) <= 0.1
        victim.restart()
        eventually(w.share(victim) > 0 for _ in iter(int, 1))
        assert w.state(victim) == "closed"


def test_a_node_killed_under_load_loses_nothing() -> None:
    with world((0.02, 0.02, 0.02)) as w:
        w.many(30)
        killing = threading.Timer(0.1, w.nodes[1].kill)
        killing.start()
        w.many(200, threads=8)
        killing.join()


def test_a_stopped_node_is_found_out_though_it_never_says_an_error() -> None:
    with world() as w:
        victim = w.nodes[0]
        w.many(60)
        victim.pause()
        w.many(100)
        assert w.share(victim) <= 0.1
        victim.resume()
        eventually(w.share(victim) > 0.1 for _ in iter(int, 1))


def test_a_slow_node_gets_less_and_nobody_is_ejected_for_being_slow() -> None:
    with world() as w:
        slow = w.nodes[0]
        w.many(60)
        slow.control(factor=30)
        w.many(60)
        assert w.share(slow, 120) < 0.1
        assert {w.state(node) for node in w.nodes} == {"closed"}


@pytest.mark.parametrize("threads", [1, 4])
def test_poison_ejects_nobody_and_others_are_served(threads: int) -> None:
    with world(settings=Settings(retry_share=1.0, retry_reserve=100, most_saved=100)) as w:
        poisoner = ThreadPoolExecutor(threads)
        attacks = [poisoner.submit(w.ask, POISON + b"%d" % i) for i in range(40)]
        w.many(100)
        poisoner.shutdown()
        assert {type(attack.exception()) for attack in attacks} <= {
            httpx.RemoteProtocolError,
            httpx.ReadError,
        }
        assert {w.state(node) for node in w.nodes} == {"closed"}
        assert len(w.balancer.order()) == 3


def test_a_liar_gets_nothing_after_a_canary() -> None:
    with world() as w:
        liar = w.nodes[2]
        liar.control(wrong=True)
        for node in w.nodes:
            body = b"canary"
            told = w.asker.ask(Attempt(node.url, "key"), body)
            w.balancer.canary(node.url, is_right(body, told))
        assert w.share(liar) == 0


def test_a_hedge_answers_for_a_node_that_hangs_and_the_loser_is_cancelled() -> None:
    settings = Settings(hedge_share=0.5)
    with world((QUICK, 10 * QUICK), settings) as w:
        w.many(60)
        hanging = w.nodes[0]
        hanging.pause()
        w.asker.keys.clear()
        w.many(10, threads=1)
        hanging.resume()
        twice = [key for key, count in Counter(w.asker.keys).items() if count > 1]
        assert twice, "the fast node was asked first, then the other"
        assert all(view.outstanding == 0 for view in w.balancer.view())
        assert w.state(hanging) == "closed"


def test_a_loser_is_told_to_stop() -> None:
    balancer = Balancer(("slow", "fast"), Settings(hedge_share=1.0))
    stopped = threading.Event()
    with Caller(balancer, quickly) as caller:
        for _ in range(30):
            caller.call()

        def work(attempt: Attempt) -> str:
            if attempt.key == "race" and not racing:
                racing.append(attempt.target)
                attempt.on_cancel(stopped.set)
                assert stopped.wait(30), "nobody cancelled it"
            return attempt.target

        racing: list[str] = []
        assert caller.call("race", work) not in racing
        assert stopped.is_set()


def quickly(attempt: Attempt) -> str:
    return attempt.target


def bad_request() -> httpx.HTTPStatusError:
    request = httpx.Request("POST", "http://node")
    return httpx.HTTPStatusError("bad", request=request, response=httpx.Response(400))


def test_refusals_are_believed_but_for_one_in_twenty() -> None:
    asked: list[str] = []

    def refuse(attempt: Attempt) -> str:
        asked.append(attempt.key)
        raise bad_request()

    with Caller(Balancer(("a", "b", "c")), refuse) as caller:
        for _ in range(200):
            with pytest.raises(httpx.HTTPStatusError):
                caller.call()
    assert 208 <= len(asked) <= 211
    assert max(Counter(asked).values()) == 2, "two that refuse are enough"


def test_a_second_opinion_that_fails_leaves_the_refusal() -> None:
    def work(attempt: Attempt) -> str:
        if attempt.target == "a":
            raise bad_request()
        raise httpx.ConnectError(attempt.target)

    with Caller(Balancer(("a", "b")), work) as caller, pytest.raises(httpx.HTTPStatusError):
        caller.call()


def test_one_that_refuses_everything_swallows_no_traffic() -> None:
    asked: list[str] = []

    def work(attempt: Attempt) -> str:
        asked.append(attempt.target)
        if attempt.target == "broken":
            raise bad_request()
        return attempt.target

    with Caller(Balancer(("broken", "b", "c")), work) as caller:
        assert {caller.call() for _ in range(100)} == {"b", "c"}
    assert asked.count("broken") == 1


@pytest.mark.parametrize("count", [1, 3])
def test_when_all_fail_the_last_error_is_told(count: int) -> None:
    def fail(attempt: Attempt) -> str:
        raise httpx.ConnectError(attempt.target)

    work: Callable[[Attempt], str] = fail
    targets = [str(i) for i in range(count)]
    with Caller(Balancer(targets), work) as caller, pytest.raises(httpx.ConnectError) as told:
        caller.call()
    assert str(told.value) == targets[-1]
