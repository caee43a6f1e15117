//! Whether an order is worth it: prices, profit, caps.

use crate::{
    quotes::PriceTerms,
    timeline::Pace,
    worth::{RefundLimits, Retention, basis_points},
};
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

    /// The same rounded up: for what we pay.
    pub fn value_up(self, amount: U256, decimals: u8) -> u128 {
        let scaled = amount.saturating_mul(U256::from(self.0));
        let value = scaled.div_ceil(U256::from(10).pow(U256::from(decimals)));
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
    /// What else the specification says of money here.
    pub limits: RouteLimits,
    /// Our resolver contract on this chain; it takes for the dialects that a plain account cannot or
    /// must not take for.
    pub resolver: Option<Address>,
}

/// What a specification says of the worth and the manners of what is on its chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteLimits {
    /// A rollup of the OP stack: transactions pay for their data, too.
    pub op_stack: bool,
    /// From which source value on how many confirmations are asked for; never fewer than the pace has.
    pub confirmation_steps: Vec<ConfirmationStep>,
    /// Where prices come from; tokens that are not here have the specification's. Zero is the coin.
    pub prices: Vec<(Address, PriceTerms)>,
    /// Manners of tokens.
    pub flags: Vec<(Address, Vec<TokenFlag>)>,
    /// Most that may be open in a token, millionths of the reference currency.
    pub token_caps: Vec<(Address, u128)>,
    /// Most that may be open through a factory, millionths of the reference currency.
    pub factory_caps: Vec<(Address, u128)>,
}

impl RouteLimits {
    /// Where a token's price comes from; `None` where the specification states it.
    pub fn prices_of(&self, token: Address) -> Option<&PriceTerms> {
        listed(&self.prices, token).filter(|terms| !terms.sources.is_empty())
    }

    /// What is known of a token's manners.
    pub fn flags_of(&self, token: Address) -> &[TokenFlag] {
        listed(&self.flags, token).map_or(&[], Vec::as_slice)
    }

    /// A token's own cap.
    pub fn token_cap(&self, token: Address) -> Option<u128> {
        listed(&self.token_caps, token).copied()
    }

    /// A factory's own cap.
    pub fn factory_cap(&self, factory: Address) -> Option<u128> {
        listed(&self.factory_caps, factory).copied()
    }
}

fn listed<T>(list: &[(Address, T)], address: Address) -> Option<&T> {
    list.iter().find(|(known, _)| *known == address).map(|(_, value)| value)
}

/// From a value on, this many blocks on top of an including block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationStep {
    /// Source value, millionths of the reference currency.
    pub from_value: u128,
    /// Blocks.
    pub confirmations: u64,
}

/// How a token behaves beside the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenFlag {
    /// Takes a part of every transfer: an escrow holds less than it is bound to.
    FeeOnTransfer,
    /// Changes balances by itself.
    Rebasing,
    /// Runs code of the receiver or the sender during a transfer.
    Hooks,
    /// Can be stopped by its owner: no withdrawal then, and no cancel.
    Pausable,
    /// Can keep an address from sending or receiving: the address of a maker stops his own withdrawal
    /// alone.
    Blocklist,
    /// Returns nothing where the standard asks for a truth value; the escrows live with that.
    MissingReturn,
}

impl TokenFlag {
    /// Every flag with its name in a specification.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::FeeOnTransfer, "fee_on_transfer"),
        (Self::Rebasing, "rebasing"),
        (Self::Hooks, "hooks"),
        (Self::Pausable, "pausable"),
        (Self::Blocklist, "blocklist"),
        (Self::MissingReturn, "missing_return"),
    ];

    /// True where no order in such a token is settled: amounts that change between the legs, or code of
    /// a stranger inside ours. The others are told to whoever reads, and lived with.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::FeeOnTransfer | Self::Rebasing | Self::Hooks)
    }

    /// Its name in a specification.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(flag, _)| *flag == self).map_or("", |(_, name)| name)
    }
}

impl Route {
    /// Who of us takes orders and owns destinations of a dialect on this chain; `us` is the signer. None
    /// for a dialect that is indexed only, and where the contract that it needs is not configured.
    pub const fn taker(&self, us: Address, dialect: Dialect) -> Option<Address> {
        match dialect {
            Dialect::Bmn4 => Some(us),
            Dialect::Bmn302 | Dialect::OneInch1 | Dialect::OneInch2 => self.resolver,
            Dialect::Bmn1 | Dialect::Bmn11 | Dialect::Bmn23 => None,
        }
    }

    /// Blocks on top of an including block before we rely on it with so much at stake, millionths of
    /// the reference currency.
    pub fn confirmations_for(&self, value: u128) -> u64 {
        let steps = self.limits.confirmation_steps.iter();
        let asked = steps.filter(|step| step.from_value <= value).map(|step| step.confirmations);
        asked.fold(self.pace.confirmations, u64::max)
    }

    /// The chain's pace with the confirmations that a value asks for.
    pub fn pace_for(&self, value: u128) -> Pace {
        Pace { confirmations: self.confirmations_for(value), ..self.pace }
    }

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What else an order is measured by.
    pub limits: OrderLimits,
}

/// Allowances for what may go wrong, caps over open orders, and lists. The default allows for nothing
/// and caps nothing beyond [`Policy`] itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OrderLimits {
    /// Least profit on the worst path that completes, millionths of the reference currency.
    pub min_profit: Option<i64>,
    /// Share of the source value that its price may lose until we have sold it, basis points.
    pub slippage_bps: u64,
    /// Fees the worst path is computed with, percent of today's; below 100 counts as 100.
    pub gas_stress_percent: u64,
    /// Swaps in ten thousand that are expected to fail after both legs were made.
    pub failure_share_bps: u64,
    /// Most that a swap may cost which fails, millionths of the reference currency.
    pub max_failure_cost: Option<u128>,
    /// Least time from now to the source's cancellation, seconds.
    pub min_time_left: u64,
    /// Most that may be open in one token of a chain, millionths of the reference currency; a token's
    /// own cap goes before it.
    pub max_token_value: Option<u128>,
    /// Most that may be open with one maker.
    pub max_maker_value: Option<u128>,
    /// Most that may be open from one chain to one other.
    pub max_route_value: Option<u128>,
    /// Most that may be open through one destination factory; a factory's own cap goes before it.
    pub max_factory_value: Option<u128>,
    /// Caps of single routes, before `max_route_value`.
    pub route_caps: Vec<RouteCap>,
    /// Makers that are served; everybody where empty.
    pub allow_makers: Vec<Address>,
    /// Makers that are not served.
    pub deny_makers: Vec<Address>,
    /// Tokens that are settled; every known one where empty.
    pub allow_tokens: Vec<Address>,
    /// Tokens that are not settled.
    pub deny_tokens: Vec<Address>,
    /// What giving refused source escrows back may cost.
    pub refunds: RefundLimits,
    /// How long refused orders are kept.
    pub retention: Retention,
}

/// Most that may be open from one chain to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteCap {
    /// Source chain.
    pub from: ChainId,
    /// Destination chain.
    pub to: ChainId,
    /// Millionths of the reference currency.
    pub limit: u128,
}

/// Gas of the whole path on both chains: fill and source withdrawal; funding and destination
/// withdrawal (`protocol.md` section 16, BMN v4, rounded up).
pub const PATH_GAS: (u64, u64) = (357_000 + 48_000, 345_000 + 68_000);

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
    let bps = basis_points(net, source_value);
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
        assert_eq!((gas.gas, gas.net), (810 + 826, 10_000 - 810 - 826));
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
