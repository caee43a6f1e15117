//! The secrets of a new order: one, or one more than it has parts.

use crate::{failure::Failure, files, secret};
use alloy::primitives::B256;
use bmn_contracts::SecretTree;
use bmn_primitives::{Dialect, Hashlock, Secret};
use bmn_swap::MOST_PARTS;
use clap::Args;
use std::path::PathBuf;

/// What opens the escrows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Secrets")]
pub(super) struct SecretArgs {
    /// Write new random secrets to this file (mode 0600), one a line; only their hashes go into the order.
    #[arg(long, value_name = "FILE", required_unless_present = "hashlock")]
    secret_file: Option<PathBuf>,

    /// Use a hashlock whose secret is kept elsewhere.
    #[arg(long, value_name = "HASH", conflicts_with_all = ["secret_file", "parts"])]
    hashlock: Option<B256>,

    /// 1inch: let the order be filled in up to so many parts, with one secret more than parts.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=i64::from(MOST_PARTS)))]
    parts: Option<u16>,
}

/// What an order is locked with.
#[derive(Debug)]
pub(super) struct Locks {
    /// None where they are kept elsewhere.
    secrets: Vec<Secret>,
    /// The hashlock, or what stands in its place in an order in parts.
    pub(super) word: Hashlock,
    /// Of an order in parts, in their order.
    pub(super) secret_hashes: Vec<Hashlock>,
}

impl SecretArgs {
    /// True for an order in parts.
    pub(super) const fn is_in_parts(&self) -> bool {
        self.parts.is_some()
    }

    /// New secrets, or the hashlock that was given.
    pub(super) fn make(
        &self,
        dialect: Dialect,
        random: impl Fn() -> Result<[u8; 32], Failure>,
    ) -> Result<Locks, Failure> {
        if let Some(hashlock) = self.hashlock {
            let word = Hashlock(hashlock);
            return Ok(Locks { secrets: Vec::new(), word, secret_hashes: Vec::new() });
        }
        let Some(parts) = self.parts else {
            let secret = Secret::new(random()?);
            let word = secret.hashlock();
            return Ok(Locks { secrets: vec![secret], word, secret_hashes: Vec::new() });
        };
        if dialect.has_absolute_times() {
            return Err(Failure::Usage(format!(
                "--parts: orders of {dialect} take one fill: expected --dialect oneinch1 or oneinch2"
            )));
        }
        let secrets =
            (0..=parts).map(|_| random().map(Secret::new)).collect::<Result<Vec<_>, _>>()?;
        let secret_hashes: Vec<_> = secrets.iter().map(Secret::hashlock).collect();
        let tree = SecretTree::new(&secret_hashes)
            .map_err(|error| Failure::Usage(format!("--parts: {error}")))?;
        Ok(Locks { secrets, word: tree.hashlock_word(), secret_hashes })
    }

    /// Writes the secrets down. Answers where.
    pub(super) fn keep(&self, locks: &Locks) -> Result<Option<&PathBuf>, Failure> {
        let Some(path) = self.secret_file.as_ref().filter(|_| !locks.secrets.is_empty()) else {
            return Ok(None);
        };
        files::create_private(path, &secret::write(&locks.secrets))?;
        Ok(Some(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_contracts::parts_of;
    use clap::Parser;
    use std::cell::Cell;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: SecretArgs,
    }

    fn parse(line: &str) -> Result<SecretArgs, clap::Error> {
        Line::try_parse_from(format!("new {line}").split_whitespace()).map(|line| line.args)
    }

    fn make(line: &str, dialect: Dialect) -> Result<Locks, Failure> {
        let count = Cell::new(0);
        parse(line).unwrap().make(dialect, || {
            count.set(count.get() + 1);
            Ok([count.get(); 32])
        })
    }

    #[test]
    fn a_secret_or_a_hashlock_but_not_both() {
        let lock = B256::repeat_byte(7);
        let given = make(&format!("--hashlock {lock}"), Dialect::OneInch1).unwrap();
        assert_eq!((given.word.0, given.secrets.len()), (lock, 0));
        assert_eq!(make("--secret-file s", Dialect::Bmn4).unwrap().secrets.len(), 1);
        for wrong in ["", "--parts 4", "--secret-file s --parts 1", "--secret-file s --parts 257"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        for more in ["--secret-file s", "--parts 4"] {
            assert!(parse(&format!("--hashlock {lock} {more}")).is_err(), "{more}");
        }
    }

    #[test]
    fn an_order_in_parts_has_one_secret_more_than_parts() {
        let locks = make("--secret-file s --parts 4", Dialect::OneInch2).unwrap();
        assert_eq!((locks.secrets.len(), parts_of(locks.word)), (5, 4));
        assert!(bmn_swap::check_secrets(locks.word, &locks.secret_hashes).is_ok());
        let error = make("--secret-file s --parts 4", Dialect::Bmn302).unwrap_err().to_string();
        assert!(error.starts_with("--parts: orders of bmn302 take one fill"), "{error}");
    }

    #[test]
    fn the_file_holds_every_secret_and_nothing_else_shows_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets");
        let line = format!("--secret-file {} --parts 2", path.display());
        let locks = make(&line, Dialect::OneInch1).unwrap();
        let args = parse(&line).unwrap();
        assert_eq!(args.keep(&locks).unwrap(), Some(&path));
        let written = secret::read(&path).unwrap();
        let hashes: Vec<_> = written.iter().map(Secret::hashlock).collect();
        assert_eq!(hashes, locks.secret_hashes);
        assert!(!format!("{locks:?}").contains("0101"), "{locks:?}");
        assert_eq!(args.keep(&locks).unwrap_err().exit_code(), 2, "nothing is overwritten");
    }
}
