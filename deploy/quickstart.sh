#!/usr/bin/env bash
# Installs what is missing, builds the release binaries, and runs the demo: everything on this machine, no account, no token.
#
#   ./deploy/quickstart.sh           the demo, which stays up with addresses to try
#   ./deploy/quickstart.sh --once    runs the demo's scenario, prints and checks it, ends
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. deploy/prepare.sh

for argument in "$@"; do
    case "$argument" in
        --once | --json) ;;
        -h | --help)
            sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *) die "there is no option $argument: use --once, --json or nothing" ;;
    esac
done

prepare_machine
say "building (the first time takes some minutes)"
swift build -c release --product switchboard || die "the build failed: see above"
binary="$(swift build -c release --show-bin-path)/switchboard"
say "running $binary demo $*"
exec "$binary" demo "$@"
