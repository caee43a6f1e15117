//! What the operating system says of this process.

use std::fs;

/// Clock ticks of `/proc`, per second.
const TICKS: f64 = 100.0;

/// CPU of the whole process, ended threads included, milliseconds.
pub(crate) fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) * 1000.0 / TICKS
}

/// CPU of this process's threads whose name begins so, milliseconds.
pub(crate) fn cpu_of_threads(prefix: &str) -> f64 {
    let threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().path());
    let is_ours = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.starts_with(prefix))
    };
    let nanoseconds = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|it| it.parse::<f64>().ok()).unwrap_or_default()
    };
    threads.filter(is_ours).map(nanoseconds).sum::<f64>() / 1e6
}

/// Memory of a process that is in RAM, MiB.
pub(crate) fn resident(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
