"""Schedules: every entry of the table against its formula, and what they refuse."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from steepest.core.errors import UsageError
from steepest.steps import SCHEDULES, Schedule, get_schedule, settle
from steepest.steps.schedules import factor_at

HORIZON = 100
TIMES = [0, 1, 2, 29, 30, 31, 59, 60, 61, 89, 90, 91, 99, 100, 101, 1000]


def cosine(t, over, end):
    t = min(t, over)
    return end + (1 - end) * (1 + math.cos(math.pi * t / over)) / 2


# spelling: the factor on the learning rate, written by hand
FORMULAS = {
    "constant": lambda t: 1.0,
    "inverse_time": lambda t: 1 / (1 + 0.01 * t),
    "inverse_time:decay=0.5": lambda t: 1 / (1 + 0.5 * t),
    "inverse_time:decay=0": lambda t: 1.0,
    "milestones": lambda t: 0.1 ** ((t >= 30) + (t >= 60) + (t >= 90)),
    "milestones:at=2/59,factor=0.5": lambda t: 0.5 ** ((t >= 2) + (t >= 59)),
    "milestones:at=60": lambda t: 0.1 ** (t >= 60),
    "exponential": lambda t: 0.99**t,
    "exponential:decay=0.5": lambda t: 0.5**t,
    "cosine": lambda t: cosine(t, HORIZON, 0.0),
    "cosine:over=60": lambda t: cosine(t, 60, 0.0),
    "cosine:over=60,end=0.1": lambda t: cosine(t, 60, 0.1),
}
SPELLED = pytest.mark.parametrize("spelling", FORMULAS)


@functools.partial(jax.jit, static_argnums=0)
def factors(static, numbers, times):
    return jax.vmap(lambda t: factor_at(static, numbers, t))(times)


def ours(schedule, times=TIMES, horizon=HORIZON):
    schedule = get_schedule(schedule)
    with jax.enable_x64(True):
        numbers = schedule.traced(horizon)
        return np.asarray(factors(schedule.static, numbers, jnp.array(times, float)))


def test_every_entry_has_a_formula_here():
    assert {get_schedule(spelling).name for spelling in FORMULAS} == set(SCHEDULES)


@SPELLED
def test_formula(spelling):
    expected = [FORMULAS[spelling](t) for t in TIMES]
    np.testing.assert_allclose(ours(spelling), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("warmup", [1, 10, 31])
@SPELLED
def test_warm_up_in_front(spelling, warmup):
    """It rises in equal parts; then the schedule begins, its time counted anew."""
    joint = "," if ":" in spelling else ":"
    schedule = get_schedule(f"{spelling}{joint}warmup={warmup}")

    def expected(t):
        if t < warmup:
            return (t + 1) / warmup
        if spelling == "cosine":  # it ends with the run all the same
            return cosine(t - warmup, HORIZON - warmup, 0.0)
        return FORMULAS[spelling](t - warmup)

    np.testing.assert_allclose(
        ours(schedule), [expected(t) for t in TIMES], rtol=1e-12, atol=1e-15
    )


@pytest.mark.parametrize("warmup", [0.5, 2.5, 7.9])
def test_a_broken_warm_up_never_exceeds_the_rate(warmup):
    factor = ours(f"constant:warmup={warmup}", times=range(12))
    assert (np.diff(factor) >= 0).all()
    assert factor[-1] == factor.max() == 1.0


def test_warmup_is_short_for_constant():
    assert get_schedule("warmup:over=10") == get_schedule("constant:warmup=10")
    assert get_schedule("warmup").warmup == 100


@pytest.mark.parametrize("name", SCHEDULES)
def test_it_begins_at_the_rate_and_never_exceeds_it(name):
    factor = ours(name, times=range(HORIZON + 20))
    assert factor[0] == 1.0
    assert np.isfinite(factor).all()
    assert ((factor >= 0) & (factor <= 1)).all()


@pytest.mark.parametrize("name", SCHEDULES)
def test_other_numbers_compile_nothing(name):
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def factor(static, numbers, t):
        traces.append(name)
        return factor_at(static, numbers, t)

    for scale in (1, 0.5):
        options = {
            option: tuple(scale * x for x in default)
            if isinstance(default, tuple)
            else scale * (default or HORIZON)
            for option, default in SCHEDULES[name].defaults.items()
        }
        schedule = get_schedule(
            Schedule(name, tuple(options.items()), warmup=5 * scale)
        )
        factor(schedule.static, schedule.traced(HORIZON), 3.0)
    assert len(traces) == 1


def rate_at(step, epoch, spelling):
    rule, numbers = settle(
        "gd", 0.5, schedule=spelling, horizons={"step": 100, "epoch": 10}
    )
    return float(rule.rate(numbers, step, epoch))


@pytest.mark.parametrize(
    ("per", "t", "over"), [("step", 40, 100), ("epoch", 4, 10)], ids=["step", "epoch"]
)
def test_the_clock_counts_steps_or_epochs(per, t, over):
    rate = functools.partial(rate_at, 40, 4)
    assert rate(f"exponential:decay=0.9,per={per}") == pytest.approx(
        0.5 * 0.9**t, rel=1e-5
    )
    assert rate(f"cosine:per={per}") == pytest.approx(0.5 * cosine(t, over, 0.0))
    assert rate(f"warmup:over=50,per={per}") == pytest.approx(0.5 * (t + 1) / 50)


def test_steps_are_the_usual_clock():
    assert get_schedule("cosine").per == "step"


@pytest.mark.parametrize("horizons", [None, {}, {"epoch": 5}, {"step": None}])
def test_cosine_needs_a_horizon(horizons):
    with pytest.raises(UsageError, match="cosine: over how many steps.*over=1000"):
        settle("gd", schedule="cosine", horizons=horizons)
    settle("gd", schedule="cosine:over=50", horizons=horizons)


def test_a_warm_up_as_long_as_the_run_leaves_cosine_a_step():
    assert get_schedule("cosine:warmup=100").traced(100)["over"] == 1.0


def test_no_schedule_is_constant():
    assert get_schedule() == get_schedule(None) == get_schedule("constant")


def test_a_schedule_of_ones_own_making_is_checked_and_completed():
    made = get_schedule(Schedule("inverse_time", per="epoch"))
    assert made == get_schedule("inverse_time:per=epoch")
    assert get_schedule(made) == made
    with pytest.raises(UsageError, match="unknown. Did you mean cosine"):
        get_schedule(Schedule("cosin"))
    with pytest.raises(UsageError, match="decay=-1"):
        get_schedule(Schedule("exponential", (("decay", -1),)))


def test_a_function_of_the_step_is_taken_as_it_is():
    rule, numbers = settle("gd", schedule=lambda step: 0.1 / (1 + step))
    assert [float(rule.rate(numbers, t, 0)) for t in (0, 1, 3)] == pytest.approx(
        [0.1, 0.05, 0.025]
    )


def test_a_function_leaves_no_room_for_a_rate():
    with pytest.raises(UsageError, match="leave learning_rate out"):
        settle("gd", 0.1, schedule=lambda step: 0.1)


@pytest.mark.parametrize(
    ("spelling", "message"),
    [
        ("cosin", "schedule='cosin': unknown. Did you mean cosine"),
        ("warmpu", "Did you mean warmup"),
        ("", "Known: warmup, constant"),
        ("inverse_time:decays=0.1", "decays: unknown. Did you mean decay"),
        ("constant:decay=0.1", "constant: decay: unknown"),
        ("inverse_time:decay", "write name:option=value"),
        ("inverse_time:decay=1,decay=2", "decay is given twice"),
        ("inverse_time:decay=-0.1", "decay=-0.1: must be a finite number >= 0"),
        ("inverse_time:decay=nan", "decay=nan: must be"),
        ("inverse_time:decay=inf", "decay=inf: must be"),
        ("inverse_time:decay=fast", "decay='fast': must be"),
        ("inverse_time:decay=true", "decay=True: must be"),
        ("inverse_time:decay=1/2", r"decay=\(1, 2\): must be"),
        ("milestones:at=30/x", "at=.*: must be"),
        ("milestones:factor=0.1/0.2", "factor=.*: must be"),
        ("cosine:over=0", "over=0: must be > 0"),
        ("cosine:over=-5", "over=-5: must be"),
        ("cosine:warmup=-1", "warmup=-1: must be"),
        ("warmup:over=1/2", r"schedule warmup: over=\(1, 2\): must be"),
        ("warmup:over=abc", "schedule warmup: over='abc': must be"),
        ("warmup:over=0", "schedule warmup: over=0: must be > 0"),
        ("warmup:ovr=5", "schedule warmup: ovr: unknown. Did you mean over"),
        ("cosine:per=hour", "per='hour': must be step or epoch"),
    ],
)
def test_what_cannot_be_meant_is_refused(spelling, message):
    with pytest.raises(UsageError, match=message):
        get_schedule(spelling)


@pytest.mark.parametrize("thing", [3, 0.1, ("cosine",), {"cosine": 1}])
def test_what_is_no_schedule_is_refused(thing):
    with pytest.raises(UsageError, match="must be text such as"):
        get_schedule(thing)
