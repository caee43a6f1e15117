//! How much memory the process may have: the machine's, or less where a container or a service is given less.

use std::{fs, path::PathBuf};

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Levels of a hierarchy of groups that are looked at.
const MOST_LEVELS: usize = 32;

/// Limits from here on are none: what version 1 says where there is no limit is a little less than 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// Bytes that the process may have: the least of the machine's memory and the limits of the control groups that it is
/// in. None where neither is known.
pub fn memory_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups).into_iter().filter_map(|file| fs::read_to_string(file).ok());
    let machine = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    least(&machine, limits)
}

/// The least of the machine's memory and these limits.
fn least(meminfo: &str, limits: impl IntoIterator<Item = String>) -> Option<u64> {
    let limits = limits.into_iter().filter_map(|text| limit(&text));
    limits.chain(total(meminfo)).min()
}

/// The machine's memory, of `/proc/meminfo`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib.saturating_mul(1_024))
}

/// A limit of `memory.max` or `memory.limit_in_bytes`; none where there is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < NO_LIMIT)
}

/// The files with the limits of the groups that `/proc/self/cgroup` names, and of those above them: the tightest counts.
/// In a container a group's path may be the one that the host sees, and its own limit is in the uppermost file.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) =
            (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let (root, file) = if number == "0" && controllers.is_empty() {
            (PathBuf::from(GROUPS), "memory.max")
        } else if controllers.split(',').any(|it| it == "memory") {
            (PathBuf::from(GROUPS).join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        // Nothing leads out of the mount.
        let names = path.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
        let mut folder = root;
        files.push(folder.join(file));
        for name in names.take(MOST_LEVELS) {
            folder.push(name);
            files.push(folder.join(file));
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:        8000000 kB\nMemFree:         1000000 kB\n";

    fn of(limits: &[&str]) -> Option<u64> {
        least(MEMINFO, limits.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn the_least_of_machine_and_groups_counts() {
        assert_eq!(of(&[]), Some(8_192_000_000));
        assert_eq!(of(&["max\n"]), Some(8_192_000_000));
        assert_eq!(of(&["max\n", "536870912\n"]), Some(536_870_912));
        assert_eq!(of(&["9000000000\n"]), Some(8_192_000_000), "no group has more than there is");
        assert_eq!(of(&["9223372036854771712\n"]), Some(8_192_000_000), "version 1 without one");
        assert_eq!(least("", ["9223372036854771712".to_owned()]), None);
        assert_eq!(least("", ["67108864".to_owned()]), Some(67_108_864));
        assert_eq!(of(&["-1\n", "garbage"]), Some(8_192_000_000));
    }

    #[test]
    fn the_group_of_the_process_and_every_one_above_it_is_asked() {
        let files = |text: &str| {
            let files = limit_files(text).into_iter();
            files.map(|it| it.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            files("0::/system.slice/bmn.service\n"),
            [
                "/sys/fs/cgroup/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/system.slice/bmn.service/memory.max",
            ]
        );
        assert_eq!(files("0::/\n"), ["/sys/fs/cgroup/memory.max"]);
        assert_eq!(
            files("12:cpu,cpuacct:/a\n5:hugetlb,memory:/docker/x:y\n"),
            [
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/x:y/memory.limit_in_bytes",
            ]
        );
        assert_eq!(
            files("0::/../../etc\nnonsense\n"),
            ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/etc/memory.max",]
        );
        assert!(files("").is_empty());
    }
}
