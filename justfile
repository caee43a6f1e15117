# The same steps as CI: every recipe calls .ci/run or one of its steps.

# List the recipes.
default:
    @just --list --unsorted

# Everything CI runs, in its order.
pr:
    .ci/run

# The test command of the README: Rust alone.
test:
    .ci/run test

# Check the formatting; `cargo fmt --all` repairs it.
fmt:
    .ci/run fmt

# Lints, warnings are errors.
clippy:
    .ci/run clippy

# Rules about the sources themselves: arrows, sizes, manifests.
tidy:
    .ci/run tidy

# Licences, banned crates, sources of dependencies.
deny:
    .ci/run deny

# The second test command: checks against programs that are not Rust.
e2e:
    .ci/run e2e

# Swaps that settle while you watch.
dev *ARGS:
    cargo run --release --locked -- dev {{ARGS}}

# Measure; criterion keeps the last run to compare with.
bench *ARGS:
    cargo bench --locked -p bmn-benches -- {{ARGS}}

# Fuzz every target for so many seconds, or the named ones.
fuzz SECONDS="60" *TARGETS:
    etc/fuzz/run {{SECONDS}} {{TARGETS}}

# Change the decisions one by one and see that a test notices (`docs/mutants.md`); hours for all of them.
mutants *ARGS:
    cargo mutants --package bmn-swap --output target {{ARGS}}
