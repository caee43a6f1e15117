//! Help and bad arguments.

use crate::bmn::run;

#[test]
fn every_command_has_help_on_stdout() {
    for command in [
        "",
        "dev",
        "order",
        "order new",
        "order sign",
        "order submit",
        "order show",
        "secret",
        "secret submit",
        "swap",
        "swap list",
        "swap show",
        "swap watch",
        "status",
        "decode",
    ] {
        let done = run(&format!("{command} --help"), "");
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{command}");
        assert!(done.stdout.contains("Usage: bmn"), "{command}");
    }
    assert!(run("--help", "").stdout.contains("Exit codes:"));
    assert!(run("dev --help", "").stdout.contains("--swaps 20"));
}

#[test]
fn bad_arguments_are_explained_on_stderr_with_exit_code_2() {
    for (line, says) in [
        ("", "Usage: bmn"),
        ("swaps", "unrecognized subcommand"),
        ("dev --scenario mixed", "--swaps"),
        ("dev --swaps 1 --scenario sad", "possible values: happy, mixed, cancel, reorg, crash"),
        ("swap list --status done", "expected one of refused, accepted"),
        ("swap list --limit 201", "1..=200"),
        ("decode --dialect bmn5", "known are bmn4, oneinch2"),
        ("order sign order.json", "--key-file"),
        ("order sign order.json --dev-account 10", "0..=9"),
        ("status --rpc https://example.org", "no TLS"),
        ("status --rpc example.org", "expected a URL"),
    ] {
        let done = run(line, "");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{line}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}

#[test]
fn a_key_is_never_an_argument() {
    let help = run("order sign --help", "").stdout;
    assert!(help.contains("--key-file") && !help.contains("--key ") && !help.contains("--private"));
}
