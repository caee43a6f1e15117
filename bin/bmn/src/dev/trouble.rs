//! What keeps a development network from running, with the option that mends it.

use super::args::DevArgs;
use crate::failure::Failure;
use bmn_host_dev::DevChainError;
use bmn_rpc::ServeError;
use bmn_sim::SimError;
use bmn_store::StoreError;
use std::path::Path;

/// What an error means for the command. Ports and the directory are the user's: he can choose others.
pub(super) fn failure(error: SimError, args: &DevArgs) -> Failure {
    of_ports(&error, args)
        .or_else(|| of_directory(&error, args.data_dir.as_deref()?))
        .map_or_else(|| Failure::Run(eyre::Report::new(error)), Failure::Usage)
}

fn of_ports(error: &SimError, args: &DevArgs) -> Option<String> {
    let first = args.ports;
    match error {
        SimError::DevChain(DevChainError::AddressInUse { address })
        | SimError::Serve(ServeError::AddressInUse { address }) => Some(format!(
            "{address} is in use, and --ports {first} takes four ports from {first} on; stop what \
             listens there, or choose others: `--ports 9545`, or `--ports 0` for any free ones"
        )),
        SimError::DevChain(DevChainError::CannotListen { .. })
        | SimError::Serve(ServeError::Bind { .. }) => Some(format!(
            "{error}; --host takes an address of this machine, --ports a number this user may listen \
             on, as in `--host 127.0.0.1 --ports 8545`"
        )),
        _ => None,
    }
}

fn of_directory(error: &SimError, directory: &Path) -> Option<String> {
    let reason = match error {
        SimError::Io { path, source } | SimError::Store(StoreError::Io { path, source }) => {
            format!("{} cannot be made or written: {source}", path.display())
        }
        SimError::DevChain(DevChainError::Storage { directory, reason }) => {
            format!("{} cannot be made or written: {reason}", directory.display())
        }
        _ => return None,
    };
    Some(format!(
        "--data-dir {}: {reason}; name a directory on a disk that this user may write to, or leave \
         --data-dir out, and nothing is kept",
        directory.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::io;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DevArgs,
    }

    fn told(error: SimError, line: &str) -> (u8, String) {
        let args = Line::parse_from(format!("dev {line}").split_whitespace()).args;
        let failure = failure(error, &args);
        (failure.exit_code(), failure.to_string())
    }

    fn refused() -> io::Error {
        io::ErrorKind::PermissionDenied.into()
    }

    #[test]
    fn a_used_port_names_the_option_and_others_to_choose() {
        let address = "127.0.0.1:9001".parse().unwrap();
        for error in [
            SimError::DevChain(DevChainError::AddressInUse { address }),
            SimError::Serve(ServeError::AddressInUse { address }),
        ] {
            let (code, text) = told(error, "--ports 9000");
            assert_eq!(code, 2);
            for part in ["127.0.0.1:9001", "--ports 9000", "--ports 0"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn a_directory_that_cannot_be_used_names_the_option_the_path_and_the_reason() {
        let path = || "/proc/x/resolver".into();
        for error in [
            SimError::Io { path: path(), source: refused() },
            SimError::Store(StoreError::Io { path: path(), source: refused() }),
        ] {
            let (code, text) = told(error, "--data-dir /proc/x");
            assert_eq!(code, 2);
            for part in ["--data-dir /proc/x", "/proc/x/resolver", "permission denied", "leave"] {
                assert!(text.contains(part), "{text}");
            }
        }
    }

    #[test]
    fn what_no_option_mends_stays_as_it_is() {
        let error = SimError::Io { path: "/tmp/bmn-dev-1".into(), source: refused() };
        let (code, text) = told(error, "");
        assert_eq!(code, 1);
        assert!(!text.contains("--data-dir"), "{text}");
        assert_eq!(told(SimError::Stuck("it waits"), "--data-dir d").0, 1);
    }
}
