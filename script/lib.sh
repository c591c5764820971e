# Shared by the commands in this folder; source it, then call `prepare EXTRAS`.
#
# Sets `root` (the checkout, also made the working directory) and `venv` (.venv, or
# what STEEPEST_VENV names). Needs only bash 3.2, git and Python 3.11 or newer.
set -euo pipefail

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=${STEEPEST_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
export STEEPEST_VENV=$venv # one command may call another
cd -- "$root"

say() { printf 'steepest: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# The first Python that is new enough and can make environments. Of an active
# environment it is the one underneath: an environment cannot make itself again.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11 python3.14 python; do
        if "$candidate" -c 'import sys, venv, ensurepip
assert sys.version_info >= (3, 11)
print(getattr(sys, "_base_executable", sys.executable))' 2>/dev/null; then
            return
        fi
    done
    die "no Python 3.11 or newer with venv was found. Install one, for example:
  Debian, Ubuntu: sudo apt-get install python3 python3-venv
  Fedora:         sudo dnf install python3
  macOS:          brew install python@3.13
and run this command again."
}

# The first line of the stamp is the extras, the second the state: where the
# environment stands while an install is under way (or was broken off), else
# everything that the install depended on.
stamp=$venv/steepest-install.txt
installed_extras() { if [ -f "$stamp" ]; then head -n 1 "$stamp"; fi; }
wanted_state() {
    "$venv/bin/python" -c 'import sys; print(sys.version)'
    printf '%s\n' "$root" "$venv"
    cat pyproject.toml constraints.txt
}

# Why the environment cannot be used as it stands; nothing when it can.
venv_fault() {
    if ! [ -e "$venv" ]; then
        echo "there is none yet"
    elif ! "$venv/bin/python" -c 'import pip, sys
assert sys.version_info >= (3, 11)
assert sys.prefix != sys.base_prefix' 2>/dev/null; then
        echo "it is broken or of another Python"
    elif [ -f "$stamp" ] && [ "$(sed -n 2p "$stamp")" = "installing" ]; then
        echo "its install was broken off"
    elif [ -f "$stamp" ] && ! grep -qxF -- "$venv" "$stamp"; then
        echo "it was moved"
    fi
}

make_venv() {
    local fault python
    fault=$(venv_fault)
    if [ -z "$fault" ]; then return; fi
    # Making it again empties the folder, so it must be an environment or empty.
    if [ -e "$venv" ] && ! [ -f "$venv/pyvenv.cfg" ] && [ -n "$(ls -A "$venv")" ]; then
        die "$venv exists and is not a Python environment: move it, or set" \
            "STEEPEST_VENV to another folder."
    fi
    python=$(find_python)
    say "making the environment $venv ($fault)"
    "$python" -m venv --clear "$venv"
}

# Install steepest with these extras; extras that are already there stay.
prepare() {
    local extras
    make_venv
    extras=$(printf '%s,%s' "$(installed_extras)" "$1" |
        tr ',' '\n' | sed '/^$/d' | sort -u | paste -sd , -)
    if [ -f "$stamp" ] && { echo "$extras"; wanted_state; } | cmp -s - "$stamp"; then
        return
    fi
    say "installing steepest${extras:+ with $extras} (the first time takes a minute or two)"
    printf '%s\ninstalling\n%s\n' "$extras" "$venv" >"$stamp"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint constraints.txt --editable ".${extras:+[$extras]}" \
        >"$venv/install.log" 2>&1; then
        cat "$venv/install.log" >&2
        die "the install failed; see above. Run the command again once it is mended."
    fi
    { echo "$extras"; wanted_state; } >"$stamp.new"
    mv -f "$stamp.new" "$stamp"
}
