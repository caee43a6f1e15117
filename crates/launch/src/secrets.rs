//! Where a secret is, it is fetched from: the environment, a file, a program. Never from a flag.

use crate::files;
use bmn_config::{EndpointSource, SecretCommand};
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Longest that a program may take to tell a secret.
pub const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// Longest first line, bytes.
const LONGEST: u64 = 4_096;

/// The URL that a configuration names.
///
/// # Errors
/// Why there is none; never the text itself, which may hold a key.
pub fn url(source: &EndpointSource) -> Result<String, String> {
    let text = match source {
        EndpointSource::Url(url) => return Ok(url.clone()),
        EndpointSource::Env(name) => std::env::var(name)
            .map_err(|_| format!("environment variable {name} is not set to a text"))?,
        EndpointSource::File(path) => {
            files::read_private(path).map_err(|error| error.to_string())?
        }
        EndpointSource::Command(asked) => command(asked)?,
    };
    Ok(text.trim().to_owned())
}

/// The first line that a program writes, without its end. It runs without a shell and has [`COMMAND_LIMIT`]; what it
/// says on stderr is not shown, since it may repeat the secret.
///
/// # Errors
/// Why there is none; never a word of what it wrote.
pub fn command(asked: &SecretCommand) -> Result<String, String> {
    command_within(asked, COMMAND_LIMIT)
}

fn command_within(asked: &SecretCommand, limit: Duration) -> Result<String, String> {
    let program = &asked.program;
    let mut child = Command::new(program)
        .args(&asked.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))?;
    let (told, ended) = mpsc::sync_channel(1);
    let stdout = child.stdout.take();
    #[allow(
        clippy::disallowed_methods,
        reason = "it ends with the program, which is ended in time"
    )]
    thread::spawn(move || {
        let line = stdout.map(first_line);
        // Whoever gave up waiting is gone.
        let _ = told.send(line);
    });
    let line = ended.recv_timeout(limit);
    let status = exit(&mut child, line.is_ok());
    let line = line.map_err(|_| format!("{program} took longer than {} s", limit.as_secs()))?;
    match status {
        Some(status) if status.success() => {}
        Some(status) => return Err(format!("{program} failed: {status}")),
        None => return Err(format!("{program} did not end")),
    }
    line.flatten()
        .filter(|line| !line.is_empty())
        .ok_or_else(|| format!("{program} wrote no text line of 1 to {LONGEST} bytes"))
}

/// The first line, read together with the rest, so that the program is not cut off while it writes.
fn first_line(stdout: impl Read) -> Option<String> {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    let read = reader.by_ref().take(LONGEST + 1).read_until(b'\n', &mut line);
    let rest = std::io::copy(&mut reader, &mut std::io::sink());
    let fits = read.is_ok() && rest.is_ok() && line.len() as u64 <= LONGEST;
    let line = fits.then(|| String::from_utf8(line).ok()).flatten()?;
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Looks for its end after it closed its output, and the pause between two.
const LOOKS: u32 = 1_000;
const PAUSE: Duration = Duration::from_millis(5);

/// How it ended; none when it had to be ended.
fn exit(child: &mut Child, is_over: bool) -> Option<ExitStatus> {
    for _ in 0..if is_over { LOOKS } else { 0 } {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        thread::park_timeout(PAUSE);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn sh(script: &str) -> SecretCommand {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        SecretCommand { program: "sh".to_owned(), arguments }
    }

    #[test]
    fn the_first_line_is_the_secret_and_nothing_else_is_told() {
        assert_eq!(command(&sh("echo hunter2; echo more")).unwrap(), "hunter2");
        for (script, told) in [
            ("echo hunter2; echo hunter2 >&2; exit 7", "sh failed: exit status: 7"),
            ("true", "wrote no text line"),
            ("head -c 5000 /dev/zero", "wrote no text line"),
        ] {
            let error = command(&sh(script)).unwrap_err();
            assert!(error.contains(told) && !error.contains("hunter2"), "{script}: {error}");
        }
        let gone = SecretCommand { program: "/nowhere/pass".to_owned(), arguments: Vec::new() };
        assert!(command(&gone).unwrap_err().contains("/nowhere/pass cannot be started"));
    }

    #[test]
    fn there_is_no_shell_between() {
        let plain = SecretCommand {
            program: "echo".to_owned(),
            arguments: vec!["$HOME;".to_owned(), "`id`".to_owned()],
        };
        assert_eq!(command(&plain).unwrap(), "$HOME; `id`");
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        // It waits on a pipe that nobody writes to: no clock but that of the limit is in this.
        let error = command_within(&sh("exec tail -f /dev/null"), Duration::ZERO).unwrap_err();
        assert!(error.contains("took longer than 0 s"), "{error}");
    }
}
