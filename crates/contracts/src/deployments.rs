//! Factories that are on public chains, and which of them can be served (`protocol.md` section 17).

use alloy::primitives::{Address, address};
use bmn_primitives::Dialect::{self, Bmn1, Bmn4, Bmn11, Bmn23, Bmn302, OneInch1, OneInch2};

/// A factory whose address everybody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFactory {
    /// The factory.
    pub address: Address,
    /// Who made it, and which version.
    pub release: &'static str,
    /// The dialect it speaks.
    pub dialect: Dialect,
    /// True when its escrows look for another factory, so that what goes in never comes out.
    pub locks_funds: bool,
}

const fn factory(address: Address, release: &'static str, dialect: Dialect) -> KnownFactory {
    KnownFactory { address, release, dialect, locks_funds: false }
}

const fn locking(address: Address, release: &'static str, dialect: Dialect) -> KnownFactory {
    KnownFactory { address, release, dialect, locks_funds: true }
}

/// Every factory in the list of deployments. The addresses are the same on all chains they are on.
/// v1.x share the implementations of v2.2, whose escrows look for another factory; v2.1 very probably
/// does, and is treated as if.
pub const KNOWN_FACTORIES: &[KnownFactory] = &[
    locking(address!("75ee15F6BfDd06Aee499ed95e8D92a114659f4d1"), "BMN v1.0.0", Bmn1),
    locking(address!("2B2d52Cf0080a01f457A4f64F41cbca500f787b1"), "BMN v1.1.0", Bmn11),
    locking(address!("B916C3edbFe574fFCBa688A6B92F72106479bD6c"), "BMN v1.1.0", Bmn11),
    locking(address!("Bc9A20A9FCb7571B2593e85D2533E10e3e9dC61A"), "BMN v2.1.0", Bmn11),
    locking(address!("B436dBBee1615dd80ff036Af81D8478c1FF1Eb68"), "BMN v2.2.0", Bmn23),
    factory(address!("debE6F4bC7BaAD2266603Ba7AfEB3BB6dDA9FE0A"), "BMN v2.3.0", Bmn23),
    locking(address!("a820F5dB10AE506D22c7654036a4B74F861367dB"), "BMN v3.0.0", Bmn302),
    locking(address!("4E03F2dA3433626c4ed65544b6A99a013f5768d2"), "BMN v3.0.1", Bmn302),
    locking(address!("0EB761170E01d403a84d6237b5A1776eE2091eA3"), "BMN v3.0.1", Bmn302),
    factory(address!("AbF126d74d6A438a028F33756C0dC21063F72E96"), "BMN v3.0.2", Bmn302),
    factory(address!("5782442ED775a6FF7DA5FBcD8F612C8Bc4b285d3"), "BMN v4.0.0", Bmn4),
    factory(address!("a7bCb4EAc8964306F9e3764f67Db6A7af6DdF99A"), "1inch 1.0.0", OneInch1),
    factory(address!("03a25b3215a0e5c15cf23ac4d2e5cf86c0ff7efa"), "1inch 2025", OneInch2),
];

/// Looks a factory up by its address.
pub fn known_factory(address: Address) -> Option<&'static KnownFactory> {
    KNOWN_FACTORIES.iter().find(|factory| factory.address == address)
}
