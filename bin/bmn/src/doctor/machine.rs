//! This machine: its disk, its clock, its limits, its ports.

use super::{chain::Seen, finding::Finding};
use std::{
    fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::Command,
};

/// Below so many bytes the next hour may not fit.
const LITTLE: u64 = 200 << 20;
/// How far this clock may be from that of a chain before it is called wrong, seconds.
const SKEW: u64 = 15;
/// Without a new block for so long a chain is called stopped, seconds, where its block time is short.
const STOPPED: u64 = 120;

/// Free space where the database is.
pub(super) fn disk(directory: &Path, database: u64) -> Vec<Finding> {
    let at = existing(directory);
    let Some(free) = at.and_then(free_bytes) else {
        return vec![Finding::warning(
            "disk",
            format!("free space at {} is not known", directory.display()),
        )];
    };
    vec![judge_disk(&directory.display().to_string(), free, database)]
}

fn judge_disk(directory: &str, free: u64, database: u64) -> Finding {
    let told = format!("{} free at {directory}, the database has {}", bytes(free), bytes(database));
    let mend = "Free some, or move the data directory to a larger disk and name it in data_dir.";
    if free < LITTLE {
        Finding::error("disk", told).say(mend)
    } else if free < database {
        Finding::warning("disk", format!("{told}: no room for a copy of it")).say(mend)
    } else {
        Finding::ok("disk", told)
    }
}

/// The directory, or the nearest above it that is there.
fn existing(directory: &Path) -> Option<&Path> {
    let above =
        directory.ancestors().map(|it| if it == Path::new("") { Path::new(".") } else { it });
    above.into_iter().find(|it| it.exists())
}

/// As `df` says it, in POSIX form: the system call for it is in no safe library that is here.
fn free_bytes(directory: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(directory).output().ok()?;
    read_df(&String::from_utf8(output.stdout).ok()?)
}

fn read_df(text: &str) -> Option<u64> {
    // The name of a device may hold blanks: the share in percent is what the free kilobytes stand before.
    let line = text.lines().nth(1)?;
    let words: Vec<_> = line.split_whitespace().collect();
    let share = words.iter().position(|word| word.ends_with('%') && word.len() > 1)?;
    words.get(share.checked_sub(1)?)?.parse::<u64>().ok()?.checked_mul(1_024)
}

/// Bytes for people.
pub(super) fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (count, 0);
    while value >= 10_000 && unit + 1 < units.len() {
        (value, unit) = (value / 1_000, unit + 1);
    }
    format!("{value} {}", units[unit])
}

/// Whether this clock and those of the chains agree, and whether blocks still come.
pub(super) fn clock(heads: &[Seen]) -> Vec<Finding> {
    if heads.is_empty() {
        return Vec::new();
    }
    let ahead = |seen: &Seen| seen.head.time.saturating_sub(seen.read_at);
    let behind = |seen: &Seen| seen.read_at.saturating_sub(seen.head.time);
    let mut findings = Vec::new();
    let from_the_future: Vec<_> = heads.iter().filter(|seen| ahead(seen) > SKEW).collect();
    if from_the_future.len() == heads.len() {
        let least = heads.iter().map(ahead).min().unwrap_or_default();
        findings.push(
            Finding::error(
                "clock",
                format!("this machine's clock is at least {least} s behind every chain"),
            )
            .run("timedatectl set-ntp true"),
        );
    } else {
        findings.extend(from_the_future.into_iter().map(|seen| {
            Finding::warning(
                &seen.chain,
                format!("{} names a block {} s in the future", seen.endpoint, ahead(seen)),
            )
            .say("One chain's time alone is ahead: look at that node's clock.")
        }));
    }
    for seen in heads {
        let stopped = STOPPED.max(seen.block_time.saturating_mul(10));
        if behind(seen) > stopped {
            let what = format!("{}: its newest block is {} s old", seen.endpoint, behind(seen));
            findings.push(
                Finding::warning(&seen.chain, what).say(
                    "Does that node still follow its chain, and is this machine's clock right?",
                ),
            );
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            "clock",
            "this clock and those of the chains agree; all times are UTC",
        ));
    }
    findings
}

/// How many files may be open.
pub(super) fn open_files(needed: u64) -> Vec<Finding> {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    read_open_files(&limits).map(|soft| judge_open_files(soft, needed)).into_iter().collect()
}

fn judge_open_files(soft: u64, needed: u64) -> Finding {
    if soft >= needed {
        return Finding::ok("limits", format!("{soft} files may be open"));
    }
    let what = format!("{soft} files may be open, connections and files may need {needed}");
    Finding::warning("limits", what).run(format!("ulimit -n {}", needed.next_power_of_two()))
}

fn read_open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// Whether the node can listen there. `running`: a node of ours answers, and has its ports.
pub(super) fn port(what: &str, address: SocketAddr, running: bool) -> Vec<Finding> {
    match TcpListener::bind(address) {
        Ok(_) if running => vec![
            Finding::warning(
                "ports",
                format!("{what}: nothing listens at {address}, although a node runs"),
            )
            .say("Was it started with another configuration or with flags for its addresses?"),
        ],
        Ok(_) => vec![Finding::ok("ports", format!("{what}: {address} is free"))],
        Err(error) => judge_port(what, address, running, &error).into_iter().collect(),
    }
}

fn judge_port(
    what: &str,
    address: SocketAddr,
    running: bool,
    error: &io::Error,
) -> Option<Finding> {
    match error.kind() {
        ErrorKind::AddrInUse if running => None,
        ErrorKind::AddrInUse => Some(
            Finding::error("ports", format!("{what}: another program has {address}"))
                .run(format!("ss -ltnp sport = :{}", address.port())),
        ),
        ErrorKind::PermissionDenied => Some(
            Finding::error(
                "ports",
                format!("{what}: {address} needs rights that this user does not have"),
            )
            .say("Choose a port from 1024 on."),
        ),
        ErrorKind::AddrNotAvailable => Some(
            Finding::error(
                "ports",
                format!("{what}: this machine has no address {}", address.ip()),
            )
            .say("Choose 127.0.0.1, 0.0.0.0, or an address of this machine."),
        ),
        _ => Some(Finding::error("ports", format!("{what}: {address}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{finding::Severity, reads::Block};
    use super::*;

    fn seen(time: u64, read_at: u64) -> Seen {
        let head = Block { number: 1, time, hash: String::new() };
        let (chain, endpoint) = ("Chain A".to_owned(), "http://a".to_owned());
        Seen { chain, block_time: 2, endpoint, head, read_at }
    }

    fn severities(findings: &[Finding]) -> Vec<Severity> {
        findings.iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_clock_that_is_behind_every_chain_is_wrong_and_one_chain_alone_is_not_believed() {
        use Severity::{Error, Ok, Warning};
        assert_eq!(severities(&clock(&[seen(1_000, 1_002), seen(1_001, 1_002)])), [Ok]);
        assert_eq!(severities(&clock(&[seen(1_000, 900), seen(1_001, 900)])), [Error]);
        assert_eq!(severities(&clock(&[seen(1_000, 1_000), seen(1_100, 1_000)])), [Warning]);
        assert_eq!(severities(&clock(&[seen(1_000, 1_121), seen(1_121, 1_121)])), [Warning]);
        assert_eq!(
            severities(&clock(&[seen(1_015, 1_000)])),
            [Ok],
            "a block may be a little ahead"
        );
        assert_eq!(clock(&[]), []);
    }

    #[test]
    fn free_space_is_read_as_posix_writes_it() {
        let text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/my disk 100 40 60 40% /a b\n";
        assert_eq!(read_df(text), Some(60 * 1_024));
        assert_eq!(read_df("df: /x: No such file"), None);
        let severity = |free, database| judge_disk("d", free, database).severity;
        assert_eq!(severity(LITTLE - 1, 0), Severity::Error);
        assert_eq!(severity(1 << 30, 2 << 30), Severity::Warning);
        assert_eq!(severity(2 << 30, 1 << 30), Severity::Ok);
        assert_eq!([bytes(9_999), bytes(123_456_789)], ["9999 B", "123 MB"].map(str::to_owned));
    }

    #[test]
    fn the_limit_of_open_files_is_the_soft_one() {
        let text = "Max processes  10  20  processes\nMax open files            1024                 524288               files\n";
        assert_eq!(read_open_files(text), Some(1_024));
        assert_eq!(judge_open_files(1_024, 1_612).severity, Severity::Warning);
        assert_eq!(judge_open_files(2_048, 1_612).severity, Severity::Ok);
    }

    #[test]
    fn a_port_that_another_program_has_is_an_error_unless_it_is_the_node() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let found = port("rpc", address, false);
        assert_eq!(severities(&found), [Severity::Error]);
        assert!(found[0].what.contains("another program"), "{found:?}");
        assert_eq!(port("rpc", address, true), []);
        drop(taken);
        assert_eq!(severities(&port("rpc", address, true)), [Severity::Warning]);
        assert_eq!(severities(&port("rpc", address, false)), [Severity::Ok]);
    }
}
