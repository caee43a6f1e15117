//! Keys to sign with. A key is never an argument: arguments are seen by every process.

use crate::failure::Failure;
use alloy::signers::local::PrivateKeySigner;
use bmn_config::KeySource;
use bmn_launch::keys::parse;
use clap::Args;
use std::path::PathBuf;

pub(crate) use bmn_launch::keys::from;

/// Where the key comes from.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyArgs {
    /// File with the private key, 0x + 64 hex digits, mode 0600.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,

    /// Environment variable with the private key.
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) key_env: Option<String>,

    /// DEVELOPMENT ONLY: account of the public mnemonic "test test … junk", 0 to 9. Accepted for the
    /// development chains 1337, 1338 and 31337 only.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(0..=9))]
    pub(crate) dev_account: Option<u8>,
}

/// Chains where public keys may sign and development contracts are deployed: the two development
/// chains, and what development nodes call themselves by default.
pub(crate) const DEV_CHAINS: [u64; 3] = [1337, 1338, 31337];

impl KeyArgs {
    /// The signer, for an order on `chain`.
    pub(crate) fn signer(&self, chain: u64) -> Result<PrivateKeySigner, Failure> {
        if let Some(account) = self.dev_account {
            if !DEV_CHAINS.contains(&chain) {
                return Err(Failure::Usage(format!(
                    "--dev-account is a public key: it signs for chains 1337, 1338 and 31337 only, not {chain}"
                )));
            }
            return Ok(parse(DEV_KEYS[usize::from(account % 10)], "the development key")?);
        }
        let source = source(self.key_file.as_ref(), self.key_env.as_ref());
        Ok(from(&source.ok_or_else(|| Failure::Usage("a key is needed".to_owned()))?)?)
    }
}

/// Where the arguments say that a key is.
pub(crate) fn source(file: Option<&PathBuf>, env: Option<&String>) -> Option<KeySource> {
    match (file, env) {
        (Some(path), _) => Some(KeySource::File(path.clone())),
        (None, Some(name)) => Some(KeySource::Env(name.clone())),
        (None, None) => None,
    }
}

/// The keys of the mnemonic "test test test test test test test test test test test junk" that every
/// Ethereum development tool uses. Public knowledge: never send anything of value to them.
const DEV_KEYS: [&str; 10] = [
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "0x47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "0x92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "0x4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "0xdbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{Address, address};

    const DEV_ADDRESSES: [Address; 10] = [
        address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
        address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
        address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
        address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
        address!("976EA74026E726554dB657fA54763abd0C3a0aa9"),
        address!("14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
        address!("23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
        address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720"),
    ];

    fn dev(account: u8) -> KeyArgs {
        KeyArgs { key_file: None, key_env: None, dev_account: Some(account) }
    }

    #[test]
    fn dev_accounts_are_the_well_known_ones() {
        for (account, address) in (0u8..).zip(DEV_ADDRESSES) {
            assert_eq!(dev(account).signer(1337).unwrap().address(), address);
        }
    }

    #[test]
    fn dev_accounts_sign_for_development_chains_only() {
        assert!(dev(0).signer(1338).is_ok());
        assert!(dev(0).signer(8453).unwrap_err().to_string().contains("1338 and 31337 only"));
    }
}
