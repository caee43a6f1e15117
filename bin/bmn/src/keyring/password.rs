//! Passwords of keystores: from a file, the environment, or whoever sits at the terminal. Never an argument.

use crate::{failure::Failure, files};
use clap::Args;
use crossterm::{
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    terminal,
};
use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
};
use zeroize::Zeroizing;

/// Fewest characters of a password for a new keystore. What slows down guessing is its length.
const SHORTEST: usize = 12;

/// Where the password is.
#[derive(Debug, Clone, Args)]
pub(crate) struct PasswordArgs {
    /// File with the password, mode 0600; a line break at its end does not count; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// Environment variable with the password.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "password_file")]
    password_env: Option<String>,
}

impl PasswordArgs {
    /// The password of a keystore that there is.
    pub(super) fn read(&self) -> Result<Zeroizing<String>, Failure> {
        match self.given()? {
            Some(password) => Ok(password),
            None => ask("Password: "),
        }
    }

    /// The password of a new keystore; at the terminal it is asked for twice.
    pub(super) fn choose(&self) -> Result<Zeroizing<String>, Failure> {
        let password = match self.given()? {
            Some(password) => password,
            None => {
                let password = ask("Password of the new keystore: ")?;
                if *ask("The same again: ")? != *password {
                    return Err(Failure::Usage("the two passwords differ; try again".to_owned()));
                }
                password
            }
        };
        check(&password)?;
        Ok(password)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let text = match (&self.password_file, &self.password_env) {
            (Some(path), _) => Zeroizing::new(files::read_private(path)?),
            (None, Some(name)) => Zeroizing::new(std::env::var(name).map_err(|_| {
                Failure::Usage(format!("environment variable {name} is not set to a text"))
            })?),
            (None, None) => return Ok(None),
        };
        // Editors end a file with a line break; a password never does.
        Ok(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

fn check(password: &str) -> Result<(), Failure> {
    let length = password.chars().count();
    if length < SHORTEST {
        return Err(Failure::Usage(format!(
            "the password has {length} characters: expected at least {SHORTEST}"
        )));
    }
    Ok(())
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "no password: --password-file FILE (mode 0600) or --password-env VARIABLE says where it is; without \
             them it is asked for at a terminal"
                .to_owned(),
        ));
    }
    let mut stderr = io::stderr();
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let typed = {
        let _silent = Silent::begin()?;
        read_line(next_typed)
    };
    writeln!(stderr)?;
    typed
}

/// The terminal shows nothing of what is typed while this is there.
struct Silent;

impl Silent {
    fn begin() -> Result<Self, Failure> {
        terminal::enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Whoever sees a failure here types blindly into a shell; nothing else can be done about it.
        let _ = terminal::disable_raw_mode();
    }
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    Letter(char),
    Back,
    Enter,
    Stop,
}

fn next_typed() -> io::Result<Typed> {
    loop {
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        return Ok(match key.code {
            KeyCode::Char('c' | 'd') if control => Typed::Stop,
            KeyCode::Char(letter) if !control => Typed::Letter(letter),
            KeyCode::Backspace => Typed::Back,
            KeyCode::Enter => Typed::Enter,
            _ => continue,
        });
    }
}

fn read_line(mut next: impl FnMut() -> io::Result<Typed>) -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::new());
    loop {
        match next()? {
            Typed::Letter(letter) => line.push(letter),
            Typed::Back => drop(line.pop()),
            Typed::Enter => return Ok(line),
            Typed::Stop => return Err(Failure::No("stopped; nothing was written".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[Typed]) -> Result<Zeroizing<String>, Failure> {
        let mut keys = keys.iter().copied();
        read_line(|| keys.next().ok_or_else(|| io::ErrorKind::UnexpectedEof.into()))
    }

    #[test]
    fn what_is_typed_ends_with_enter_and_can_be_taken_back() {
        use Typed::{Back, Enter, Letter, Stop};
        let line = typed(&[Letter('a'), Letter('x'), Back, Letter('ß'), Enter]).unwrap();
        assert_eq!(line.as_str(), "aß");
        assert_eq!(typed(&[Back, Enter]).unwrap().as_str(), "");
        assert_eq!(typed(&[Letter('a'), Stop]).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn a_short_password_is_refused_without_being_repeated() {
        let error = check("elevenchars").unwrap_err().to_string();
        assert!(error.contains("11 characters") && !error.contains("eleven"), "{error}");
        assert!(check("twelve chars").is_ok());
    }
}
