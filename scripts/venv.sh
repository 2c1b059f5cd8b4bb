# shellcheck shell=bash
# Sourced by the scripts beside it. `ensure_installed [test]` makes .venv once and installs the
# package (editable) with the versions of constraints.txt. A stamp in .venv names the folder and
# the contents of both files: while they stay the same, a call costs milliseconds.

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"
venv="$root/.venv"
stamp="$venv/installed"

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$1" >&2
    exit 1
}

ensure_installed() {
    local extra="${1:-}" wanted have
    wanted="$root $(cat "$root/pyproject.toml" "$root/scripts/constraints.txt" | cksum)"
    have="$(cat "$stamp" 2>/dev/null || true)"
    if [[ -x "$venv/bin/python" ]]; then
        # Whoever has the test extra has the rest as well.
        if [[ "$have" == "$wanted test" || "$have" == "$wanted $extra" ]]; then return; fi
    fi
    rm -f "$stamp"
    make_venv
    install_package "$extra"
    printf '%s %s\n' "$wanted" "$extra" >"$stamp"
}

make_venv() {
    local python output
    if "$venv/bin/python" -c "$fits" 2>/dev/null; then return; fi
    python="$(find_python)" || exit 1
    output="$("$python" -m venv --clear "$venv" 2>&1)" || explain "$output"
}

# Exit status 3: too old. 4: no venv module, which Debian and Ubuntu pack apart. 5: newer than tested.
fits='
import sys
if sys.version_info < (3, 11):
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)
sys.exit(5 if sys.version_info >= (3, 16) else 0)
'

find_python() {
    local candidate status old="" bare="" newer=""
    local candidates=(python3 python3.14 python3.13 python3.12 python3.11 python)
    if [[ -n "${PYTHON:-}" ]]; then candidates=("$PYTHON"); fi
    for candidate in "${candidates[@]}"; do
        status=0
        "$candidate" -c "$fits" >/dev/null 2>&1 || status=$?
        case $status in
            0) printf '%s' "$candidate" && return ;;
            3) old="${old:-$candidate}" ;;
            4) bare="${bare:-$candidate}" ;;
            5) newer="${newer:-$candidate}" ;;
        esac
    done
    if [[ -n "$newer" ]]; then printf '%s' "$newer" && return; fi
    if [[ -n "$bare" ]]; then
        fail "$bare lacks its venv module; on Debian and Ubuntu: apt install python3-venv"
    fi
    if [[ -n "$old" ]]; then
        fail "$("$old" --version 2>&1) is too old; install Python 3.11 or newer, or name one: PYTHON=/path/to/python3.12"
    fi
    if [[ -n "${PYTHON:-}" ]]; then
        fail "PYTHON=$PYTHON cannot be run; name Python 3.11 or newer, or leave it out"
    fi
    fail "Python is missing; install Python 3.11 or newer, or name one: PYTHON=/path/to/python3.12"
}

install_package() {
    local extra="$1" output
    printf 'Installing PyTorch and the rest into %s (the first time: about 3 minutes, up to 6 GB) ...\n' "$venv" >&2
    # What builds packages comes first, and no build is isolated, so that its versions are tested
    # ones, too: hatchling for this package, setuptools (which Python 3.12 no longer puts into a
    # venv) for antlr4-python3-runtime, which Hydra needs and which comes as source only.
    output="$(pip_install hatchling setuptools 2>&1)" || explain "$output"
    output="$(pip_install --no-build-isolation --editable ".${extra:+[$extra]}" 2>&1)" || explain "$output"
}

pip_install() {
    cd "$root"
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off \
        --retries 2 --constraint scripts/constraints.txt "$@"
}

# One line for what venv or pip printed in failing; the whole of it goes to a file.
explain() {
    local said="$1"
    printf '%s\n' "$said" 2>/dev/null >"$venv/install.log" || true
    # venv does not say why it failed: see whether 20 MB can be written
    if [[ -d "$venv" && -w "$venv" ]]; then
        head -c 20000000 /dev/zero 2>/dev/null >"$venv/probe" || said="No space left on device"
        rm -f "$venv/probe"
    fi
    case "$said" in
        *"No space left on device"* | *"Disk quota exceeded"*)
            fail "no disk space: $venv needs up to 6 GB, and pip as much in \$TMPDIR" ;;
        *"Permission denied"* | *"Read-only file system"*)
            fail "cannot write to $venv; clone into a folder of your own" ;;
        *"connection broken"* | *"ConnectionError"* | *"Could not fetch URL"* | *"timed out"*)
            fail "no network: pip cannot reach the package index; try again when it can (details: $venv/install.log)" ;;
        *)
            fail "the installation failed: $(grep -i error <<<"$said" | tail -n 1) (details: $venv/install.log)" ;;
    esac
}

lint() {
    local status=0
    cd "$root"
    "$venv/bin/python" -m ruff format --check . || status=1
    "$venv/bin/python" -m ruff check . || status=1
    "$venv/bin/python" -m mypy --strict cnn_cli || status=1
    return $status
}
