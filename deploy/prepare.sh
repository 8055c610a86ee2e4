# Read by quickstart.sh and test.sh: says what is done, and makes sure that the machine has what a build needs.

say() { printf '== %s\n' "$*"; }

die() {
    printf 'switchboard: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root: as it is where we are, through sudo where we are not.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        die "cannot install packages: neither root nor sudo; install them yourself and run this again: ${missing[*]}"
    fi
}

prepare_machine() {
    command -v swift >/dev/null 2>&1 \
        || die "swift is not installed: install Swift 6.2 or newer (https://www.swift.org/install/linux/), then run this again"
    local version
    version=$(swift --version 2>/dev/null | grep -oE 'Swift version [0-9]+\.[0-9]+' | head -n 1 | grep -oE '[0-9]+\.[0-9]+$' || true)
    case "$version" in
        "" | [0-5].* | 6.0 | 6.1) die "Swift 6.2 or newer is needed, this is ${version:-unknown}: see https://www.swift.org/install/linux/" ;;
    esac
    [ "$(uname -s)" = Linux ] || return 0
    missing=()
    [ -e /usr/include/sqlite3.h ] || missing+=(libsqlite3-dev)
    command -v git >/dev/null 2>&1 || missing+=(git)
    # The demo's support desk answers by a handler in Python, and tests call it.
    command -v python3 >/dev/null 2>&1 || missing+=(python3)
    if [ "${#missing[@]}" -gt 0 ]; then
        command -v apt-get >/dev/null 2>&1 \
            || die "packages are missing and there is no apt-get: install the equivalents of ${missing[*]}, then run this again"
        say "installing ${missing[*]}"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}"
    fi
}
