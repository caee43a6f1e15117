//! The specification of a chain with the development contracts.

use crate::failure::Failure;
use alloy::primitives::Address;
use bmn_config::{ChainSpec, DevContract};

const DEV_A: &str = include_str!("../../../../../chainspecs/dev-a.toml");
const DEV_B: &str = include_str!("../../../../../chainspecs/dev-b.toml");

/// What differs between development chains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    /// Chain id.
    pub(super) chain: u64,
    /// Who deployed.
    pub(super) deployer: Address,
    /// His nonce of the first contract.
    pub(super) first_nonce: u64,
    /// Seconds between blocks; the built-in specification's unless given.
    pub(super) block_time: Option<u64>,
}

impl Site {
    /// Where a contract is, or will be.
    pub(super) fn address(&self, contract: DevContract) -> Address {
        self.deployer.create(self.first_nonce + contract.nonce())
    }

    /// Name of the built-in specification with the same addresses.
    pub(super) fn built_in(&self) -> Option<&'static str> {
        let moved = DevContract::ALL.iter().any(|it| self.address(*it) != it.address());
        match self.chain {
            _ if moved || self.block_time.is_some() => None,
            1337 => Some("dev-a"),
            1338 => Some("dev-b"),
            _ => None,
        }
    }

    /// The specification as TOML: the built-in one with this chain's facts in it.
    pub(super) fn toml(&self) -> Result<String, Failure> {
        let template = if self.chain == 1338 { DEV_B } else { DEV_A };
        let mut text = String::new();
        for line in template.lines().skip_while(|line| line.starts_with('#')) {
            let line = match line.split(" = ").next() {
                Some("chain_id") => format!("chain_id = {}", self.chain),
                Some("name") if ![1337, 1338].contains(&self.chain) => {
                    format!("name = \"Chain {}\"", self.chain)
                }
                Some("block_time_secs") => match self.block_time {
                    Some(seconds) => format!("block_time_secs = {seconds}"),
                    None => line.to_owned(),
                },
                _ => self.moved(line),
            };
            text.push_str(&line);
            text.push('\n');
        }
        ChainSpec::from_toml(&text, "the specification")
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(text)
    }

    fn moved(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for contract in DevContract::ALL {
            let (from, to) = (contract.address().to_string(), self.address(contract).to_string());
            if line.contains(&from) {
                line = line.replace(&from, &to);
                break;
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bmn_config::{DEV_DEPLOYER, dev_chains};

    fn spec(site: Site) -> ChainSpec {
        ChainSpec::from_toml(&site.toml().unwrap(), "test").unwrap()
    }

    #[test]
    fn the_well_known_deployer_gives_the_built_in_specifications() {
        for (chain, name, built_in) in [(1337, "dev-a", 0), (1338, "dev-b", 1)] {
            let site = Site { chain, deployer: DEV_DEPLOYER, first_nonce: 0, block_time: None };
            assert_eq!(spec(site), dev_chains().unwrap()[built_in]);
            assert_eq!(site.built_in(), Some(name));
        }
    }

    #[test]
    fn another_deployer_moves_every_address_and_nothing_else() {
        let deployer = Address::repeat_byte(7);
        let site = Site { chain: 31337, deployer, first_nonce: 5, block_time: Some(1) };
        let (found, [known, _]) = (spec(site), dev_chains().unwrap());
        assert_eq!((found.chain_id.0, found.block_time_secs, site.built_in()), (31337, 1, None));
        assert_eq!(found.name, "Chain 31337");
        assert_eq!(found.factories[0].address, deployer.create(10));
        assert_eq!(found.factories[1].access_token, Some(deployer.create(11)));
        assert_eq!(found.true_tokens, [deployer.create(8)]);
        for (found, known) in found.tokens.iter().zip(&known.tokens) {
            assert!(found.address != known.address && found.symbol == known.symbol);
        }
        let text = site.toml().unwrap();
        assert!(DevContract::ALL.iter().all(|it| !text.contains(&it.address().to_string())));
    }
}
