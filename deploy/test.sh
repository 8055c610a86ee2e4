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
say "tests"
swift test --skip-build --no-parallel
