from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from kzoo.serving.admission import Admission
from kzoo.serving.call import Call
from kzoo.serving.errors import CancelledError, DeadlineExceededError, ResourceExhaustedError


def enter(admission: Admission, call: Call, admitted: threading.Event, leave: threading.Event) -> float:
    with admission.admit(call) as waited:
        admitted.set()
        leave.wait(30)
        return waited


def wait_for_queue(admission: Admission, length: int) -> None:
    while len(admission._waiting) < length:
        threading.Event().wait(0.001)


def test_calls_beyond_the_places_queue_and_beyond_the_queue_are_refused() -> None:
    admission = Admission(1, 1)
    admitted = [threading.Event(), threading.Event()]
    leave = [threading.Event(), threading.Event()]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(enter, admission, Call(), admitted[0], leave[0])
        assert admitted[0].wait(30)
        second = pool.submit(enter, admission, Call(), admitted[1], leave[1])
        wait_for_queue(admission, 1)
        refused = pytest.raises(ResourceExhaustedError, match="1 calls are being answered already and 1 wait")
        with refused, admission.admit(Call()):
            pass
        assert not admitted[1].is_set()
        leave[0].set()
        assert admitted[1].wait(30)
        leave[1].set()
        assert 0 <= first.result() <= second.result()
    with admission.admit(Call()):
        pass


def test_calls_are_admitted_in_their_order() -> None:
    admission = Admission(1, 8)
    order: list[int] = []

    def take(number: int) -> None:
        with admission.admit(Call()):
            order.append(number)

    with ThreadPoolExecutor(8) as pool, ExitStack() as stack:
        stack.enter_context(admission.admit(Call()))
        calls: list[Future[None]] = []
        for number in range(8):
            calls.append(pool.submit(take, number))
            wait_for_queue(admission, number + 1)
        stack.close()
        for call in calls:
            call.result()
    assert order == list(range(8))


def test_a_call_leaves_the_queue_at_its_deadline_and_frees_its_place_in_it() -> None:
    admission = Admission(1, 1)
    with admission.admit(Call()):
        for _ in range(2):
            late = pytest.raises(DeadlineExceededError, match=r"not begun within the 0\.01 seconds")
            with late, admission.admit(Call(0.01)):
                raise AssertionError("it was begun")
    with admission.admit(Call(30)):
        pass


def test_a_call_that_is_given_up_leaves_the_queue_at_once() -> None:
    admission, call, begun = Admission(1, 1), Call(), threading.Event()
    with ThreadPoolExecutor(1) as pool, admission.admit(Call()):
        waiting = pool.submit(enter, admission, call, begun, begun)
        wait_for_queue(admission, 1)
        call.cancel()
        with pytest.raises(CancelledError):
            waiting.result(30)
    assert not begun.is_set()


@pytest.mark.parametrize("call", [Call(0), Call()])
def test_a_call_that_nobody_waits_for_is_not_begun_even_if_there_is_a_place(call: Call) -> None:
    call.cancel()
    admission = Admission(1, 0)
    with pytest.raises(CancelledError), admission.admit(call):
        raise AssertionError("it was begun")
    with admission.admit(Call()):
        pass


def test_no_place_is_lost_when_calls_are_given_up_just_as_they_get_one() -> None:
    admission = Admission(2, 64)

    def attempt(number: int) -> None:
        call = Call()
        timer = threading.Timer(0.0005 * (number % 5), call.cancel)
        timer.start()
        try:
            with admission.admit(call):
                threading.Event().wait(0.0005)
        except CancelledError:
            pass
        finally:
            timer.cancel()

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(attempt, range(400)))
    with admission.admit(Call(0.1)), admission.admit(Call(0.1)):
        pass
    assert admission._working == 0
    assert not admission._waiting
