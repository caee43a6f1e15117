//! The files in `etc/` that start the command: what they say is what it accepts.

use crate::bmn::{run, run_in};
use std::{
    fs,
    path::{Path, PathBuf},
};

fn etc(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../etc").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The words after `bmn` where a file starts it.
fn started() -> Vec<(&'static str, Vec<String>)> {
    let words = |text: &str| {
        let plain = text.replace(['"', '[', ']', ','], " ");
        plain.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let after = |text: &str, start: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(start));
        words(line.unwrap_or_else(|| panic!("no {start}")))
    };
    let container = etc("container/Containerfile");
    let health = container.lines().find_map(|line| line.split_once("CMD [\"bmn\",")).unwrap().1;
    vec![
        ("systemd", after(&etc("systemd/bmn.service"), "ExecStart=/usr/local/bin/bmn")),
        (
            "container",
            after(&container, "CMD [\"node\"").into_iter().fold(
                vec!["node".to_owned()],
                |mut all, word| {
                    all.push(word);
                    all
                },
            ),
        ),
        ("container's health", words(health)),
        ("kubernetes", after(&etc("kubernetes/bmn.yaml"), "args:")),
    ]
}

#[test]
fn every_flag_in_them_is_one_of_the_commands() {
    for (file, words) in started() {
        let (command, flags) = words.split_first().unwrap();
        let help = run(&format!("{command} --help"), "");
        assert_eq!(help.code, 0, "{file}: {}", help.stderr);
        let flags: Vec<_> = flags.iter().filter(|word| word.starts_with("--")).collect();
        assert!(!flags.is_empty(), "{file}: {words:?}");
        for flag in flags {
            assert!(help.stdout.contains(flag.as_str()), "{file}: {flag}");
        }
    }
}

/// The configuration inside the ConfigMap.
fn of_kubernetes() -> String {
    let text = etc("kubernetes/bmn.yaml");
    let (_, block) = text.split_once("bmn.toml: |\n").unwrap();
    let lines = block.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    lines.map(|line| format!("{}\n", line.trim_start())).collect()
}

#[test]
fn every_configuration_in_them_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    for (file, text) in [("compose", etc("compose/etc/bmn.toml")), ("kubernetes", of_kubernetes())]
    {
        fs::write(directory.path().join("bmn.toml"), &text).unwrap();
        let done = run_in(directory.path(), "config check --config bmn.toml", "");
        assert_eq!(done.code, 0, "{file}: {}", done.stderr);
        fs::write(directory.path().join("bmn.toml"), format!("oops = 1\n{text}")).unwrap();
        let done = run_in(directory.path(), "config check --config bmn.toml", "");
        assert!(done.code != 0 && done.stderr.contains("oops"), "{file}: {}", done.stderr);
    }
}

#[test]
fn ports_paths_and_probes_are_those_of_the_configuration() {
    let (kubernetes, compose) = (etc("kubernetes/bmn.yaml"), etc("compose/etc/bmn.toml"));
    for text in [of_kubernetes(), compose] {
        assert!(
            text.contains("rpc = \"0.0.0.0:8547\"")
                && text.contains("operations = \"0.0.0.0:9547\"")
        );
    }
    for port in
        ["containerPort: 8547", "containerPort: 9547", "path: /health/live", "path: /health/ready"]
    {
        assert!(kubernetes.contains(port), "{port}");
    }
    assert!(kubernetes.contains("replicas: 1\n"), "two signers with one key fund a swap twice");
    for (file, target) in
        [("prometheus/bmn.yml", "127.0.0.1:9547"), ("compose/prometheus.yml", "bmn:9547")]
    {
        assert!(etc(file).contains(target), "{file}");
    }
    assert!(
        etc("grafana/provisioning/datasources/prometheus.yml").contains("http://prometheus:9090")
    );
    for file in ["../grafana/provisioning", "../prometheus"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc/compose").join(file);
        assert!(etc("compose/compose.yml").contains(file) && path.exists(), "{file}");
    }
}
