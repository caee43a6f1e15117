//! Help and bad arguments.

use crate::bmn::run;

#[test]
fn every_command_has_help_on_stdout() {
    for command in [
        "",
        "dev",
        "dev deploy",
        "config",
        "config show",
        "config check",
        "config schema",
        "config history",
        "config diff",
        "config rollback",
        "node",
        "approve",
        "order",
        "order new",
        "order sign",
        "order submit",
        "order show",
        "order explain",
        "mode",
        "mode show",
        "mode set",
        "mode pause",
        "mode resume",
        "mode drain",
        "mode maintenance",
        "mode report",
        "secret",
        "secret submit",
        "swap",
        "swap list",
        "swap show",
        "swap watch",
        "watch",
        "queue",
        "queue list",
        "queue requeue",
        "queue drop",
        "status",
        "top",
        "doctor",
        "decode",
        "verify",
        "backup",
        "restore",
        "compact",
        "import",
        "archive",
        "archive record",
        "archive generate",
        "archive info",
        "archive verify",
        "bench",
        "bench replay",
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
        ("decode --dialect bmn5", "known are bmn1, bmn11, bmn23, bmn302, bmn4, oneinch1, oneinch2"),
        ("order sign order.json", "--key-file"),
        ("order sign order.json --dev-account 10", "0..=9"),
        ("status --rpc https://example.org", "no TLS"),
        ("status --rpc example.org", "expected a URL"),
        ("node", "--config"),
        ("dev deploy", "--rpc"),
        ("dev --swaps 1 deploy --rpc http://a", "cannot be used with"),
        ("dev deploy --rpc http://a --key-env A --key-file b", "cannot be used with"),
        ("approve --config c --amount 1 --unlimited", "cannot be used with"),
        (
            "swap list --maker 0xf39Fd6e51aad88F6f4ce6aB8827279cffFb92266",
            "is not its EIP-55 checksum",
        ),
    ] {
        let done = run(line, "");
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{line}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{line}: {}", done.stderr);
    }
}

#[test]
fn a_key_is_never_an_argument() {
    for command in ["order sign", "dev deploy"] {
        let help = run(&format!("{command} --help"), "").stdout;
        assert!(
            help.contains("--key-file") && !help.contains("--key ") && !help.contains("--private")
        );
    }
}
