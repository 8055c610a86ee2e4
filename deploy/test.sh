#!/usr/bin/env bash
# Installs what is missing, checks the style, builds, and runs all the tests. CI runs this very script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. deploy/prepare.sh

[ "$#" -eq 0 ] || die "test.sh takes no arguments; for a part of the tests use: swift test --filter NAME"
prepare_machine
say "style"
swift format lint --strict --recursive --parallel Package.swift Sources Tests || die "the style differs: run swift format --in-place --recursive Package.swift Sources Tests"
say "build"
swift build --build-tests || die "the build failed: see above"
# An independent verifier of webhooks' signatures; where it cannot be had, the test that asks it is left out.
python=.build/python
if ! PYTHONPATH=$python python3 -c 'import standardwebhooks' 2>/dev/null; then
    say "fetching standardwebhooks"
    python3 -m pip install --quiet --target "$python" standardwebhooks==1.1.0 \
        || say "standardwebhooks cannot be had: our signatures are not tried with it"
fi
say "tests"
swift test --skip-build --no-parallel
