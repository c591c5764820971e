"""Errors about options speak of options, whatever the command."""

import pytest


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("minimize x^2 --start x=3 --gtol -1", "--gtol -1.0: must be >= 0"),
        ("minimize x^2 --start x=3 --gtol -1", "or none to switch it off"),
        ("maximize x^2 --start x=3 --learning-rate -1", "--learning-rate -1.0: must"),
        (
            "minimize x^2 --start x=3 --optimizer lbfgs --bounds 0:5",
            "--bounds: optimizer lbfgs cannot keep them; use --optimizer auto",
        ),
        ("minimize x^2 --start x=3 --optimizer gd --momentum 0.1", "--momentum: opt"),
        ("race x^2 lbfgs --start x=3 --bounds 0:5", "entrant 'lbfgs': --bounds: opt"),
        ("race x^2 gd:learning_rate=-3 --start x=3", "'gd:learning_rate=-3'"),
        ("restarts x^2 --bounds 0:1 --gtol -1", "--gtol -1.0: must be >= 0"),
    ],
)
def test_errors_can_be_typed(steepest, line, told):
    done = steepest(*line.split())
    assert done.exit_code == 2
    assert told in done.stderr
