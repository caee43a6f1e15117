//! Rules about the sources themselves. Each rule is a function from a tree of files to what breaks it,
//! so each is also tested against a small tree that breaks it.

mod arrows;
mod documents;
mod lexer;
mod manifests;
mod node;
mod places;
mod sizes;
mod style;
mod tree;

use tree::Tree;

fn check(rule: fn(&Tree) -> Vec<String>) {
    let broken = rule(&Tree::of_this_repository());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn dependencies_point_downward() {
    check(arrows::upward);
}

#[test]
fn pure_crates_depend_on_no_runtime_database_or_network() {
    check(arrows::impure);
}

#[test]
fn no_crate_knows_reth() {
    check(manifests::names_reth);
}

#[test]
fn lints_are_set_in_the_root_manifest_alone() {
    check(manifests::own_lints);
}

#[test]
fn the_node_locks_the_same_ethereum_crates() {
    check(manifests::lock_drift);
}

#[test]
fn the_node_comes_from_the_pinned_release_of_reth() {
    check(node::sources);
}

#[test]
fn the_nodes_lock_file_knows_our_dependencies() {
    check(node::stale_lock);
}

#[test]
fn files_are_short() {
    check(sizes::long_files);
}

#[test]
fn functions_are_short() {
    check(sizes::long_functions);
}

#[test]
fn nothing_unwraps_outside_tests() {
    check(style::unwraps);
}

#[test]
fn every_log_line_names_its_target() {
    check(style::untargeted_logs);
}

#[test]
fn exceptions_from_clippy_toml_give_a_reason() {
    check(style::unreasoned_exceptions);
}

#[test]
fn every_crate_is_documented_by_its_readme() {
    check(style::undocumented_crates);
}

#[test]
fn no_file_names_a_machine() {
    check(places::machine_paths);
}

#[test]
fn no_file_names_a_private_registry() {
    check(places::private_hosts);
}

#[test]
fn every_test_that_a_table_of_rules_or_traps_names_is_there() {
    check(documents::missing_tests);
}

#[test]
fn every_money_rule_has_a_row_with_a_test() {
    check(documents::rules_without_tests);
}
