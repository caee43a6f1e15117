//! Keys of a development network. All of them are public or derived from a public seed: never send
//! anything of value to them on another network.

use alloy::{
    primitives::{Address, B256, b256, keccak256},
    signers::local::PrivateKeySigner,
};

/// An account of the mnemonic that every Ethereum development tool uses
/// (`test test test test test test test test test test test junk`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum DevAccount {
    /// Deploys the contracts and owns the factories.
    Deployer = 0,
    /// Hands out coins while a network is set up.
    Faucet = 1,
    /// The resolver.
    Resolver = 2,
    /// A maker for people who try things out by hand.
    Maker = 3,
    /// A stranger who gets in the way.
    Griefer = 4,
}

impl DevAccount {
    /// Every account, by its number in the mnemonic.
    pub const ALL: [Self; 5] =
        [Self::Deployer, Self::Faucet, Self::Resolver, Self::Maker, Self::Griefer];

    /// The publicly known private key. DEVELOPMENT ONLY.
    pub const fn key(self) -> B256 {
        match self {
            Self::Deployer => {
                b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
            }
            Self::Faucet => {
                b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d")
            }
            Self::Resolver => {
                b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a")
            }
            Self::Maker => {
                b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6")
            }
            Self::Griefer => {
                b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a")
            }
        }
    }

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deployer => "deployer",
            Self::Faucet => "faucet",
            Self::Resolver => "resolver",
            Self::Maker => "maker",
            Self::Griefer => "griefer",
        }
    }

    /// Signs as this account.
    pub fn signer(self) -> PrivateKeySigner {
        signer_of(self.key())
    }

    /// Its address.
    pub fn address(self) -> Address {
        self.signer().address()
    }
}

/// Who gets the integrator's fee of `oneinch2` orders. Nobody has its key.
pub const INTEGRATOR: Address = Address::repeat_byte(0xa1);
/// Who gets the protocol's fee of `oneinch2` orders. Nobody has its key.
pub const PROTOCOL: Address = Address::repeat_byte(0xa2);

/// The key of the maker of swap `index` in the run with `seed`: one maker a swap, so that every
/// balance belongs to one swap alone.
pub fn maker_signer(seed: u64, index: u32) -> PrivateKeySigner {
    signer_of(derive("bmn dev maker", seed, index))
}

/// The secret of swap `index` in the run with `seed`.
pub fn secret_bytes(seed: u64, index: u32) -> [u8; 32] {
    derive("bmn dev secret", seed, index).0
}

/// Any other 32 bytes that belong to a swap.
pub(crate) fn derive(purpose: &str, seed: u64, index: u32) -> B256 {
    keccak256([purpose.as_bytes(), &seed.to_be_bytes(), &index.to_be_bytes()].concat())
}

// A hash is outside the group order once in 2^128 tries; hashing again then is as good.
fn signer_of(mut key: B256) -> PrivateKeySigner {
    loop {
        if let Ok(signer) = PrivateKeySigner::from_bytes(&key) {
            return signer;
        }
        key = keccak256(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::address;

    #[test]
    fn the_keys_are_those_of_the_public_mnemonic() {
        let known = [
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
            address!("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
            address!("90F79bf6EB2c4f870365E785982E1f101E93b906"),
            address!("15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
        ];
        assert_eq!(DevAccount::ALL.map(DevAccount::address), known);
        assert_eq!(DevAccount::Deployer.address(), bmn_config::DEV_DEPLOYER);
    }

    #[test]
    fn makers_differ_by_seed_and_index_and_repeat() {
        let maker = |seed, index| maker_signer(seed, index).address();
        assert_eq!(maker(7, 1), maker(7, 1));
        assert!(maker(7, 1) != maker(7, 2) && maker(7, 1) != maker(8, 1));
    }
}
