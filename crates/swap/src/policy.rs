//! Whether an order is worth it: prices, profit, caps.

use crate::timeline::Pace;
use alloy::primitives::{Address, U256};
use bmn_contracts::EscrowImplementations;
use bmn_primitives::{ChainId, Dialect};
use serde::{Deserialize, Serialize};

/// A price: millionths of the reference currency for one whole token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Price(pub u64);

impl Price {
    /// Value of `amount` smallest units of a token with `decimals`, in millionths, rounded down.
    pub fn value(self, amount: U256, decimals: u8) -> u128 {
        let scaled = amount.saturating_mul(U256::from(self.0));
        let value = scaled / U256::from(10).pow(U256::from(decimals));
        u128::try_from(value).unwrap_or(u128::MAX)
    }
}

/// A token we know and what it is worth. Tokens that are not listed are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenTerms {
    /// Contract; zero is the native coin.
    pub address: Address,
    /// Decimals.
    pub decimals: u8,
    /// Price.
    pub price: Price,
}

/// A factory we believe on a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactoryTerms {
    /// Address.
    pub address: Address,
    /// Dialect it speaks.
    pub dialect: Dialect,
    /// Limit-order contract whose fills it takes.
    pub limit_order_protocol: Address,
    /// Implementations behind its clones.
    pub implementations: EscrowImplementations,
    /// Rescue delay, seconds.
    pub rescue_delay: u64,
    /// Its events are indexed; nothing of ours is ever put into its escrows.
    pub index_only: bool,
}

impl FactoryTerms {
    /// Why no order is settled through it, if so: the operator's switch, or that its escrows are known
    /// to look for another factory and keep for ever what goes in (`protocol.md` 11.14).
    pub fn index_only_reason(&self) -> Option<String> {
        let known = bmn_contracts::known_factory(self.address).filter(|known| known.locks_funds);
        match known {
            Some(known) => Some(format!("it is {}, whose escrows lock funds", known.release)),
            None if self.index_only => Some("the chain specification says so".to_owned()),
            None => None,
        }
    }
}

/// One chain as an order's route sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Chain id.
    pub chain: ChainId,
    /// Speed and confirmations.
    pub pace: Pace,
    /// Known tokens, the native coin included (address zero).
    pub tokens: Vec<TokenTerms>,
    /// Taker assets that cost nothing (`protocol.md` 7.6).
    pub true_tokens: Vec<Address>,
    /// Believed factories.
    pub factories: Vec<FactoryTerms>,
    /// Least source value of an order from here, millionths of the reference currency.
    pub min_order_value: u128,
}

impl Route {
    /// The known token at an address. A price of zero means that there is none.
    pub fn token(&self, address: Address) -> Option<&TokenTerms> {
        self.tokens.iter().find(|token| token.address == address)
    }

    /// The believed factory at an address.
    pub fn factory(&self, address: Address) -> Option<&FactoryTerms> {
        self.factories.iter().find(|factory| factory.address == address)
    }

    /// The factory we create destinations at for a dialect: the first one listed that is served.
    pub fn factory_for(&self, dialect: Dialect) -> Option<&FactoryTerms> {
        self.factories
            .iter()
            .find(|factory| factory.dialect == dialect && factory.index_only_reason().is_none())
    }
}

/// The operator's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Least profit in basis points of the source value, after gas.
    pub min_profit_bps: i64,
    /// Largest source value of one order, millionths of the reference currency.
    pub max_order_value: u128,
    /// Seconds the maker is given to disclose.
    pub maker_reaction: u64,
    /// Longest window we accept, seconds from now to the source cancellation.
    pub max_window: u64,
    /// Serve source escrows that somebody created naming us.
    pub allow_direct_source: bool,
    /// Orders open at the same time.
    pub max_open_orders: u64,
    /// Gas we spend to give a refused direct source escrow back.
    pub cancel_refused_gas: u64,
}

/// Gas of the whole path on both chains: fill and source withdrawal; funding and destination
/// withdrawal (`protocol.md` section 16, BMN v4, rounded up).
pub const PATH_GAS: (u64, u64) = (357_000 + 48_000, 310_000 + 60_000);

/// What an order earns, in millionths of the reference currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profit {
    /// Value received on the source chain.
    pub source_value: u128,
    /// Value paid on the destination chain.
    pub destination_value: u128,
    /// Expected gas on both chains.
    pub gas: u128,
    /// The destination's safety deposit: whoever withdraws it keeps the deposit, and the maker may.
    pub deposit: u128,
    /// Source minus destination, gas and deposit: what is left on the worst path that completes.
    pub net: i128,
    /// Net in basis points of the source value, rounded down.
    pub bps: i64,
}

/// Values an order. Gas prices are wei per gas on (source, destination), the deposit is wei on the
/// destination chain.
pub fn profit(
    source: (&TokenTerms, U256),
    destination: (&TokenTerms, U256),
    native: (&TokenTerms, &TokenTerms),
    gas_price: (u128, u128),
    deposit: U256,
) -> Profit {
    let cost = |gas: u64, price: u128, token: &TokenTerms| {
        token.price.value(U256::from(gas).saturating_mul(U256::from(price)), token.decimals)
    };
    let source_value = source.0.price.value(source.1, source.0.decimals);
    let destination_value = destination.0.price.value(destination.1, destination.0.decimals);
    let gas = cost(PATH_GAS.0, gas_price.0, native.0).saturating_add(cost(
        PATH_GAS.1,
        gas_price.1,
        native.1,
    ));
    let signed = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
    let deposit = native.1.price.value(deposit, native.1.decimals);
    let costs = [destination_value, gas, deposit].map(signed);
    let net = costs.into_iter().fold(signed(source_value), i128::saturating_sub);
    let bps = if source_value == 0 {
        i64::MIN
    } else {
        let scaled = net.saturating_mul(10_000).div_euclid(signed(source_value));
        i64::try_from(scaled).unwrap_or(if scaled < 0 { i64::MIN } else { i64::MAX })
    };
    Profit { source_value, destination_value, gas, deposit, net, bps }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: TokenTerms =
        TokenTerms { address: Address::ZERO, decimals: 18, price: Price(2_000_000) };
    const SIX: TokenTerms =
        TokenTerms { address: Address::ZERO, decimals: 6, price: Price(1_000_000) };

    #[test]
    fn profit_is_what_is_left_after_the_other_leg_gas_and_the_deposit() {
        let ether = U256::from(10).pow(U256::from(18));
        let earned = |gas_price, deposit| {
            let destination = (&SIX, U256::from(1_990_000));
            profit((&TOKEN, ether), destination, (&TOKEN, &TOKEN), gas_price, deposit)
        };
        let free = earned((0, 0), U256::ZERO);
        assert_eq!((free.net, free.bps), (10_000, 50));
        let gas = earned((1_000_000_000, 1_000_000_000), U256::ZERO);
        assert_eq!((gas.gas, gas.net), (810 + 740, 10_000 - 810 - 740));
        let deposit = earned((0, 0), ether / U256::from(1_000));
        assert_eq!((deposit.deposit, deposit.net), (2_000, 8_000));
    }

    #[test]
    fn a_worthless_source_is_never_profitable_and_nothing_overflows() {
        let zero = profit((&SIX, U256::ZERO), (&SIX, U256::ONE), (&SIX, &SIX), (0, 0), U256::ZERO);
        assert_eq!(zero.bps, i64::MIN);
        let dear = (u128::MAX, 0);
        let huge = profit((&SIX, U256::MAX), (&SIX, U256::ZERO), (&SIX, &SIX), dear, U256::MAX);
        assert!(huge.source_value == u128::MAX && huge.net < 0);
    }
}
